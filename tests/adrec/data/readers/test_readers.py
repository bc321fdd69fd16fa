"""Every format is read into the same interactions; what cannot be read ends in one sentence."""

import hashlib
import re
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adrec.data import readers
from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER

MICROSECOND = timedelta(microseconds=1)
NINETIES = datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)  # 881250949 seconds
HEADER = b"user_id,item_id,timestamp,rating\n"
MOVIELENS = {
    "u.data": b"196\t242\t3\t881250949\n186\t302\t4\t881250950\n",
    "ratings.dat": b"196::242::3::881250949\n186::302::4::881250950\n",
    "ratings.csv": b"userId,movieId,rating,timestamp\n196,242,3.0,881250949\n186,302,4.0,881250950\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


def interactions(source: str, file_format: str, columns: dict[str, str], sha256: str = "") -> pl.DataFrame:
    """All interactions of a source that may have no malformed line."""
    with TemporaryDirectory() as folder, readers.Rejects(Path(folder) / "rejects.csv", 0) as rejects:
        return pl.concat(readers.read(source, file_format, columns, rejects, sha256))


def read(source: Path, content: bytes, file_format: str = "csv", **options: str) -> pl.DataFrame:
    source.write_bytes(content)
    return interactions(str(source), file_format, options)


def times(source: Path, *texts: str) -> list[datetime]:
    rows = "".join(f"u,i,{text}\n" for text in texts)
    return read(source, b"user_id,item_id,timestamp\n" + rows.encode())[TIMESTAMP].to_list()


@pytest.mark.parametrize("content", MOVIELENS.values(), ids=MOVIELENS)
def test_the_three_movielens_files_are_recognised_and_say_the_same(source: Path, content: bytes) -> None:
    rows = read(source, content, "movielens")
    assert rows.rows() == [
        ("196", "242", NINETIES, 3.0),
        ("186", "302", NINETIES + timedelta(seconds=1), 4.0),
    ]
    assert dict(rows.schema).items() <= SCHEMA.items()


@pytest.mark.parametrize("content", MOVIELENS.values(), ids=MOVIELENS)
def test_windows_line_ends_blank_lines_and_a_byte_order_mark_change_nothing(source: Path, content: bytes) -> None:
    plain = read(source, content, "movielens")
    strange = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b"\r\n"
    assert read(source, strange, "movielens").equals(plain)


def test_columns_are_found_by_their_names_in_the_file(source: Path) -> None:
    content = b"when,who,junk,what,kind\n881250949,196,x,242,view\n"
    rows = read(source, content, user_id="who", item_id="what", timestamp="when", event="kind")
    assert rows.row(0, named=True) == {
        "user_id": "196", "item_id": "242", "timestamp": NINETIES, "event": "view",
    }  # fmt: skip


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_whole_numbers_are_taken_in_the_unit_that_their_size_suggests(source: Path, unit: str) -> None:
    zeros = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
    assert times(source, f"881250949{'0' * zeros}") == [NINETIES]


def test_fractions_of_a_second_are_kept(source: Path) -> None:
    assert times(source, "881250949.25", "881250949") == [NINETIES + timedelta(seconds=0.25), NINETIES]


@pytest.mark.parametrize(
    "text",
    ["1997-12-04T15:55:49Z", "1997-12-04 15:55:49", "1997-12-04T16:55:49+01:00", "1997-12-04 15:55:49.000000+00:00"],
)
def test_iso_text_is_a_time_in_utc_unless_it_says_otherwise(source: Path, text: str) -> None:
    assert times(source, text, "1997-12-04") == [NINETIES, datetime(1997, 12, 4, tzinfo=UTC)]


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_every_time_survives_being_written_as_iso_text(
    tmp_path_factory: pytest.TempPathFactory, time: datetime
) -> None:
    assert times(tmp_path_factory.getbasetemp() / "iso", time.isoformat()) == [time]


@settings(deadline=None)
@given(st.lists(st.integers(1, 99_999_999_999), min_size=1, max_size=5))
def test_every_whole_second_survives(tmp_path_factory: pytest.TempPathFactory, seconds: list[int]) -> None:
    found = times(tmp_path_factory.getbasetemp() / "seconds", *map(str, seconds))
    assert [(time - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND for time in found] == [
        second * 10**6 for second in seconds
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=5))
def test_every_id_survives_a_quoted_csv_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, ids: list[tuple[str, str]]
) -> None:
    quoted = "".join(",".join('"' + text.replace('"', '""') + '"' for text in pair) + f",{881250949}\n" for pair in ids)
    content = b"user_id,item_id,timestamp\n" + quoted.encode()
    assert read(tmp_path_factory.getbasetemp() / "ids", content).select(USER, ITEM).rows() == ids


def test_a_typed_parquet_gives_the_same_as_text(source: Path) -> None:
    frame = pl.DataFrame({"u": [196], "i": ["242"], "t": [NINETIES]}).with_columns(pl.col("i").cast(pl.Categorical))
    columns = {"user_id": "u", "item_id": "i", "timestamp": "t"}
    for time in (pl.col("t"), pl.col("t").dt.replace_time_zone(None), pl.col("t").dt.epoch("ms")):
        frame.with_columns(time).write_parquet(source)
        assert interactions(str(source), "parquet", columns).rows() == [("196", "242", NINETIES)]


def test_missing_values_stay_missing_for_validation_to_judge(source: Path) -> None:
    assert read(source, b"196\t\t\t881250949\n", "movielens").rows() == [("196", None, NINETIES, None)]


def test_a_url_is_read_like_a_path(source: Path) -> None:
    content = MOVIELENS["u.data"]
    rows = read(source, content, "movielens")
    digest = hashlib.sha256(content).hexdigest()
    assert interactions(source.as_uri(), "movielens", {}, digest).equals(rows)


def test_a_file_is_read_from_a_web_server(source: Path) -> None:
    rows = read(source, MOVIELENS["ratings.dat"], "movielens")
    handler = partial(SimpleHTTPRequestHandler, directory=str(source.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert interactions(f"{address}/source", "movielens", {}).equals(rows)
        with pytest.raises(FileNotFoundError, match=f"the source {address}/nothing does not exist"):
            interactions(f"{address}/nothing", "movielens", {})
        server.shutdown()


@pytest.mark.parametrize(
    ("content", "file_format", "sentence"),
    [
        (b"", "csv", "the file is empty"),
        (b"User_ID,item_id,timestamp\n", "csv", "'timestamp'; set ingest.columns.user_id=User_ID"),
        (b"user,item,timestamp\n", "csv", "no column 'user_id' to take user_id from; the file has 'user', 'item'"),
        (HEADER + b"a,b,1,5\nc,d,1,good\n", "csv", "line 3: rating = 'good' is not a finite number"),
        (HEADER + b"a,b,1,nan\n", "csv", "line 2: rating = 'nan' is not a finite number"),
        (HEADER + b"a,b,yesterday,5\n", "csv", "line 2: timestamp = 'yesterday' is not a time"),
        (HEADER + b'"a\nb",c,1,5\n\nd,e,x,5\n', "csv", "line 5: timestamp = 'x' is not a time"),
        (HEADER + b"a,b,1,5,6\n", "csv", "line 2: the number of columns is 5 instead of 4"),
        (HEADER + b"a,b,1,5\n\xff,b,1,5\n", "csv", "line 3: not UTF-8 text (invalid start byte)"),
        (b"1\t2\t3\t4\n1\t2\t3\n", "movielens", "line 2: the number of columns is 3 instead of 4"),
        (b"1\t2\t3\t4\n\n1\t2\t3\tx\n", "movielens", "line 3: timestamp = 'x' is not a time"),
        (b"1\t2\t3\t881250949\n1\t2\t3\t881250949000\n1\t2\t3\t9\n", "movielens", "line 2: timestamp = '881250949000'"),
        (b"user_id,item_id,timestamp\ra,b,1\r", "csv", "the header is no row of a CSV file (new-line character"),
        (b"user_id,user_id,timestamp\n", "csv", "the header names 'user_id' twice"),
        (b" \n\n", "csv", "there is no line of text"),
        (b"1;2;3;4\n", "movielens", "line 1 is '1;2;3;4', but u.data separates its columns by tabs"),
        (b"no parquet at all", "parquet", "the file is no Parquet"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_ends_in_one_sentence(
    source: Path, content: bytes, file_format: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        read(source, content, file_format)
    assert str(source) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_mapping_of_an_unknown_column_is_refused(source: Path) -> None:
    with pytest.raises(ValueError, match=r"columns\.price is no column of interactions"):
        read(source, HEADER, price="cost")


def test_other_bytes_than_expected_are_refused(source: Path) -> None:
    source.write_bytes(HEADER)
    with pytest.raises(ValueError, match="not 0000"):
        interactions(str(source), "csv", {}, "0" * 64)


@pytest.mark.parametrize("missing", ["nowhere.csv", "file:///nowhere.csv"])
def test_a_missing_file_is_named(missing: str) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(f"the source {missing} does not exist")):
        interactions(missing, "csv", {})


def test_a_url_of_an_unknown_kind_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="nope://x cannot be read"):
        interactions("nope://x", "csv", {})
