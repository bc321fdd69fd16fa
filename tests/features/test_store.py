"""The feature store: what was published or appended is read, in order, and nothing else."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to which the command line of Feast has applied the repository."""
    place = tmp_path_factory.mktemp("applied") / "features"
    place.mkdir()
    command = [Path(sys.executable).with_name("feast"), "-c", ROOT / "features", "apply"]
    subprocess.run(command, env=os.environ | {store.FOLDER_VARIABLE: str(place)}, check=True, timeout=120)
    return place


@pytest.fixture
def folder(applied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    shutil.copytree(applied, tmp_path / "features")
    return tmp_path / "features"


def histories(**users: list[str]) -> pl.DataFrame:
    rows = {
        "user_id": list(users),
        "items": list(users.values()),
        "timestamps": [[1_000_000 * n for n in range(len(items))] for items in users.values()],
    }
    return pl.DataFrame(rows, schema=store.HISTORY)


def second(number: int) -> datetime:
    return datetime.fromtimestamp(number, UTC)


def test_published_histories_are_read_in_their_order(folder: Path) -> None:
    store.publish(histories(ann=["b", "a", "b", "ü/1"], bob=["c"]))
    opened = store.open_store()
    assert store.history(opened, "ann") == ["b", "a", "b", "ü/1"]
    assert store.history(opened, "bob") == ["c"]


def test_an_unknown_user_has_no_history(folder: Path) -> None:
    store.publish(histories(ann=["a"]))
    assert store.history(store.open_store(), "nobody") is None


def test_publishing_twice_changes_nothing(folder: Path) -> None:
    store.publish(histories(ann=["a", "b"]))
    table = (folder / store.HISTORIES_FILE).read_bytes()
    store.publish(histories(ann=["a", "b"]))
    assert store.history(store.open_store(), "ann") == ["a", "b"]
    assert (folder / store.HISTORIES_FILE).read_bytes() == table


def test_another_dataset_replaces_the_histories_and_forgets_the_users_that_it_lacks(folder: Path) -> None:
    store.publish(histories(ann=["a", "b"], bob=["c"]))
    store.publish(histories(ann=["a"]))
    opened = store.open_store()
    assert store.history(opened, "ann") == ["a"]
    assert store.history(opened, "bob") is None
    assert sorted(path.name for path in folder.iterdir()) == [store.HISTORIES_FILE, "online.db", "registry.db"]


def test_an_open_store_sees_what_is_published_later(folder: Path) -> None:
    store.publish(histories(ann=["a"]))
    opened = store.open_store()
    store.publish(histories(ann=["a", "z"]))
    assert store.history(opened, "ann") == ["a", "z"]


def test_an_appended_interaction_is_read_at_once(folder: Path) -> None:
    store.publish(histories(ann=["a", "b"]))
    opened = store.open_store()
    store.append(opened, "ann", "c", second(9), max_length=50)
    store.append(opened, "new", "c", second(9), max_length=50)
    assert store.history(opened, "ann") == ["a", "b", "c"]
    assert store.history(opened, "new") == ["c"]


def test_a_late_interaction_takes_its_place_and_counts_once(folder: Path) -> None:
    store.publish(histories(ann=["a", "b", "c"]))
    opened = store.open_store()
    for _ in range(2):
        store.append(opened, "ann", "late", second(1), max_length=50)
    assert store.history(opened, "ann") == ["a", "b", "late", "c"]


def test_a_published_interaction_is_known_again_to_the_microsecond(folder: Path) -> None:
    time = datetime(2024, 5, 17, 12, 33, 7, 123457, tzinfo=UTC)
    microseconds = pl.Series([time]).dt.epoch("us").to_list()
    store.publish(pl.DataFrame([("ann", ["a"], microseconds)], schema=store.HISTORY, orient="row"))
    opened = store.open_store()
    store.append(opened, "ann", "a", time, max_length=50)
    store.append(opened, "ann", "b", time, max_length=50)
    assert store.history(opened, "ann") == ["a", "b"]


def test_only_the_most_recent_interactions_are_kept(folder: Path) -> None:
    store.publish(histories(ann=["a", "b", "c"]))
    opened = store.open_store()
    store.append(opened, "ann", "d", second(9), max_length=3)
    store.append(opened, "ann", "too old", datetime(1969, 12, 31, tzinfo=UTC), max_length=3)
    assert store.history(opened, "ann") == ["b", "c", "d"]


def test_a_time_without_a_zone_is_refused(folder: Path) -> None:
    store.publish(histories(ann=["a"]))
    with pytest.raises(ValueError, match="needs a time zone"):
        store.append(store.open_store(), "ann", "b", datetime(2024, 1, 1), max_length=50)


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nowhere"
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(folder))
    with pytest.raises(ValueError, match="there is no feature store in"):
        store.open_store()
    assert not folder.exists()


def test_a_store_without_the_feature_service_is_refused(folder: Path) -> None:
    store.publish(histories(ann=["a"]))
    with pytest.raises(ValueError, match="has no feature service 'recommender_v2'"):
        store.open_store("recommender_v2")


@given(st.permutations([(f"item {n}", n) for n in range(8)]), st.integers(1, 10))
def test_the_order_of_arrival_does_not_matter(events: list[tuple[str, int]], max_length: int) -> None:
    items: list[str] = []
    timestamps: list[int] = []
    for item, timestamp in [*events, *events]:
        items, timestamps = store.insert(items, timestamps, item, timestamp, max_length)
    assert items == [item for item, _ in sorted(events, key=lambda event: event[1])][-max_length:]
    assert timestamps == sorted(timestamps)


@pytest.mark.slow  # DuckDB ends with a page of noise about leaks
def test_a_historical_retrieval_keeps_every_row_and_looks_no_further_than_its_time(folder: Path) -> None:
    store.publish(histories(ann=["a", "b"]))
    asked = pl.DataFrame({"user_id": ["ann", "ann", "nobody"], "row": [0, 1, 2], "second": [5, 0, 5]})
    times = pl.from_epoch("second", "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    opened = store.open_store()
    rows = asked.with_columns(event_timestamp=times).drop("second").to_pandas()
    answer = opened.feast.get_historical_features(rows, opened.service).to_df().sort_values("row")
    assert list(answer["row"]) == [0, 1, 2]
    assert list(answer["items"].iloc[0]) == ["a", "b"]
    assert answer["items"].isna().tolist() == [False, True, True]


def test_the_command_line_of_feast_applies_the_same_repository(folder: Path) -> None:
    opened = store.open_store()
    assert opened.service.name == store.SERVICE
    assert [view.name for view in opened.feast.list_feature_views()] == [store.VIEW]
    assert store.PUSH_SOURCE in {source.name for source in opened.feast.list_data_sources()}
    assert store.history(opened, "ann") is None


def test_publishing_needs_no_repository_applied_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(store.FOLDER_VARIABLE, "relative/features")
    store.publish(histories(ann=["a"]))
    assert store.history(store.open_store(), "ann") == ["a"]
    assert (tmp_path / "relative" / "features" / store.HISTORIES_FILE).exists()


def test_importing_the_store_is_light() -> None:
    program = "import features.store, sys; print(*{'torch', 'feast', 'kfp', 'pandas'} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
