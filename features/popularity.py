"""Which items are popular now: the fallback for users of whom nothing is known, from the same store as histories.

An interaction counts half as much after each half-life. Ages count from the newest interaction that is known, so the
same interactions always give the same ranking.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from adrec.data.interactions import ITEM, TIMESTAMP
from adrec.files import new_file
from features.online import writer
from features.settings import EVENT_TIMESTAMP, ITEMS, POPULAR_FILE, folder

if TYPE_CHECKING:
    from feast import FeatureStore

VIEW = "popular_items"
RANKING = "ranking"  # the key; there is one ranking
EVERYBODY = "everybody"
SCORES = "scores"
DAY = 86_400_000_000  # microseconds


def ranking(interactions: pl.DataFrame, half_life_days: float, count: int) -> pl.DataFrame:
    """The `count` most popular items and their scores, falling; equal ones in the order of first appearance."""
    age = (pl.col(TIMESTAMP).max() - pl.col(TIMESTAMP)).dt.total_microseconds()
    weight = 2.0 ** (-age / (DAY * half_life_days))
    weighted = interactions.select(ITEM, weight.alias(SCORES))
    scored = weighted.group_by(ITEM, maintain_order=True).agg(pl.col(SCORES).sum())
    return scored.sort(SCORES, descending=True, maintain_order=True).head(count)


def write(feast: "FeatureStore", interactions: pl.DataFrame, half_life_days: float, count: int) -> None:
    """Rank the items of `interactions`, in the offline table and in the online store."""
    from feast.protos.feast.types.Value_pb2 import DoubleList, StringList, Value

    best = ranking(interactions, half_life_days, count)
    items, scores, newest = best[ITEM].to_list(), best[SCORES].to_list(), interactions[TIMESTAMP].max()
    row = {RANKING: [EVERYBODY], ITEMS: [items], SCORES: [scores], EVENT_TIMESTAMP: [newest]}
    with new_file(folder() / POPULAR_FILE) as unfinished:
        pl.DataFrame(row).write_parquet(unfinished)
    values = {
        ITEMS: Value(string_list_val=StringList(val=items)),
        SCORES: Value(double_list_val=DoubleList(val=scores)),
    }
    writer.put(feast, VIEW, [(writer.key(RANKING, EVERYBODY), values, newest, None)])


def read(feast: "FeatureStore") -> list[tuple[str, float]]:
    """The popular items and their scores, best first; none where no ranking was published."""
    features: list[str] = [f"{VIEW}:{ITEMS}", f"{VIEW}:{SCORES}"]
    rows: list[dict[str, Any]] = [{RANKING: EVERYBODY}]
    found = feast.get_online_features(features, rows).to_dict()
    return list(zip(found[ITEMS][0] or [], found[SCORES][0] or [], strict=True))
