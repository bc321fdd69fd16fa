"""What the store knows: the interactions as last published and the events beside them. All else follows from these."""

from collections.abc import Sequence

import polars as pl

from adrec.data.interactions import USER
from adrec.files import new_file
from features import event_log
from features.settings import INTERACTIONS, INTERACTIONS_FILE, folder

ROW_GROUP = 50_000  # rows: a reader of one user skips all groups but his
KEYS = list(INTERACTIONS)


def write(interactions: pl.DataFrame) -> None:
    """Keep `interactions`, each user's in order, in place of what was published before."""
    rows = interactions.select(KEYS).cast(INTERACTIONS).sort(USER, maintain_order=True)
    with new_file(folder() / INTERACTIONS_FILE) as unfinished:
        rows.write_parquet(unfinished, row_group_size=ROW_GROUP)


def forget(user: str) -> None:
    """Leave the user out of what was published."""
    if (folder() / INTERACTIONS_FILE).exists():
        write(_published().filter(pl.col(USER) != user).collect())


def interactions() -> pl.DataFrame:
    """Every interaction once: those published, then the events in the order of arrival; it breaks ties in time."""
    return _together(_published().collect(), event_log.read())


def of(users: Sequence[str]) -> pl.DataFrame:
    """The interactions of these users, as `interactions` has them."""
    return _together(_published().filter(pl.col(USER).is_in(users)).collect(), event_log.of(users))


def _together(published: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    new = later.join(published, on=KEYS, how="anti", maintain_order="left")
    return pl.concat([published, new])


def _published() -> pl.LazyFrame:
    path = folder() / INTERACTIONS_FILE
    return pl.scan_parquet(path) if path.exists() else pl.LazyFrame(schema=INTERACTIONS)
