"""The feature store: publish interactions, append one or many, read histories as they are or as they were.

Item ids are external here, so a model with another catalogue needs no other features. All that the store holds follows
from the interactions that were published and the events that were appended (`features/ledger.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock

from adrec.config import Publish
from adrec.data.build import keep_positives
from adrec.data.interactions import RATING, USER
from features import errors, event_log, feast_repo, histories, ledger, offline, popularity
from features.online import writer
from features.settings import FOLDER_VARIABLE, INTERACTIONS, ITEMS, TIMESTAMPS, folder

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

SERVICE = "recommender_v1"
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Store:
    """An open feature store and the feature service that is read from it."""

    feast: "FeatureStore"
    service: "FeatureService"


@errors.raises_unavailable()
def open_store(service: str = SERVICE) -> Store:
    """Open the store to read `service` from it.

    Raises:
        ValueError: nothing was published there, or not this feature service.
        UnavailableError: its registry cannot be read.
    """
    from feast.errors import FeatureServiceNotFoundException

    place = folder()
    if not place.is_dir():
        raise ValueError(f"there is no feature store in {place}: publish one, or name its folder in {FOLDER_VARIABLE}")
    feast = feast_repo.connect()
    try:
        return Store(feast, feast.get_feature_service(service))
    except FeatureServiceNotFoundException:
        raise ValueError(
            f"the feature store in {place} has no feature service {service!r}: publish it, "
            f"or name another folder in {FOLDER_VARIABLE}"
        ) from None


@errors.raises_unavailable()
def publish(interactions: pl.DataFrame, settings: Publish, min_rating: float | None = None) -> None:
    """Make `interactions` what the store knows, in place of what was published before and beside what was appended.

    Users who are neither in them nor in an event become unknown. Killed at any moment and called again, it ends in the
    same state.

    Args:
        interactions: `user_id`, `item_id`, `timestamp`; each user's in the order that breaks ties in time.
        settings: what to keep of them.
        min_rating: from which rating on they were taken, for the files of events that are appended later (`liked`).
    """
    folder().mkdir(parents=True, exist_ok=True)
    with _writing_tables():
        feast = feast_repo.connect()
        feast.apply(feast_repo.definitions(settings, min_rating))
        former = pl.concat([offline.users(), ledger.interactions()[USER]]).unique()  # the last one may have been killed
        writer.forget(feast, former.filter(~former.is_in(interactions[USER].implode())).to_list())
        ledger.write(interactions)
        newest_event, rows = event_log.newest(), ledger.interactions()
        writer.fill(feast, histories.latest(rows, settings.max_length), newest_event, settings.max_length)
        _write_tables(feast, rows, newest_event, settings)


@errors.raises_unavailable()
def refresh(store: Store) -> None:
    """Bring the offline tables and the ranking of popular items up to the last event; nothing where they are.

    An event that was logged by a writer who was killed before he pushed it reaches the online store now.
    """
    with _writing_tables():
        before, newest_event = offline.newest_event(), event_log.newest()
        if before == newest_event:
            return
        settings, rows = settings_of(store), ledger.interactions()
        changed = rows.join(event_log.read(before), on=USER, how="semi", maintain_order="left")
        writer.fill(store.feast, histories.latest(changed, settings.max_length), newest_event, settings.max_length)
        _write_tables(store.feast, rows, newest_event, settings)


@errors.raises_unavailable()
def forget(store: Store, user: str) -> int:
    """Erase a user from all that the store keeps, the ranking of popular items too; gives how many interactions went.

    Killed at any moment and called again, it ends in the same state. A file of events of this user must not be appended
    meanwhile.

    Raises:
        ValueError: nothing was published yet, or of nobody else.
        UnavailableError: the store cannot be read or written.
    """
    settings = settings_of(store)
    with _writing_tables():
        of_user = ledger.interactions()[USER] == user
        if of_user.all():
            raise ValueError(f"the store knows of nobody but {user!r}: remove its folder, {folder()}")
        with writer.writing(store.feast):
            event_log.forget(user)
            ledger.forget(user)
            writer.erase(store.feast, user)
        newest_event, rows = event_log.newest(), ledger.interactions()
        _write_tables(store.feast, rows, newest_event, settings)
    return int(of_user.sum())


@errors.raises_unavailable()
def history(store: Store, user: str) -> list[str] | None:
    """The external ids of the user's last items, oldest first; None for an unknown user.

    Raises:
        UnavailableError: the store cannot be read.
    """
    return _read(store, user)[0] or None


def histories_as_of(store: Store, asked: pl.DataFrame) -> pl.DataFrame:
    """Each user's history as it stood at a time; see `features.offline.as_of`."""
    refresh(store)
    return offline.as_of(store.feast, store.service, asked)


@errors.raises_unavailable()
def append(store: Store, user: str, item: str, time: datetime) -> None:
    """Add one interaction to the user's history; the next reader sees it.

    A late interaction takes its place in the order of time, after others of the same time; one that is there already
    changes nothing. Any number of processes may append at once: reading, changing and writing are one, under the
    store's lock. Killed at any moment and called again, it ends in the same state.

    Raises:
        ValueError: `time` has no time zone or is in the future, an id is empty, or nothing was published yet.
        UnavailableError: the store cannot be read or written.
    """
    if time.tzinfo is None:
        raise ValueError(f"the time {time} of an interaction needs a time zone")
    event = pl.DataFrame([(user, item, time)], schema=INTERACTIONS, orient="row")
    event_log.check(event)
    timestamp = (time - EPOCH) // timedelta(microseconds=1)
    settings = settings_of(store)
    with writer.writing(store.feast):
        event_log.add(event)
        before = _read(store, user)
        if histories.hides_something(before, timestamp, settings):
            writer.replace(store.feast, histories.latest(ledger.of([user]), settings.max_length))
            return
        after = histories.insert(*before, item, timestamp, settings.max_length)
        if after != before:
            writer.push(store.feast, user, *after)


@errors.raises_unavailable()
def append_all(store: Store, interactions: pl.DataFrame) -> int:
    """Add many interactions, as `append` adds one; gives how many were new.

    Killed at any moment and called again, it ends in the same state.

    Raises:
        ValueError: an event has an empty id or a time in the future, then none is added; or nothing was published yet.
        UnavailableError: the store cannot be read or written.
    """
    max_length = settings_of(store).max_length
    rows = interactions.select(INTERACTIONS.keys())
    event_log.check(rows)
    users = rows[USER].unique().to_list()
    new = rows.unique().join(ledger.of(users), on=rows.columns, how="anti").height
    event_log.add(rows)
    newest_event = event_log.newest()
    writer.fill(store.feast, histories.latest(ledger.of(users), max_length), newest_event, max_length)
    return new


@errors.raises_unavailable()
def popular(store: Store) -> list[tuple[str, float]]:
    """The items that are popular now with their scores, best first; none where no ranking was published.

    Raises:
        UnavailableError: the store cannot be read.
    """
    return popularity.read(store.feast)


def settings_of(store: Store) -> Publish:
    """With what the store was published.

    Raises:
        ValueError: nothing was published yet.
    """
    found = feast_repo.settings(store.feast)
    if found is None:
        raise ValueError(f"nothing was published in {folder()} yet: run the publish step first")
    return found


def liked(store: Store, interactions: pl.DataFrame) -> pl.DataFrame:
    """Those that count, as in what was published: the ones rated high enough, all where there are no ratings.

    Raises:
        ValueError: there are ratings, but nobody said at the publication which of them are high enough.
    """
    if RATING not in interactions.columns:
        return interactions
    least = feast_repo.min_rating(store.feast)
    if least is None:
        raise ValueError(
            f"the events have ratings, but the store in {folder()} does not say from which on they count: "
            "run the publish step again, or leave the ratings out"
        )
    return keep_positives(interactions, least)


def _writing_tables() -> FileLock:
    """One process at a time writes the tables; who only appends need not wait."""
    return FileLock(folder() / "tables.lock")


def _write_tables(feast: "FeatureStore", rows: pl.DataFrame, newest_event: int, settings: Publish) -> None:
    """Write the ranking and, last, the offline table of histories, which says how far it goes."""
    popularity.write(feast, rows, settings.half_life_days, settings.popular_items)
    offline.write(rows, newest_event, settings.max_length)


def _read(store: Store, user: str) -> tuple[list[str], list[int]]:
    """Items and timestamps of a user; both empty for an unknown one."""
    features = store.feast.get_online_features(store.service, [{USER: user}]).to_dict()
    return features[ITEMS][0] or [], features[TIMESTAMPS][0] or []
