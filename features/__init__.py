"""The feature store: a Feast repository, and the few functions that read and append histories.

    import features
    features.append("user-00001", "item-00007", datetime.now(UTC))

appends to the store of ADREC_FEATURES_DIR; `features.store` has the rest.
"""

import os
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.store import Store


def append(user: str, item: str, time: datetime) -> None:
    """Add one interaction to the user's history in the store of this process; see `features.store.append`."""
    from features import settings, store

    store.append(_opened(str(settings.folder()), os.environ.get(settings.REDIS_VARIABLE)), user, item, time)


@cache
def _opened(place: str, server: str | None) -> "Store":
    """The store in the folder `place`, or on `server`, opened once."""
    from features import store

    return store.open_store()
