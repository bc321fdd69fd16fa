"""Interactions become histories in order of time, and what is dropped is dropped for a reason."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec import sequences
from adrec.interactions import ITEM, SCHEMA, TIMESTAMP, USER
from adrec.sequences import Catalogue, Dataset, Histories

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
    catalogue, histories = sequences.build(frame(events))
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
    catalogue, histories = sequences.build(frame(events))
    assert catalogue.items == tuple(dict.fromkeys(item for _, item, _ in events))
    assert set(histories.items.tolist()) == set(range(1, len(catalogue) + 1))
    assert histories.items.dtype == np.int32


@given(EVENTS, st.integers(1, 4))
def test_a_core_is_a_fixed_point_that_keeps_the_order_of_rows(events: list, core: int) -> None:
    rows = frame(events).with_row_index("row")
    kept = sequences.k_core(rows, core)
    assert sequences.k_core(kept, core).equals(kept)
    assert kept["row"].is_sorted()
    for key in (USER, ITEM):
        assert kept.is_empty() or kept[key].value_counts()["count"].min() >= core


@given(EVENTS, st.integers(1, 4))
def test_a_core_is_the_largest_set_in_which_everything_is_frequent(events: list, core: int) -> None:
    rows = list(enumerate(events))
    while True:  # drop one infrequent row at a time: the result does not depend on the order
        users, items = [user for _, (user, _, _) in rows], [item for _, (_, item, _) in rows]
        bad = [row for row in rows if min(users.count(row[1][0]), items.count(row[1][1])) < core]
        if not bad:
            break
        rows.remove(bad[0])
    assert sequences.k_core(frame(events).with_row_index("row"), core)["row"].to_list() == [n for n, _ in rows]


@given(EVENTS, st.integers(0, 5))
def test_the_last_and_what_is_before_them_make_up_a_history(events: list, count: int) -> None:
    _, histories = sequences.build(frame(events))
    for whole, before, last in zip(histories, histories.without_last(count), histories.last(count), strict=True):
        assert len(last) == min(count, len(whole))
        assert np.concatenate([before, last]).tolist() == whole.tolist()


@given(EVENTS)
def test_histories_survive_being_written(tmp_path_factory: pytest.TempPathFactory, events: list) -> None:
    folder = tmp_path_factory.getbasetemp()
    catalogue, histories = sequences.build(frame(events))
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
    histories = Histories(("a", "b"), np.array([1, 2], np.int32), np.array([5, 6]), np.array([0, 2, 2]))
    histories.write(tmp_path)
    assert [items.tolist() for items in Histories.read(tmp_path)] == [[1, 2], []]


def test_the_same_dataset_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    catalogue, histories = sequences.build(frame([("a", "x", 2), ("b", "y", 1), ("a", "y", 3)]))
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


def test_each_split_asks_for_its_own_target_and_training_sees_neither() -> None:
    catalogue, histories = sequences.build(frame([("a", item, time) for time, item in enumerate("wxyz")]))
    dataset = Dataset(catalogue, histories, {})
    assert [items.tolist() for items in dataset.training] == [[1, 2]]
    for split, before, target in (("validation", [1, 2], 3), ("test", [1, 2, 3], 4)):
        asked, targets = dataset.questions(split)
        assert [items.tolist() for items in asked] == [before]
        assert targets.tolist() == [target]


def test_liked_keeps_the_bound_itself_and_everything_without_ratings() -> None:
    rows = frame([("a", "x", 1), ("a", "y", 2), ("a", "z", 3)])
    rated = rows.with_columns(rating=pl.Series([3.5, 4.0, None]))
    assert sequences.liked(rated, 4.0)[ITEM].to_list() == ["y"]
    assert sequences.liked(rows, 4.0).equals(rows)
