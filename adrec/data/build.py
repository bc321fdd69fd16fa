"""How do interactions become histories, on one machine? Training, features and serving share this transform."""

from typing import TypeVar

import numpy as np
import polars as pl

from adrec.data import kcore
from adrec.data.catalogue import Catalogue
from adrec.data.histories import Histories
from adrec.data.interactions import ITEM, RATING, TIMESTAMP, USER

FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)


def keep_positives(interactions: FrameT, min_rating: float) -> FrameT:
    """The rows rated at least `min_rating`; all of them where there are no ratings."""
    rated = RATING in interactions.collect_schema().names()
    return interactions.filter(pl.col(RATING) >= min_rating) if rated else interactions


def build_histories(interactions: pl.DataFrame | pl.LazyFrame, core: int = 1) -> tuple[Catalogue, Histories]:
    """Turn rows into histories: of the frequent users and items alone, numbered by first appearance, in order of time.

    Rows with equal timestamps keep their order in `interactions`.

    Args:
        interactions: rows in the order of the source; lazy ones are read without their ids ever being in memory whole.
        core: users and items with fewer interactions are dropped until none is left.
    """
    coded = _coded(interactions.lazy())
    left_R = kcore.k_core_mask(coded[USER].to_physical().to_numpy(), coded[ITEM].to_physical().to_numpy(), core)
    if not left_R.all():
        coded = coded.filter(left_R)
    (users, user_numbers), (items, item_numbers) = (_numbered(coded[key]) for key in (USER, ITEM))
    timestamps = coded[TIMESTAMP].to_numpy()
    order = kcore.argsort_by_user_time(user_numbers, timestamps)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(user_numbers, minlength=len(users)))])
    return Catalogue(items), Histories(users, item_numbers[order] + 1, timestamps[order], offsets)


def _coded(interactions: pl.LazyFrame) -> pl.DataFrame:
    """Users and items as categories of their own, times in microseconds."""
    ids = (pl.col(key).cast(pl.Categorical(pl.Categories.random())) for key in (USER, ITEM))
    return interactions.select(*ids, pl.col(TIMESTAMP).dt.epoch("us")).collect(engine="streaming")


def _numbered(ids: pl.Series) -> tuple[tuple[str, ...], np.ndarray]:
    """The ids in the order of their first appearance; and the number, from 0 on, of each row's, int32."""
    rows, numbers = kcore.factorize(ids.to_physical().to_numpy())
    return tuple(ids.gather(rows).cast(pl.String)), numbers
