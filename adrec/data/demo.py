"""A world whose best possible recommendations are known: the data that ship with the project.

Every item belongs to a cluster. A user's taste is a hidden cluster that drifts slowly round a ring. The next item is,
with probability `RULE`, the fixed successor of the last one (a planted rule), and otherwise one of the present taste,
by a Zipf law, or by chance of the whole catalogue. Nobody takes an item twice: such a draw is repeated. The process
being known, Bayes' rule gives the true probability of every next item from the history alone: no model can rank
better on average.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER

CLUSTERS = 10
RULE = 0.35  # probability of the planted successor
NOISE = 0.1  # of the rest: a draw from the whole catalogue
DRIFT = 0.08  # probability of moving on to the next taste
ZIPF = 0.9  # exponent of popularity within a cluster
LENGTHS = (8, 30)  # interactions of a user, both included
STEP_US = 3_600_000_000  # an hour between two interactions, on average
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """The laws of one demo world of V items and C clusters.

    Attributes:
        successor: item index that follows each item by rule, int64 [V].
        taste: probability of each item under each taste, before the rule, float64 [C, V].
    """

    successor: np.ndarray
    taste: np.ndarray

    @classmethod
    def create(cls, num_items: int, seed: int) -> "World":
        """Draw the laws; equal arguments give equal laws."""
        random = np.random.default_rng([seed, 0])
        cluster = random.permutation(np.arange(num_items) % CLUSTERS)
        weights = 1.0 / (1 + random.permutation(num_items)) ** ZIPF
        inside = (cluster == np.arange(CLUSTERS)[:, None]) * weights
        taste = (1 - NOISE) * inside / inside.sum(1, keepdims=True) + NOISE * weights / weights.sum()
        ring = random.permutation(num_items)
        successor = np.empty(num_items, dtype=np.int64)
        successor[ring] = np.roll(ring, 1)
        return cls(successor, taste)

    @property
    def clusters(self) -> np.ndarray:
        """The cluster of each item, int64 [V]: the taste under which it is likeliest."""
        return self.taste.argmax(axis=0)

    def next_item(self, belief_C: np.ndarray, history: np.ndarray) -> np.ndarray:
        """Probability of every item to come next, float64 [V], given the belief about the present taste."""
        return belief_C @ self._given_taste(history)

    def _given_taste(self, history: np.ndarray) -> np.ndarray:
        """Probability of every next item under each taste, float64 [C, V]."""
        probability_CV = (1 - RULE) * self.taste if len(history) else self.taste.copy()
        if len(history):
            probability_CV[:, self.successor[history[-1]]] += RULE
        probability_CV[:, history] = 0
        return probability_CV / probability_CV.sum(1, keepdims=True)

    def belief(self, history: np.ndarray) -> np.ndarray:
        """Probability of each taste at the next interaction, float64 [C]: the filter of a hidden Markov chain."""
        belief_C = np.full(CLUSTERS, 1 / CLUSTERS)
        for position, item in enumerate(history):
            belief_C = drift(belief_C * self._given_taste(history[:position])[:, item])
        return belief_C

    def live(self, random: np.random.Generator, length: int) -> Iterator[int]:
        """One user's items, as indices in 0..V-1."""
        taste, history = int(random.integers(CLUSTERS)), np.empty(0, dtype=np.int64)
        for _ in range(length):
            item = int(random.choice(len(self.successor), p=self._given_taste(history)[taste]))
            history = np.append(history, item)
            yield item
            taste = (taste + int(random.random() < DRIFT)) % CLUSTERS


def drift(belief_C: np.ndarray) -> np.ndarray:
    """The belief about the taste one step later; normalises."""
    belief_C = belief_C / belief_C.sum()
    return (1 - DRIFT) * belief_C + DRIFT * np.roll(belief_C, 1)


def item_id(index: int) -> str:
    """The external id of item `index`."""
    return f"item-{index:05d}"


def item_index(item: str) -> int:
    """The inverse of `item_id`."""
    return int(item.removeprefix("item-"))


def interactions(num_users: int, num_items: int, seed: int) -> pl.DataFrame:
    """Let `num_users` users live in the world of `seed`; rows come in the order of time."""
    world = World.create(num_items, seed)
    random = np.random.default_rng([seed, 1])
    rows = [row for user in range(num_users) for row in _user_rows(world, random, user)]
    schema = pl.Schema({key: SCHEMA[key] for key in (USER, ITEM, TIMESTAMP)})
    frame = pl.DataFrame(rows, schema={USER: pl.String, ITEM: pl.String, TIMESTAMP: pl.Int64}, orient="row")
    return (
        frame.with_columns(pl.from_epoch(TIMESTAMP, time_unit="us")).cast(schema).sort(TIMESTAMP, maintain_order=True)
    )


def _user_rows(world: World, random: np.random.Generator, user: int) -> Iterator[tuple[str, str, int]]:
    length = min(int(random.integers(LENGTHS[0], LENGTHS[1] + 1)), len(world.successor) // 2)
    waits = random.integers(1, 2 * STEP_US, size=length)
    times = int(START.timestamp() * 1e6) + int(random.integers(180 * 24 * STEP_US)) + np.cumsum(waits)
    for item, time in zip(world.live(random, length), times, strict=True):
        yield f"user-{user:05d}", item_id(item), int(time)
