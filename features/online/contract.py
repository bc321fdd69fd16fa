"""What every online store here promises, whichever it is; Feast's own stores differ in all of it.

* A key that was never written, or that was forgotten, is not found.
* A row past the time to live of its feature view is not found. Time counts from the row's event timestamp, as in
  Feast's historical retrieval.
* A row that is older than the one in its place, by event timestamp, is left out. One of the same time replaces it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from feast import FeatureView
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

Row = tuple[EntityKey, dict[str, Value], datetime, datetime | None]  # as Feast hands it to a store
Found = tuple[datetime | None, dict[str, Value] | None]  # as a store hands it to Feast

EPOCH = datetime.fromtimestamp(0, UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Since 1970 UTC; Feast's times without a zone are UTC."""
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND


def time(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970 UTC."""
    return EPOCH + microseconds * MICROSECOND


def visible_row(view: FeatureView, written: datetime | None, values: Any) -> Found:
    """The row, unless there is none or it is past the view's time to live."""
    if written is None or not any(value.WhichOneof("val") for value in values.values()):  # Redis: a row of nothing
        return None, None
    if view.ttl and written < datetime.now(UTC) - view.ttl:
        return None, None
    return written, values
