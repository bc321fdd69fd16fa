"""How histories get into the online store and out of it, through Feast."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from adrec.data.interactions import USER
from features import event_log, histories, ledger
from features.settings import ITEMS, LENGTH, TIMESTAMPS

if TYPE_CHECKING:
    from feast import FeatureStore

VIEW = "user_history"
PUSH_SOURCE = "user_history_push"
AT_ONCE = 2000  # users written under one lock: other writers wait for a fraction of a second


def writing(feast: "FeatureStore") -> AbstractContextManager[Any]:
    """The one writer: whoever reads histories to change them holds this until they are written."""
    lock: AbstractContextManager[Any] = _store(feast).lock(feast.config)
    return lock


def fill(feast: "FeatureStore", rows: pl.DataFrame, since: int, max_length: int) -> None:
    """Replace the histories of the users of `rows`, which are right up to the event of number `since`.

    An event that another writer appended in the meantime is taken in: under the lock, the histories of its user are
    made again.
    """
    for some in rows.iter_slices(AT_ONCE):
        with writing(feast):
            users = some[USER].to_list()
            late = event_log.of(users, since)[USER].unique().to_list()
            again = histories.latest(ledger.of(late), max_length) if late else some.clear()
            replace(feast, pl.concat([some.filter(~pl.col(USER).is_in(late)), again]))


def replace(feast: "FeatureStore", rows: pl.DataFrame) -> None:
    """Write the rows of `HISTORY` in one go, whatever is in their place."""
    put(feast, VIEW, messages(rows))


def put(feast: "FeatureStore", view: str, rows: Iterable[Any]) -> None:
    """Write rows as Feast's stores take them, whatever is in their place."""
    with _uncollected():
        _store(feast).replace(feast.config, feast.get_feature_view(view), list(rows))


def forget(feast: "FeatureStore", users: Sequence[str]) -> None:
    """Make the users unknown, but for those of whom an event came."""
    for start in range(0, len(users), AT_ONCE):
        some = list(users[start : start + AT_ONCE])
        with writing(feast):
            alive = set(event_log.of(some)[USER])
            gone = [key(USER, user) for user in some if user not in alive]
            _store(feast).forget(feast.config, feast.get_feature_view(VIEW), gone)


def erase(feast: "FeatureStore", user: str) -> None:
    """Make the user unknown, whatever came of him; the caller is the one writer."""
    _store(feast).forget(feast.config, feast.get_feature_view(VIEW), [key(USER, user)])


def push(feast: "FeatureStore", user: str, items: list[str], timestamps: list[int]) -> None:
    """Write one user's history through the push source; a newer one in its place stays."""
    row = pl.DataFrame([(user, items, timestamps)], schema=histories.HISTORY, orient="row")
    feast.push(PUSH_SOURCE, histories.stamped(row).to_pandas())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection: it would go through thousands of messages again and again, and find no garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _store(feast: "FeatureStore") -> Any:
    return feast._get_provider().online_store


def key(name: str, value: str) -> Any:
    """The key of a row: the entity whose `name` is `value`."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=[name], entity_values=[Value(string_val=value)])


def messages(rows: pl.DataFrame) -> Iterator[Any]:
    """The histories as Feast's stores take them."""
    from feast.protos.feast.types.Value_pb2 import Value

    from features.online import contract

    for user, items, timestamps in rows.select(USER, ITEMS, TIMESTAMPS).iter_rows():
        values = {ITEMS: Value(), TIMESTAMPS: Value(), LENGTH: Value(int64_val=len(items))}
        values[ITEMS].string_list_val.val.extend(items)  # filled in place: built apart, a list would be copied
        values[TIMESTAMPS].int64_list_val.val.extend(timestamps)
        yield key(USER, user), values, contract.time(timestamps[-1]), None
