"""The feature store, on both online stores: what was published or appended is read, in order, and nothing else."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from feast.infra.registry import proto_registry_utils

import features
from adrec.config import Publish
from features import event_log, store
from features import settings as places
from features.online import writer
from tests.features.conftest import at_seconds, interactions

ROOT = Path(__file__).parents[2]


def second(number: int) -> datetime:
    return datetime.fromtimestamp(number, UTC)


def test_published_histories_are_read_in_their_order(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["b", "a", "b", "ü/1"], bob=["c"]), settings)
    opened = store.open_store()
    assert store.history(opened, "ann") == ["b", "a", "b", "ü/1"]
    assert store.history(opened, "bob") == ["c"]


def test_an_unknown_user_has_no_history(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    assert store.history(store.open_store(), "nobody") is None


def test_publishing_twice_changes_nothing(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a", "b"]), settings)
    tables = {name: (folder / name).read_bytes() for name in (places.HISTORIES_FILE, places.POPULAR_FILE)}
    store.publish(interactions(ann=["a", "b"]), settings)
    assert store.history(store.open_store(), "ann") == ["a", "b"]
    assert {name: (folder / name).read_bytes() for name in tables} == tables


def test_another_dataset_replaces_the_histories_and_forgets_the_users_that_it_lacks(
    folder: Path, settings: Publish
) -> None:
    store.publish(interactions(ann=["a", "b"], bob=["c"]), settings)
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    assert store.history(opened, "ann") == ["a"], "although the history before was newer"
    assert store.history(opened, "bob") is None


def test_a_publication_that_was_killed_leaves_no_user_behind(
    folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    whole = store._write_tables
    monkeypatch.setattr(store, "_write_tables", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.publish(interactions(bob=["x"]), settings)
    monkeypatch.setattr(store, "_write_tables", whole)
    opened = store.open_store()
    assert store.history(opened, "bob") == ["x"]
    store.publish(interactions(eve=["y"]), settings)
    assert [store.history(opened, user) for user in ("ann", "bob", "eve")] == [None, None, ["y"]]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_publishing_again_keeps_what_was_appended(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"], bob=["c"]), settings)
    opened = store.open_store()
    store.append(opened, "ann", "live", second(9))
    store.append(opened, "new", "live", second(9))
    store.publish(interactions(ann=["a", "b"]), settings)
    assert store.history(opened, "ann") == ["a", "b", "live"]
    assert store.history(opened, "new") == ["live"]
    assert store.history(opened, "bob") is None


def test_an_open_store_sees_what_is_published_later(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    store.publish(interactions(ann=["a", "z"]), settings)
    assert store.history(opened, "ann") == ["a", "z"]


def test_an_appended_interaction_is_read_at_once(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a", "b"]), settings)
    opened = store.open_store()
    store.append(opened, "ann", "c", second(9))
    features.append("new", "c", second(9))
    assert store.history(opened, "ann") == ["a", "b", "c"]
    assert store.history(opened, "new") == ["c"]


def test_a_late_interaction_takes_its_place_and_counts_once(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a", "b", "c"]), settings)
    opened = store.open_store()
    for _ in range(2):
        store.append(opened, "ann", "late", second(1))
    assert store.history(opened, "ann") == ["a", "b", "late", "c"]


def test_a_published_interaction_is_known_again_to_the_microsecond(folder: Path, settings: Publish) -> None:
    time = datetime(2024, 5, 17, 12, 33, 7, 123457, tzinfo=UTC)
    rows = at_seconds([("ann", "a", 0)]).with_columns(timestamp=pl.lit(time).cast(places.INTERACTIONS["timestamp"]))
    store.publish(rows, settings)
    opened = store.open_store()
    store.append(opened, "ann", "a", time)
    store.append(opened, "ann", "b", time)
    assert store.history(opened, "ann") == ["a", "b"]


def test_only_the_most_recent_interactions_are_kept(folder: Path, short: Publish) -> None:
    store.publish(interactions(ann=["a", "b", "c"]), short)
    opened = store.open_store()
    store.append(opened, "ann", "d", second(9))
    store.append(opened, "ann", "too old", datetime(1969, 12, 31, tzinfo=UTC))
    assert store.history(opened, "ann") == ["b", "c", "d"]


def test_an_event_of_the_time_at_which_the_history_was_cut_counts_once_too(folder: Path, short: Publish) -> None:
    tied = [("cut off", 1), ("a", 1), ("b", 1), ("c", 2)]
    store.publish(interactions(ann=tied), short)
    opened = store.open_store()
    store.append(opened, "ann", "cut off", second(1))
    assert store.history(opened, "ann") == ["a", "b", "c"]
    store.append(opened, "ann", "new", second(1))
    assert store.history(opened, "ann") == ["b", "new", "c"]


def test_many_events_do_what_each_of_them_does(folder: Path, short: Publish) -> None:
    store.publish(interactions(ann=["a", "b", "c"], bob=["x"]), short)
    opened = store.open_store()
    events = at_seconds([("ann", "d", 9), ("bob", "early", 0), ("ann", "late", 1), ("new", "n", 3), ("ann", "d", 9)])
    assert store.append_all(opened, events) == 4
    assert store.append_all(opened, events) == 0
    assert store.history(opened, "ann") == ["late", "c", "d"]
    assert store.history(opened, "bob") == ["x", "early"]
    assert store.history(opened, "new") == ["n"]


def test_an_event_whose_writer_was_killed_before_he_pushed_it_is_online_after_a_refresh(
    folder: Path, settings: Publish
) -> None:
    store.publish(interactions(ann=["a"], bob=["x"]), settings)
    event_log.add(at_seconds([("ann", "logged", 9)]))
    opened = store.open_store()
    assert store.history(opened, "ann") == ["a"]
    store.refresh(opened)
    assert store.history(opened, "ann") == ["a", "logged"]
    assert store.history(opened, "bob") == ["x"]


def test_a_user_past_the_time_to_live_is_unknown_until_the_next_event(folder: Path, settings: Publish) -> None:
    now = int(datetime.now(UTC).timestamp())
    rows = at_seconds([("old", "a", now - 8 * 86_400), ("young", "a", now - 6 * 86_400)])
    store.publish(rows, replace(settings, ttl_days=7))
    opened = store.open_store()
    assert store.history(opened, "old") is None
    assert store.history(opened, "young") == ["a"]
    store.append(opened, "old", "b", second(now))
    assert store.history(opened, "old") == ["a", "b"]


def test_a_store_is_never_read_by_the_definitions_of_another(
    folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proto_registry_utils, "id", lambda of: 0, raising=False)  # as if all stood at one address
    now = int(datetime.now(UTC).timestamp())
    for days, known in ((0, ["a"]), (7, None), (9, ["a"])):
        store.publish(at_seconds([("ann", "a", now - 8 * 86_400)]), replace(settings, ttl_days=days))
        assert store.history(store.open_store(), "ann") == known


def test_a_stale_row_is_left_out_and_one_of_the_same_time_is_taken(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=[("a", 5)]), settings)
    opened = store.open_store()
    writer.push(opened.feast, "ann", ["stale"], [4_999_999])
    assert store.history(opened, "ann") == ["a"]
    writer.push(opened.feast, "ann", ["late", "a"], [1_000_000, 5_000_000])
    assert store.history(opened, "ann") == ["late", "a"]


def test_feast_reports_an_unknown_user_as_not_found(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    rows = [{"user_id": "ann"}, {"user_id": "nobody"}]
    answer = opened.feast.get_online_features(opened.service, rows).proto
    statuses = {tuple(vector.statuses) for vector in answer.results[1:]}
    assert statuses == {(1, 3)}, "PRESENT and NOT_FOUND of Feast's FieldStatus"
    assert [len(vector.values) for vector in answer.results] == [2] * len(answer.results)


def test_a_history_at_the_beginning_of_time_is_known(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=[("a", 0)]), settings)
    assert store.history(store.open_store(), "ann") == ["a"]


@pytest.mark.slow  # DuckDB ends with a page of noise about leaks
def test_feast_materializes_the_same_rows_from_the_offline_table(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a", "b", "c"], bob=["x"]), settings)
    opened = store.open_store()
    writer.forget(opened.feast, ["ann", "bob"])
    assert store.history(opened, "ann") is None
    opened.feast.materialize(datetime(1960, 1, 1, tzinfo=UTC), datetime.now(UTC), feature_views=[writer.VIEW])
    assert store.history(opened, "ann") == ["a", "b", "c"]
    assert store.history(opened, "bob") == ["x"]


def test_a_time_without_a_zone_is_refused(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    with pytest.raises(ValueError, match="needs a time zone"):
        store.append(store.open_store(), "ann", "b", datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("user", "item", "days", "sentence"),
    [
        ("", "b", 0, "the event of user '' with item 'b' at .* has no user_id"),
        ("ann", "", 0, "the event of user 'ann' with item '' at .* has no item_id"),
        ("ann", "b", 2, "the event of user 'ann' with item 'b' at .* is in the future: its time must be at most"),
    ],
)
def test_an_event_that_cannot_have_happened_is_refused(
    user: str, item: str, days: int, sentence: str, sqlite_folder: Path, settings: Publish
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened, time = store.open_store(), datetime.now(UTC) + timedelta(days=days)
    with pytest.raises(ValueError, match=sentence):
        store.append(opened, user, item, time)
    sound = at_seconds([("bob", "x", 9)])
    wrong = pl.DataFrame([(user, item, time)], schema=places.INTERACTIONS, orient="row")
    with pytest.raises(
        ValueError, match=sentence.replace(" has", " .and 1 others like it. has").replace(" is", " .* is")
    ):
        store.append_all(opened, pl.concat([sound, wrong, wrong]))
    assert event_log.read().is_empty(), "all of them or none"
    assert store.history(opened, "bob") is None


def test_a_missing_id_or_time_is_refused_too(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened, sound = store.open_store(), at_seconds([("bob", "x", 9)])
    for name in places.INTERACTIONS:
        missing = sound.with_columns(pl.lit(None, places.INTERACTIONS[name]).alias(name))
        with pytest.raises(ValueError, match=f"the event of user .* has no {name}"):
            store.append_all(opened, missing)


def test_a_clock_that_is_some_hours_ahead_is_believed(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    store.append(opened, "ann", "b", datetime.now(UTC) + timedelta(hours=14))
    assert store.history(opened, "ann") == ["a", "b"]


def test_appending_before_anything_was_published_is_refused(sqlite_folder: Path) -> None:
    with pytest.raises(ValueError, match="nothing was published"):
        store.append(store.open_store(), "ann", "b", second(1))


def test_an_online_store_that_was_lost_is_told_in_a_sentence_and_comes_back_by_publishing_again(
    sqlite_folder: Path, settings: Publish
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    store.append(store.open_store(), "ann", "b", second(9))
    (sqlite_folder / "online.db").unlink()
    opened = store.open_store()
    for act in (lambda: store.history(opened, "ann"), lambda: store.append(opened, "ann", "c", second(10))):
        with pytest.raises(OSError, match=r"^the feature store does not answer: no such table: .* publish again"):
            act()
    store.publish(interactions(ann=["a"]), settings)
    assert store.history(store.open_store(), "ann") == ["a", "b", "c"], "what was logged is not lost"


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nowhere"
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(folder))
    with pytest.raises(ValueError, match="there is no feature store in"):
        store.open_store()
    assert not folder.exists()


def test_a_store_without_the_feature_service_is_refused(sqlite_folder: Path) -> None:
    with pytest.raises(ValueError, match="has no feature service 'recommender_v2'"):
        store.open_store("recommender_v2")


def test_the_command_line_of_feast_applies_the_same_repository(sqlite_folder: Path) -> None:
    opened = store.open_store()
    assert opened.service.name == store.SERVICE
    assert writer.VIEW in {view.name for view in opened.feast.list_feature_views()}
    assert writer.PUSH_SOURCE in {source.name for source in opened.feast.list_data_sources()}
    assert store.history(opened, "ann") is None


def test_publishing_needs_no_repository_applied_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Publish
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(places.FOLDER_VARIABLE, "relative/features")
    store.publish(interactions(ann=["a"]), settings)
    assert store.history(store.open_store(), "ann") == ["a"]
    assert (tmp_path / "relative" / "features" / places.HISTORIES_FILE).exists()


def test_importing_the_store_is_light() -> None:
    program = "import features.store, sys; print(*{'torch', 'feast', 'kfp', 'pandas'} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
