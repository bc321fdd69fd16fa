"""The demo's world keeps its laws, and its oracle knows them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adrec.data import demo
from adrec.data.interactions import ITEM, TIMESTAMP, USER

USERS, ITEMS, SEED = 250, 120, 11


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return demo.interactions(USERS, ITEMS, SEED)


@pytest.fixture(scope="module")
def lives(rows: pl.DataFrame) -> list[np.ndarray]:
    """Each user's item indices, oldest first."""
    items = rows.group_by(USER, maintain_order=True).agg(ITEM)[ITEM]
    return [np.array([demo.item_index(item) for item in life]) for life in items]


def test_the_same_seed_gives_the_same_world_and_another_seed_another(rows: pl.DataFrame) -> None:
    assert demo.interactions(USERS, ITEMS, SEED).equals(rows)
    assert not demo.interactions(USERS, ITEMS, SEED + 1).equals(rows)


def test_rows_come_in_order_of_time_and_each_user_has_one_interaction_at_a_time(rows: pl.DataFrame) -> None:
    assert rows[TIMESTAMP].is_sorted()
    assert rows.select(USER, TIMESTAMP).is_duplicated().sum() == 0


def test_nobody_takes_an_item_twice(rows: pl.DataFrame) -> None:
    assert rows.select(USER, ITEM).is_duplicated().sum() == 0
    lengths = rows[USER].value_counts()["count"]
    assert lengths.min() >= demo.LENGTHS[0]
    assert lengths.max() <= demo.LENGTHS[1]


@settings(max_examples=30)
@given(st.integers(0, 1000), st.lists(st.integers(0, 49), unique=True, max_size=20))
def test_the_oracle_shares_out_probability_one_among_what_was_not_taken(seed: int, taken: list[int]) -> None:
    world = demo.World.create(50, seed)
    history = np.array(taken, dtype=np.int64)
    belief = world.belief(history)
    probability = world.next_item(belief, history)
    assert belief.sum() == pytest.approx(1)
    assert probability.sum() == pytest.approx(1)
    assert (probability[history] == 0).all()
    assert (np.delete(probability, history) > 0).all()


def test_every_item_has_one_successor_on_a_single_ring() -> None:
    successor = demo.World.create(ITEMS, SEED).successor
    seen, item = set(), 0
    while item not in seen:
        seen.add(item)
        item = int(successor[item])
    assert len(seen) == ITEMS


def test_the_planted_rule_is_followed_as_often_as_it_says() -> None:
    world, random = demo.World.create(400, SEED), np.random.default_rng(5)
    pairs = [tuple(world.live(random, 2)) for _ in range(2000)]
    followed = np.mean([world.successor[first] == second for first, second in pairs])
    error = 4 * np.sqrt(demo.RULE * (1 - demo.RULE) / len(pairs))
    assert demo.RULE - error < followed < demo.RULE + 0.03 + error  # taste and chance arrive there, too


def test_nothing_known_about_the_users_ranks_better_than_the_oracle(lives: list[np.ndarray]) -> None:
    world = demo.World.create(ITEMS, SEED)
    popularity = np.bincount(np.concatenate([life[:-1] for life in lives]), minlength=ITEMS)
    oracle, popular = [], []
    for life in lives:
        probability = world.next_item(world.belief(life[:-1]), life[:-1])
        oracle.append(rank(probability, life[-1]))
        popular.append(rank(np.where(np.isin(np.arange(ITEMS), life[:-1]), -1, popularity), life[-1]))
    assert np.mean(np.array(oracle) < 10) > np.mean(np.array(popular) < 10) + 0.2


def test_the_oracle_is_calibrated(lives: list[np.ndarray]) -> None:
    """What it calls p per cent likely happens in p per cent of the cases: its laws are those of the data."""
    world = demo.World.create(ITEMS, SEED)
    stated, happened = [], []
    for life in lives:
        probability = world.next_item(world.belief(life[:-1]), life[:-1])
        stated.append(probability.max())
        happened.append(probability.argmax() == life[-1])
    error = 4 * np.sqrt(0.25 / len(lives))
    assert abs(np.mean(stated) - np.mean(happened)) < error


def rank(scores: np.ndarray, target: int) -> int:
    return int((scores > scores[target]).sum())
