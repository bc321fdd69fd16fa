"""Histories that could not be trained on or served are refused before anything is made of them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from adrec.data.histories import HISTORIES_FILE
from adrec.data.interactions import ITEM, read, write
from adrec.data.splits import LeaveOneOut
from components import publish
from components.expectations import history_checks
from features import histories
from features.settings import FOLDER_VARIABLE
from tests.conftest import publication

LENGTH = 12

Spoil = Callable[[pl.DataFrame], pl.DataFrame]


def in_first(column: str, change: Callable[[pl.Expr], pl.Expr]) -> Spoil:
    """Changes a column of the first row."""
    first = pl.int_range(pl.len()) == 0
    return lambda rows: rows.with_columns(pl.when(first).then(change(pl.col(column))).otherwise(column).alias(column))


SPOILED: dict[str, Spoil] = {  # of either table
    "every user has an id": in_first("user_id", lambda _: pl.lit(None, dtype=pl.String)),
    "every user has one history": lambda rows: pl.concat([rows, rows.head(1)]),
    "every item has its time": in_first("timestamps", lambda times: times.list.head(2)),
    "every history is in order of time": in_first("timestamps", lambda times: times.list.reverse()),
}
SPOILED_SEQUENCES: dict[str, Spoil] = SPOILED | {
    "every history can be split": lambda rows: rows.with_columns(pl.col("items", "timestamps").list.head(2)),
    "no item is padding": in_first("items", lambda items: items.list.eval(pl.element() * 0)),
    "the catalogue knows every item": in_first("items", lambda items: items.list.eval(pl.element() + 10_000)),
}
SPOILED_FEATURES: dict[str, Spoil] = SPOILED | {
    "every history fits": lambda rows: rows.with_columns(
        pl.concat_list(column, column).list.sort().alias(column) for column in ("items", "timestamps")
    ),
    "no item id is empty": in_first("items", lambda items: items.list.eval(pl.element().str.head(0))),
}


@pytest.fixture
def dataset(tiny_dataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_dataset, tmp_path / "dataset"))


@pytest.fixture
def served(tiny_dataset: Path) -> pl.DataFrame:
    return histories.latest(read(publication(tiny_dataset)["interactions"]), LENGTH)


def test_what_prepare_and_publish_make_is_as_expected(dataset: Path, served: pl.DataFrame) -> None:
    history_checks.check_sequences(dataset, LeaveOneOut.shortest)
    history_checks.check_features(served, LENGTH)


@pytest.mark.parametrize(("name", "spoil"), SPOILED_SEQUENCES.items(), ids=SPOILED_SEQUENCES)
def test_histories_that_cannot_be_trained_on_are_refused(dataset: Path, name: str, spoil: Spoil) -> None:
    spoil(pl.read_parquet(dataset / HISTORIES_FILE)).write_parquet(dataset / HISTORIES_FILE)
    with pytest.raises(ValueError, match=re.escape(f"not fit for training: expected that {name} (")) as error:
        history_checks.check_sequences(dataset, LeaveOneOut.shortest)
    assert "example row 1 (" in str(error.value)


@pytest.mark.parametrize(("name", "spoil"), SPOILED_FEATURES.items(), ids=SPOILED_FEATURES)
def test_histories_that_cannot_be_served_are_refused(served: pl.DataFrame, name: str, spoil: Spoil) -> None:
    with pytest.raises(ValueError, match=re.escape(f"not fit for the feature store: expected that {name} (")):
        history_checks.check_features(spoil(served), LENGTH)


def test_what_cannot_be_served_never_reaches_the_feature_store(
    tiny_dataset: Path, tiny: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))
    inputs = publication(tiny_dataset)
    rows = read(inputs["interactions"])
    inputs["interactions"] = tmp_path / "interactions.parquet"
    write(rows.with_columns(pl.col(ITEM).replace(rows[ITEM][0], "")), inputs["interactions"], {})
    sections = {name: tiny[name] for name in ("prepare", "publish")}
    with pytest.raises(ValueError, match="not fit for the feature store: expected that no item id is empty"):
        publish.run(**inputs, **sections, published=tmp_path / "published.json")
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "published.json").exists()
