"""Step `drift`: is the service still asked about what the model was trained on?

A sample of the histories that were served is held against the profile of the training data, by the population
stability index, sum over bins of (p - q) ln(p / q): 0 where the two agree, about 0.1 where a difference is worth a
look, 0.25 where it is large. The bins are those in which training has about equal shares.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adrec import config
from adrec.files import new_folder
from features import monitoring
from features.monitoring import Profile

SUMMARY, PAGE = "drift.json", "drift.html"
BINS = 10
SMOOTHING = 0.5  # added to every count: a bin that one side lacks must not make the index infinite
POPULAR = "popular"  # the strategy of an answer that no history stands behind


@dataclass(frozen=True)
class Bins:
    """How often training and service fell into each bin."""

    names: list[str]
    training: np.ndarray
    served: np.ndarray

    @property
    def index(self) -> float:
        """The population stability index; it is 0 where nothing was served."""
        if not self.served.sum():
            return 0.0
        p, q = ((counts + SMOOTHING) / (counts + SMOOTHING).sum() for counts in (self.training, self.served))
        return float(((q - p) * np.log(q / p)).sum())


@dataclass(frozen=True)
class Measure:
    """One figure, and the bound that it must not pass."""

    name: str
    value: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether it is within its bound."""
        return self.value <= self.bound

    @property
    def sentence(self) -> str:
        """Value and bound in words."""
        return f"{self.name} {self.value:.3f} is {'within' if self.passed else 'above'} {self.bound:g}"


def run(*, drift: config.Drift, drifted: Path) -> str:
    """Write the folder `drifted`, the page and its numbers, and return the outcome in one sentence.

    Raises:
        ValueError: fewer histories were sampled than `drift.min_requests`.
        FileNotFoundError: nothing was published.
    """
    from components.drift import report

    trained, now = monitoring.read(), datetime.now(UTC)
    served, unreadable = monitoring.served(now - timedelta(days=drift.days))
    if served.height < drift.min_requests:
        raise ValueError(
            f"params: drift.min_requests = {drift.min_requests:,}, but only {served.height:,} histories were sampled in"
            f" the last {drift.days} days: wait, or raise serve.sample"
        )
    lengths, popularity = by_length(trained, served), by_popularity(trained, served)
    measures = list(measured(served, trained, lengths, popularity, drift))
    summary = {
        "drifted": not all(measure.passed for measure in measures),
        "checked_at": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "requests": served.height,
        "unreadable_lines": unreadable,
        "first": str(served["time"].dt.date().min()),
        "last": str(served["time"].dt.date().max()),
        "data_tag": trained.data_tag,
        "measures": [{**asdict(measure), "passed": measure.passed} for measure in measures],
        "movers": movers(trained, served, drift.movers),
    }
    with new_folder(drifted) as folder:
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
        (folder / PAGE).write_text(report.page_of(summary, measures, lengths, popularity), encoding="utf-8")
    return outcome(measures, unreadable, drifted / PAGE)


def measured(
    served: pl.DataFrame, trained: Profile, lengths: Bins, popularity: Bins, drift: config.Drift
) -> Iterator[Measure]:
    """Every figure with its bound."""
    unknown = int((~served_items(served).is_in(list(trained.items))).sum())
    total = max(1, len(served_items(served)))
    yield Measure("the index of history lengths", lengths.index, drift.max_length_index)
    yield Measure("the index of item popularity", popularity.index, drift.max_popularity_index)
    yield Measure("the share of unknown items", unknown / total, drift.max_unknown)
    yield Measure("the share of requests without a known history", _share_popular(served), drift.max_without_history)


def _share_popular(served: pl.DataFrame) -> float:
    return float((served["strategy"] == POPULAR).mean() or 0)  # type: ignore[arg-type]


def served_items(served: pl.DataFrame) -> pl.Series:
    """All items of all served histories."""
    return served["history"].explode().drop_nulls()


def by_length(trained: Profile, served: pl.DataFrame) -> Bins:
    """Histories by length, those of training cut into about equal shares; the empty ones are counted elsewhere."""
    lengths, counts = (np.array(part) for part in zip(*sorted(trained.lengths.items()), strict=True))
    edges = _equal_shares(counts, lengths)
    longest = int(lengths.max())
    found = served["history"].list.len().to_numpy().clip(max=longest)  # the model reads no further
    known = np.repeat(lengths, counts)
    names = [f"{low}" if low + 1 == high else f"{low}-{high - 1}" for low, high in pairwise(edges.tolist())]
    if len(names) > 1:
        names = [f"up to {edges[1] - 1}", *names[1:-1], f"{edges[-2]} on"]
    return Bins(names, np.histogram(known, edges)[0], np.histogram(found[found > 0].clip(min=edges[0]), edges)[0])


def _equal_shares(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Edges of at most `BINS` bins of rising whole `values` with about equal shares of `counts`."""
    shares = np.cumsum(counts) / counts.sum()
    inner = values[np.searchsorted(shares, np.arange(1, BINS) / BINS)] + 1
    return np.unique([values.min(), *inner, values.max() + 1])


def by_popularity(trained: Profile, served: pl.DataFrame) -> Bins:
    """Interactions by the popularity of their item in training: tenths of training, from head to tail."""
    ranked = sorted(trained.items.items(), key=lambda entry: -entry[1])
    counts = np.array([count for _, count in ranked])
    tenth = np.minimum((np.cumsum(counts) - counts) * BINS // max(1, counts.sum()), BINS - 1)
    places = {item: int(place) for (item, _), place in zip(ranked, tenth, strict=True)}
    found = [places[item] for item in served_items(served) if item in places]
    training = np.bincount(tenth, weights=counts, minlength=BINS)
    return Bins(_tenths(), training, np.bincount(found, minlength=BINS) if found else np.zeros(BINS))


def _tenths() -> list[str]:
    return ["head", *(str(number) for number in range(2, BINS)), "tail"]


def movers(trained: Profile, served: pl.DataFrame, count: int) -> list[dict[str, Any]]:
    """The items whose share of the interactions changed most, with both shares."""
    found = dict(served_items(served).value_counts().iter_rows())
    before, after = max(1, sum(trained.items.values())), max(1, sum(found.values()))
    shares = {
        item: (trained.items.get(item, 0) / before, found.get(item, 0) / after) for item in {**trained.items, **found}
    }
    moved = sorted(shares.items(), key=lambda entry: -abs(entry[1][1] - entry[1][0]))
    return [{"item": item, "training": was, "served": now} for item, (was, now) in moved[:count]]


def outcome(measures: list[Measure], unreadable: int, page: Path) -> str:
    """What was found, in one sentence."""
    above = [measure.sentence for measure in measures if not measure.passed]
    left_out = f", {unreadable:,} unreadable lines of the sample left out" if unreadable else ""
    return f"{'drifted: ' + '; '.join(above) if above else 'no drift'}{left_out} ({page})"
