"""A source of any size passes through in pieces, and it makes no difference where they are cut."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adrec.data import interactions, readers
from adrec.data.readers import FORMATS, parquet, text
from adrec.data.readers.parsers import YEARS

FIELDS = st.sampled_from(
    ["u", "", '"a"', '"b\nc"', '"d""e"', '"open', 'st"ray', "5", "1373932800", "\r", "é", '"\n\n"']
)
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=5).map(",".join), max_size=12).map("\n".join)
Outcome = tuple[list[tuple], list[tuple]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streaming")


def outcome(folder: Path, content: bytes, file_format: str) -> Outcome | str:
    """The rows and the rejects of a file with this content, or the sentence that it ends in."""
    source = folder / "source"
    source.write_bytes(content)
    rejects = readers.Rejects(folder / "rejects.csv", 10_000)
    try:
        with rejects:
            rows = pl.concat(readers.read(str(source), file_format, {}, rejects))
    except ValueError as error:
        return str(error)
    assert dict(rows.schema).items() <= interactions.SCHEMA.items()
    return rows.rows(), sorted(pl.read_csv(folder / "rejects.csv", infer_schema=False).rows())


@settings(deadline=None)
@given(LINES, st.integers(1, 40))
def test_it_makes_no_difference_where_a_file_is_cut_into_blocks(folder: Path, lines: str, block: int) -> None:
    content = b"user_id,item_id,timestamp\n" + lines.encode()
    whole = outcome(folder, content, "csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK", block)
        assert outcome(folder, content, "csv") == whole


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=80) | st.text('ui",:\t\r\n{}[]1', max_size=60).map(str.encode),
    st.sampled_from(sorted(FORMATS)),
    st.booleans(),
)
def test_whatever_bytes_come_there_are_rows_or_rejects_or_one_sentence(
    folder: Path, content: bytes, file_format: str, zipped: bool
) -> None:
    found = outcome(folder, b"\x1f\x8b" * zipped + content, file_format)
    assert isinstance(found, tuple) or ("\n" not in found and str(folder) in found)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(sorted(set(FORMATS) - {"parquet"})))
def test_every_line_of_a_well_begun_file_is_a_row_or_a_reject(folder: Path, data: st.DataObject, kind: str) -> None:
    beginning = BEGINNINGS[kind]
    count = 3 + 3 * kind.endswith("v")
    field = st.one_of(st.text(max_size=8), st.integers(-(2**70), 2**70).map(str), st.floats().map(str))
    separator = data.draw(st.sampled_from([beginning[1], ",", "\t"]))
    written = data.draw(st.lists(st.lists(field, min_size=1, max_size=count).map(separator.join), max_size=6))
    lines = [line for line in "\n".join(written).split("\n") if '"' not in line]
    found = outcome(folder, (beginning[0] + "\n".join(lines)).encode(), kind)
    assert isinstance(found, tuple), found
    low, high = YEARS
    for _, _, time, *_ in found[0]:
        assert time is None or low <= time.timestamp() <= high
    blank = [line for line in lines if not line.strip(" \t\r")]
    assert len(found[0]) + len(found[1]) == beginning[2] + len(lines) - len(blank)


BEGINNINGS = {  # of a file of the format, its separator, and how many rows these are
    "movielens": ("1\t2\t3\t4\n", "\t", 1),
    "amazon-2014": ("u,i,5,1\n", ",", 1),
    "amazon-2018": ("i,u,5,1\n", ",", 1),
    "amazon-2023": ("user_id,parent_asin,rating,timestamp\n", ",", 0),
    "yelp": ('{"user_id": "u", "business_id": "i", "stars": 5, "date": "2013-07-16 00:00:00"}\n', ",", 1),
    "recbole": ("user_id:token\titem_id:token\ttimestamp:float\n", "\t", 0),
    "rechorus": ("user_id\titem_id\ttime\n", "\t", 0),
    "csv": ("user_id,item_id,timestamp\n", ",", 0),
    "tsv": ("user_id\titem_id\ttimestamp\n", "\t", 0),
    "jsonl": ('{"user_id": "u", "item_id": "i", "timestamp": 1}\n', ",", 1),
}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2_000), st.integers(0, 255))
def test_a_damaged_parquet_is_read_or_refused_in_one_sentence(folder: Path, place: int, byte: int) -> None:
    path = folder / "sound.parquet"
    pl.DataFrame({"user_id": ["u", "v"], "item_id": ["i", "j"], "timestamp": [1, 2]}).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    found = outcome(folder, bytes(content), "parquet")
    assert isinstance(found, tuple) or "\n" not in found


def test_a_text_file_is_read_in_batches_that_are_no_larger_than_a_block(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "BLOCK", 100)
    source = folder / "u.data"
    source.write_text("".join(f"{number:03}\ti\t5\t1\n" for number in range(500)))  # 10 bytes each
    batches = list(readers.read(str(source), "movielens", {}, readers.Rejects(folder / "rejects.csv", 0)))
    assert max(batch.height for batch in batches) <= 11
    assert pl.concat(batches)["user_id"].to_list() == [f"{number:03}" for number in range(500)]


def test_the_unit_of_the_first_block_holds_for_all_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As seconds, what the second block and the second file hold would be times in the year 5138 and later."""
    monkeypatch.setattr(text, "BLOCK", 40)
    row = "u\ti\t5\t{}\n".format
    (folder / "times-0").write_text(row(881_250_949_000) * 5 + row(99_999_999_999) * 5)
    (folder / "times-1").write_text(row(99_999_999_999) * 5)
    batches = list(readers.read(f"{folder}/times-*", "movielens", {}, readers.Rejects(folder / "rejects.csv", 0)))
    assert len(batches) > 3
    found = pl.concat(batches)["timestamp"].dt.epoch("ms").to_list()
    assert found == [881_250_949_000] * 5 + [99_999_999_999] * 10


@pytest.mark.parametrize("end", ["", "\n1\t2\t3\t4\n"])
def test_a_line_that_no_text_would_have_is_refused(folder: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST", 100)
    monkeypatch.setattr(text, "BLOCK", 10)
    sentence = "a line is longer than 100 bytes: this is no text file"
    assert sentence in outcome(folder, b"1\t2\t3\t4\n" + b"x" * 200 + end.encode(), "movielens")


def test_a_typed_file_is_read_in_batches_in_its_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH", 7)
    path = folder / "ours.parquet"
    pl.DataFrame({"user_id": range(50), "item_id": range(50), "timestamp": range(50)}).write_parquet(path)
    batches = list(readers.read(str(path), "parquet", {}, readers.Rejects(folder / "rejects.csv", 0)))
    assert max(batch.height for batch in batches) == 7
    assert pl.concat(batches)["item_id"].to_list() == [str(number) for number in range(50)]


def test_the_hash_of_several_files_is_that_of_their_bytes_in_order(folder: Path) -> None:
    parts = [b"u\ti\t5\t1\n", b"v\tj\t4\t2\n"]
    for number, part in enumerate(parts):
        (folder / f"part-{number}").write_bytes(part)
    digest = hashlib.sha256(b"".join(parts)).hexdigest()
    for source in (f"{folder}/part-*", f"file://{folder}/part-*"):
        rejects = readers.Rejects(folder / "rejects.csv", 0)
        rows = pl.concat(readers.read(source, "movielens", {}, rejects, digest))
        assert rows["user_id"].to_list() == ["u", "v"]
        with pytest.raises(ValueError, match=f"has SHA-256 {digest}, not 0000"):
            list(readers.read(source, "movielens", {}, rejects, "0" * 64))


def test_the_files_of_an_archive_are_one_source(folder: Path) -> None:
    with ZipFile(folder / "parts.zip", "w") as archive:
        for name in ("b", "a"):
            archive.writestr(f"{name}.inter", f"user_id:token\titem_id:token\ttimestamp:float\n{name}\ti\t1.0\n")
    rejects = readers.Rejects(folder / "rejects.csv", 0)
    rows = pl.concat(readers.read(f"zip://*.inter::file://{folder}/parts.zip", "recbole", {}, rejects))
    assert rows["user_id"].to_list() == ["a", "b"]


def test_batches_are_written_as_their_whole_would_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactions, "ROW_GROUP", 10)
    rows = pl.DataFrame({"user_id": [str(n) for n in range(35)]}, schema={"user_id": pl.String})

    def pieces() -> Iterator[pl.DataFrame]:
        for start, length in ((0, 0), (0, 3), (3, 21), (24, 11)):
            yield rows[start : start + length]

    interactions.write_batches(pieces(), folder / "pieces", {})
    interactions.write(rows, folder / "whole", {})
    assert (folder / "pieces").read_bytes() == (folder / "whole").read_bytes()
    assert pl.read_parquet(folder / "whole").equals(rows)
