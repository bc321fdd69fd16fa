"""Interactions become histories in order of time, and what is dropped is dropped for a reason."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec.data.build import build_histories, keep_positives
from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER

EVENTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.integers(0, 5)), min_size=1, max_size=60
)


def frame(events: list[tuple[str, str, int]]) -> pl.DataFrame:
    """Interactions from (user, item, second)."""
    schema = {USER: pl.String, ITEM: pl.String, TIMESTAMP: pl.Int64}
    times = pl.from_epoch(TIMESTAMP, time_unit="s").cast(SCHEMA[TIMESTAMP])
    return pl.DataFrame(events, schema=schema, orient="row").with_columns(times)


def histories_of(events: list[tuple[str, str, int]]) -> dict[str, list[str]]:
    """Each user's external item ids, by the transform under test."""
    catalogue, histories = build_histories(frame(events))
    return {user: catalogue.decode(items) for user, items in zip(histories.users, histories, strict=True)}


@given(EVENTS)
def test_a_history_is_the_rows_of_a_user_by_time_with_ties_in_file_order(events: list) -> None:
    users = dict.fromkeys(user for user, _, _ in events)
    expected = {
        user: [item for _, item, _ in sorted((e for e in events if e[0] == user), key=lambda event: event[2])]
        for user in users
    }
    found = histories_of(events)
    assert found == expected
    assert list(found) == list(users)


@given(EVENTS)
def test_items_are_numbered_from_one_by_first_appearance(events: list) -> None:
    catalogue, histories = build_histories(frame(events))
    assert catalogue.items == tuple(dict.fromkeys(item for _, item, _ in events))
    assert set(histories.items.tolist()) == set(range(1, len(catalogue) + 1))
    assert histories.items.dtype == np.int32


def by_the_book(events: list[tuple[str, str, int]], core: int) -> tuple[list[str], dict[str, list[tuple[str, int]]]]:
    """Items and histories of the frequent, by plain lists: drop one infrequent row at a time, number, sort."""
    rows = list(events)
    while True:
        users, items = [user for user, _, _ in rows], [item for _, item, _ in rows]
        bad = [n for n, (user, item, _) in enumerate(rows) if min(users.count(user), items.count(item)) < core]
        if not bad:
            break
        rows.pop(bad[0])
    histories: dict[str, list[tuple[str, int]]] = {}
    for user, item, second in rows:
        histories.setdefault(user, []).append((item, second * 1_000_000))
    ordered = {user: sorted(history, key=lambda event: event[1]) for user, history in histories.items()}
    return list(dict.fromkeys(items)), ordered


@given(EVENTS, st.integers(1, 4))
def test_histories_are_those_by_the_book_whatever_the_core(events: list, core: int) -> None:
    for rows in (frame(events), frame(events).lazy()):
        catalogue, histories = build_histories(rows, core)
        items, expected = by_the_book(events, core)
        assert list(catalogue.items) == items
        assert list(histories.users) == list(expected)
        found = list(zip(catalogue.decode(histories.items), histories.timestamps.tolist(), strict=True))
        assert found == [event for history in expected.values() for event in history]
        assert np.diff(histories.offsets).tolist() == [len(history) for history in expected.values()]


@given(EVENTS, st.integers(0, 5))
def test_the_first_and_the_last_make_up_a_history(events: list, count: int) -> None:
    _, histories = build_histories(frame(events))
    before = histories.first(np.maximum(histories.lengths - count, 0))
    for whole, first, last in zip(histories, before, histories.last(count), strict=True):
        assert len(last) == min(count, len(whole))
        assert np.concatenate([first, last]).tolist() == whole.tolist()


@given(EVENTS, st.integers(0, 6))
def test_earlier_counts_what_happened_before_a_moment(events: list, second: int) -> None:
    _, histories = build_histories(frame(events))
    expected = {user: sum(u == user and time < second for u, _, time in events) for user in histories.users}
    assert histories.earlier(second * 1_000_000).tolist() == list(expected.values())


@given(EVENTS)
def test_histories_survive_being_written(tmp_path_factory: pytest.TempPathFactory, events: list) -> None:
    folder = tmp_path_factory.getbasetemp()
    catalogue, histories = build_histories(frame(events))
    Dataset(catalogue, histories, {"data_hash": "0"}).write(folder)
    read = Dataset.read(folder)
    assert read.catalogue == catalogue
    assert read.catalogue.hash == catalogue.hash
    assert read.histories.users == histories.users
    for name in ("items", "timestamps", "offsets"):
        written, again = getattr(histories, name), getattr(read.histories, name)
        assert written.dtype == again.dtype
        assert np.array_equal(written, again)


def test_a_user_without_interactions_survives_being_written(tmp_path: Path) -> None:
    offsets = np.array([0, 2, 2, 3])
    Histories(("a", "b", "c"), np.array([1, 2, 1], np.int32), np.array([5, 6, 2**62]), offsets).write(tmp_path)
    read = Histories.read(tmp_path)
    assert [items.tolist() for items in read] == [[1, 2], [], [1]]
    assert read.timestamps.tolist() == [5, 6, 2**62]


def test_the_same_dataset_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    catalogue, histories = build_histories(frame([("a", "x", 2), ("b", "y", 1), ("a", "y", 3)]))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Dataset(catalogue, histories, {"data_hash": "0"}).write(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.data())
def test_encoding_undoes_decoding_and_leaves_out_the_unknown(items: list[str], data: st.DataObject) -> None:
    catalogue = Catalogue(tuple(items[: max(1, len(items) // 2)]))
    asked = data.draw(st.lists(st.sampled_from(items)))
    known = [item for item in asked if item in catalogue.items]
    assert catalogue.decode(catalogue.encode(asked)) == known
    assert sorted(known + catalogue.unknown(asked)) == sorted(asked)


def test_a_catalogue_is_known_by_its_items_in_their_order() -> None:
    assert Catalogue(("a", "b")).hash == Catalogue(("a", "b")).hash
    assert Catalogue(("a", "b")).hash != Catalogue(("b", "a")).hash
    with pytest.raises(ValueError, match="names an item twice"):
        Catalogue(("a", "a"))


def test_liked_keeps_the_bound_itself_and_everything_without_ratings() -> None:
    rows = frame([("a", "x", 1), ("a", "y", 2), ("a", "z", 3)])
    rated = rows.with_columns(rating=pl.Series([3.5, 4.0, None]))
    assert keep_positives(rated, 4.0)[ITEM].to_list() == ["y"]
    assert keep_positives(rows, 4.0).equals(rows)
