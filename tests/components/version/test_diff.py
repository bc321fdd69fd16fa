"""The difference of two versions counts what came and what went, whatever the order of rows."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec import config
from adrec.data import demo, interactions
from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER
from components import __main__ as cli
from components.validate import step as validate
from components.version import diff
from components.version import step as version
from components.version.diff import Change

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 2)), max_size=20)


def frame(rows: list[tuple[str, str, int]]) -> pl.LazyFrame:
    """Interactions of (user, item, second)."""
    schema = {USER: pl.String, ITEM: pl.String, TIMESTAMP: pl.Int64}
    times = pl.from_epoch(TIMESTAMP, time_unit="s").cast(SCHEMA[TIMESTAMP])
    return pl.LazyFrame(rows, schema=schema, orient="row").with_columns(times)


@given(ROWS, ROWS)
def test_rows_count_with_their_multiplicity_and_ids_once(before: list, after: list) -> None:
    found = diff.changes(frame(before), frame(after))
    added, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    assert found["rows"] == Change(len(before), added.total(), gone.total(), len(after))
    for place, kind in enumerate(("users", "items")):
        old, new = ({row[place] for row in rows} for rows in (before, after))
        assert found[kind] == Change(len(old), len(new - old), len(old - new), len(new))


def test_a_row_whose_rating_changed_is_another_row() -> None:
    rated = frame([("a", "x", 1)]).with_columns(rating=pl.lit(3.0))
    assert diff.changes(rated, rated.with_columns(rating=pl.lit(4.0)))["rows"] == Change(1, 1, 1, 1)
    assert diff.changes(rated, frame([("a", "x", 1)]))["rows"] == Change(1, 1, 1, 1)


@pytest.fixture(scope="module")
def params_file(tiny: dict[str, config.Section], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters that name a registry with two versions: the demo, and the demo a day later without one user."""
    import yaml

    folder = tmp_path_factory.mktemp("two-versions")
    section = config.Version(name="interactions", registry=f"{folder}/registry", remote=f"{folder}/remote")
    rows = demo.interactions(60, 50, seed=1)
    lost = rows[USER][0]
    later = pl.concat([rows.filter(pl.col(USER) != lost), rows.head(1).with_columns(pl.lit("new").alias(USER))])
    for number, content in enumerate((rows, later)):
        data, validation = folder / f"{number}.parquet", folder / "validation"
        interactions.write(content, data, {})
        validate.run(interactions=data, validate=tiny["validate"], version=section, validation=validation)
        version.run(interactions=data, validation=validation, version=section, versioned=folder / "versioned.json")
    sections = {**tiny, "version": section}
    (folder / "params.yaml").write_text(yaml.safe_dump({name: part.as_dict() for name, part in sections.items()}))
    return folder / "params.yaml"


def table(capsys: pytest.CaptureFixture[str], params_file: Path, *arguments: str) -> list[list[str]]:
    """The words of each line that a command prints."""
    assert cli.main([*arguments, "--params", str(params_file)]) == 0
    return [line.replace(",", "").split() for line in capsys.readouterr().out.splitlines()]


def test_the_command_line_lists_compares_and_gets(
    params_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (pl.read_parquet(params_file.parent / f"{number}.parquet") for number in range(2))
    listed = table(capsys, params_file, "list")
    assert [line[:1] + line[2:5] for line in listed] == [
        ["tag", "rows", "users", "items"],
        *(
            [f"interactions-v{number}", str(rows.height), str(rows[USER].n_unique()), str(rows[ITEM].n_unique())]
            for number, rows in ((1, one), (2, two))
        ),
    ]
    assert table(capsys, params_file, "list") == listed
    compared = table(capsys, params_file, "diff", "interactions-v1", "interactions-v2")
    assert compared[1:3] == [
        ["rows", str(one.height), "1", str(one.height + 1 - two.height), str(two.height)],
        ["users", "60", "1", "1", "60"],
    ]
    back = tmp_path / "new" / "folder" / "back.parquet"
    for _ in range(2):
        assert table(capsys, params_file, "get", "interactions-v2", str(back)) == []
        assert back.read_bytes() == (params_file.parent / "1.parquet").read_bytes()


def test_a_difference_to_nothing_is_told_in_one_sentence(params_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", "interactions-v1", "interactions-v9", "--params", str(params_file)]) == 1
    told = capsys.readouterr().err
    assert "no version is called 'interactions-v9'" in told
    assert told.count("\n") == 1
