"""The drift step: quiet where the service is asked what training saw, loud where it is not."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adrec import config
from adrec.data.dataset import Dataset
from components import publish
from components.drift import step as drift
from components.drift.step import Bins
from features import monitoring, store


@pytest.fixture
def section(params: dict[str, config.Section]) -> config.Drift:
    found = params["drift"]
    assert isinstance(found, config.Drift)
    return found


@pytest.fixture
def dataset(demo_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The demo's dataset, whose profile is in a store of its own."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    (tmp_path / "features").mkdir()
    data = Dataset.read(demo_dataset)
    monitoring.write(publish.profile_of(data, 50))
    return data


def serve(histories: list[list[str]], strategy: str = "sequence") -> None:
    """Let the service sample all of these."""
    sample = monitoring.Sample(1.0, 50)
    for history in histories:
        sample.offer(history, strategy)


def histories(dataset: Dataset, count: int, seed: int) -> list[list[str]]:
    """Histories of random users, as they would be served."""
    users = np.random.default_rng(seed).integers(0, len(dataset.histories), count)
    return [dataset.catalogue.decode(items) for items in dataset.histories.last(50).only(users)]


def summary(folder: Path) -> dict:
    return json.loads((folder / drift.SUMMARY).read_text())


def test_what_training_saw_is_no_drift(dataset: Dataset, section: config.Drift, tmp_path: Path) -> None:
    serve(histories(dataset, 400, 1))
    assert drift.run(drift=section, drifted=tmp_path / "drift").startswith("no drift")
    found = summary(tmp_path / "drift")
    assert not found["drifted"]
    assert found["requests"] == 400
    assert max(measure["value"] for measure in found["measures"]) < 0.1


def test_shorter_histories_are_drift(dataset: Dataset, section: config.Drift, tmp_path: Path) -> None:
    serve([history[-2:] for history in histories(dataset, 400, 1)])
    told = drift.run(drift=section, drifted=tmp_path / "drift")
    assert told.startswith("drifted: the index of history lengths ")
    assert [measure["passed"] for measure in summary(tmp_path / "drift")["measures"]] == [False, True, True, True]


def test_other_items_are_drift_and_are_named(dataset: Dataset, section: config.Drift, tmp_path: Path) -> None:
    counts = monitoring.read().items
    rare = min(counts, key=lambda item: counts[item])
    serve([[rare] * len(history) for history in histories(dataset, 400, 1)])
    assert "the index of item popularity" in drift.run(drift=section, drifted=tmp_path / "drift")
    mover = summary(tmp_path / "drift")["movers"][0]
    assert (mover["item"], mover["served"]) == (rare, 1.0)


def test_unknown_items_and_users_are_drift(dataset: Dataset, section: config.Drift, tmp_path: Path) -> None:
    serve([["never seen", *history[1:]] for history in histories(dataset, 100, 1)])
    serve([[]] * 300, "popular")
    told = drift.run(drift=section, drifted=tmp_path / "drift")
    assert "the share of unknown items" in told
    assert "the share of requests without a known history 0.750 is above 0.5" in told


def test_too_few_histories_say_nothing(dataset: Dataset, section: config.Drift, tmp_path: Path) -> None:
    serve(histories(dataset, 3, 1))
    with pytest.raises(ValueError, match=r"only 3 histories were sampled in the last 7 days"):
        drift.run(drift=section, drifted=tmp_path / "drift")
    assert not (tmp_path / "drift").exists()


def test_the_page_shows_every_figure_and_runs_no_name_of_an_item(
    dataset: Dataset, section: config.Drift, tmp_path: Path
) -> None:
    serve([["<script>alert(1)</script>"], *histories(dataset, 400, 1)])
    drift.run(drift=replace(section, max_unknown=0.0), drifted=tmp_path / "drift")
    page = (tmp_path / "drift" / drift.PAGE).read_text()
    for measure in summary(tmp_path / "drift")["measures"]:
        assert f"{measure['value']:.3f}" in page
    assert page.count("<svg") == 3
    assert "<script>" not in page


def test_a_sample_is_kept_without_a_name_and_cut_to_what_is_published(dataset: Dataset) -> None:
    monitoring.Sample(1.0, 2).offer(["a", "b", "c"], "sequence")
    monitoring.Sample(0.0, 2).offer(["never"], "sequence")
    found, unreadable = monitoring.served(datetime(2000, 1, 1, tzinfo=UTC))
    assert not unreadable
    assert found["history"].to_list() == [["b", "c"]]
    assert found.columns == ["time", "history", "strategy"]
    assert monitoring.served(datetime.now(UTC))[0].is_empty()


@pytest.mark.parametrize(
    "end", ['{"time": "2024-0', "no json", '{"time": 1, "history": ["a", 2], "strategy": "x"}', "[]"]
)
def test_a_line_of_the_sample_that_is_none_is_left_out_and_told(
    end: str, dataset: Dataset, section: config.Drift, tmp_path: Path
) -> None:
    serve(histories(dataset, 400, 1))
    (file,) = (tmp_path / "features" / "served").iterdir()
    file.write_text(file.read_text() + end)
    assert ", 1 unreadable lines of the sample left out (" in drift.run(drift=section, drifted=tmp_path / "drift")
    assert summary(tmp_path / "drift")["requests"] == 400
    assert summary(tmp_path / "drift")["unreadable_lines"] == 1


def test_files_from_before_the_days_that_count_are_not_even_opened(dataset: Dataset, tmp_path: Path) -> None:
    old = tmp_path / "features" / "served" / "old.jsonl"
    old.parent.mkdir()
    old.write_text("no line at all")
    long_ago = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    os.utime(old, (long_ago, long_ago))
    assert monitoring.served(datetime.now(UTC) - timedelta(days=7))[1] == 0
    assert monitoring.served(datetime(2023, 1, 1, tzinfo=UTC))[1] == 1


def test_answers_go_on_where_no_sample_can_be_kept(
    dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "features" / "served").write_text("a file where the folder is to be")
    serve([["a"], ["b"]])
    assert [record.getMessage()[:36] for record in caplog.records] == ["no sample for drift is kept, make it"]


def test_each_process_has_a_file_of_its_own_whatever_its_second_and_its_number(dataset: Dataset) -> None:
    samples = [monitoring.Sample(1.0, 50) for _ in range(3)]
    for sample in samples:
        sample.offer(["a"], "sequence")
    assert len(list((store.folder() / monitoring.SERVED_FOLDER).iterdir())) == 3


def test_the_index_is_what_its_formula_says() -> None:
    bins = Bins(["a", "b"], np.array([999_999.5, 999_999.5]), np.array([1_499_999.5, 499_999.5]))
    assert bins.index == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5))
    assert Bins(["a"], np.array([3.0]), np.array([0.0])).index == 0


def test_what_was_served_before_the_last_days_is_not_counted(
    dataset: Dataset, section: config.Drift, tmp_path: Path
) -> None:
    serve(histories(dataset, 400, 1))
    past = datetime.now(UTC) - timedelta(days=section.days + 1)
    line = {"time": past.isoformat(), "history": ["old"], "strategy": "sequence"}
    (tmp_path / "features" / monitoring.SERVED_FOLDER / "old.jsonl").write_text(json.dumps(line) + "\n")
    drift.run(drift=section, drifted=tmp_path / "drift")
    assert summary(tmp_path / "drift")["requests"] == 400
    drift.run(drift=replace(section, days=section.days + 2), drifted=tmp_path / "longer")
    assert summary(tmp_path / "longer")["requests"] == 401


def test_an_item_that_is_served_no_more_has_moved_as_far_as_one_that_came() -> None:
    trained = monitoring.Profile("v1", {3: 1}, {"gone": 60, "more": 20, "most": 20})
    moved = drift.movers(trained, pl.DataFrame({"history": [["more", "most"]]}), 2)
    assert moved[0] == {"item": "gone", "training": 0.6, "served": 0.0}


def test_the_most_popular_item_is_the_head_and_the_rarest_the_tail() -> None:
    trained = monitoring.Profile("v1", {3: 1}, {f"item {n}": n for n in range(1, 101)})
    for item, place in (("item 100", 0), ("item 1", drift.BINS - 1)):
        found = drift.by_popularity(trained, pl.DataFrame({"history": [[item] * 3]}))
        assert np.flatnonzero(found.served).tolist() == [place]
        assert (found.names[0], found.names[-1]) == ("head", "tail")
