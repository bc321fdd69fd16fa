"""What is timed does the same work: both ways to the histories give the same bytes."""

from pathlib import Path

import pytest

from benchmarks.speed import data


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "interactions.parquet"
    data.make(path, 30_000)
    return path


def test_both_rivals_make_the_same_histories(log: Path) -> None:
    found = [rival(log) for rival in data.RIVALS.values()]
    assert found[0] == found[1]
    assert found[0]["users"] > 100
    assert 0 < found[0]["interactions"] < 30_000


def test_a_child_tells_what_it_took(log: Path) -> None:
    told = data.child("ours", log, 30_000)
    assert told.items() > data.ours(log).items()
    assert told["cpu_seconds"] > 0
    assert told["peak_mib"] > 10
