"""Each published format, in small as its publishers write it, is read into the interactions that it tells of."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from adrec.data import readers
from adrec.data.interactions import SCHEMA

FIRST, SECOND = datetime(2013, 7, 16, tzinfo=UTC), datetime(2018, 7, 7, 22, 9, 11, tzinfo=UTC)
AMAZON_2014 = (
    b'{"reviewerID": "A2SUAM1J3GNN3B", "asin": "0000013714", "reviewerName": "J. McDonald", "helpful": [2, 3],'
    b' "reviewText": "He said: \\"play it\\"\\n{again}", "overall": 5.0, "summary": "Heavenly",'
    b' "unixReviewTime": 1373932800, "reviewTime": "07 16, 2013"}\n'
    b'{"reviewerID": "A3", "asin": "B000", "overall": 4.0, "unixReviewTime": 1531001351}\n'
)
AMAZON_2018 = (
    b'{"image": ["https://images.example/x.jpg"], "overall": 5.0, "vote": "2", "verified": true,'
    b' "reviewTime": "07 16, 2013", "reviewerID": "A2SUAM1J3GNN3B", "asin": "0000013714", "style": {"Size:": "L"},'
    b' "unixReviewTime": 1373932800}\n'
    b'{"overall": 4.0, "reviewerID": "A3", "asin": "B000", "unixReviewTime": 1531001351}\n'
)
AMAZON_2023 = (
    b'{"rating": 5.0, "title": "x", "text": "", "images": [], "asin": "B0", "parent_asin": "0000013714",'
    b' "user_id": "A2SUAM1J3GNN3B", "timestamp": 1373932800000, "helpful_vote": 0, "verified_purchase": true}\n'
    b'{"rating": 4.0, "asin": "B1", "parent_asin": "B000", "user_id": "A3", "timestamp": 1531001351000}\n'
)
YELP = (
    b'{"review_id": "r1", "user_id": "A2SUAM1J3GNN3B", "business_id": "0000013714", "stars": 5.0, "useful": 0,'
    b' "text": "\\u00e9t\\u00e9", "date": "2013-07-16 00:00:00"}\n'
    b'{"review_id": "r2", "user_id": "A3", "business_id": "B000", "stars": 4.0, "date": "2018-07-07 22:09:11"}\n'
)
FORMATS = {
    "movielens, u.data": ("movielens", b"A2SUAM1J3GNN3B\t0000013714\t5\t1373932800\nA3\tB000\t4\t1531001351\n"),
    "movielens, ratings.dat": ("movielens", b"A2SUAM1J3GNN3B::0000013714::5::1373932800\nA3::B000::4::1531001351\n"),
    "movielens, ratings.csv": (
        "movielens",
        b"userId,movieId,rating,timestamp\nA2SUAM1J3GNN3B,0000013714,5.0,1373932800\nA3,B000,4.0,1531001351\n",
    ),
    "amazon 2014, reviews": ("amazon-2014", AMAZON_2014),
    "amazon 2014, ratings": ("amazon-2014", b"A2SUAM1J3GNN3B,0000013714,5.0,1373932800\nA3,B000,4.0,1531001351\n"),
    "amazon 2018, reviews": ("amazon-2018", AMAZON_2018),
    "amazon 2018, ratings": ("amazon-2018", b"0000013714,A2SUAM1J3GNN3B,5.0,1373932800\nB000,A3,4.0,1531001351\n"),
    "amazon 2023, reviews": ("amazon-2023", AMAZON_2023),
    "amazon 2023, ratings": (
        "amazon-2023",
        b"user_id,parent_asin,rating,timestamp\nA2SUAM1J3GNN3B,0000013714,5.0,1373932800000\nA3,B000,4.0,1531001351000\n",
    ),
    "yelp": ("yelp", YELP),
    "recbole": (
        "recbole",
        b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n%s"
        % b"A2SUAM1J3GNN3B\t0000013714\t5\t1373932800\nA3\tB000\t4\t1531001351.0\n",
    ),
}


def read(source: str | Path, file_format: str, **columns: str) -> pl.DataFrame:
    rejects = readers.Rejects(Path("never-written"), 0)
    return pl.concat(readers.read(str(source), file_format, columns, rejects))


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("file_format", "content"), FORMATS.values(), ids=FORMATS)
def test_every_format_tells_of_the_same_interactions(
    tmp_path: Path, file_format: str, content: bytes, zipped: bool
) -> None:
    source = tmp_path / "source"
    source.write_bytes(gzip.compress(content) if zipped else content)
    rows = read(source, file_format)
    assert rows.rows() == [("A2SUAM1J3GNN3B", "0000013714", FIRST, 5.0), ("A3", "B000", SECOND, 4.0)]
    assert dict(rows.schema).items() <= SCHEMA.items()


def test_the_three_files_of_rechorus_are_one_source_in_the_order_of_their_names(tmp_path: Path) -> None:
    header = "user_id\titem_id\ttime"
    (tmp_path / "train.csv").write_text(f"{header}\n1\t2\t1373932800\n1\t3\t1373932801\n")
    (tmp_path / "dev.csv").write_text(f"{header}\tneg_items\n1\t4\t1373932802\t[7, 8, 9]\n")
    (tmp_path / "test.csv").write_text(f"{header}\tneg_items\n1\t5\t1373932803\t[7, 8, 9]\n")
    rows = read(tmp_path / "*.csv", "rechorus")
    assert rows["item_id"].to_list() == ["4", "5", "2", "3"]
    assert rows["timestamp"].sort().to_list() == [FIRST + timedelta(seconds=second) for second in range(4)]
    assert rows.columns == ["user_id", "item_id", "timestamp"]


def test_any_table_is_read_by_naming_its_columns(tmp_path: Path) -> None:
    columns = {"user_id": "who", "item_id": "what", "timestamp": "when", "event": "kind"}
    texts = {
        "csv": "when,who,junk,what,kind\n2013-07-16,u,x,i,view\n",
        "tsv": "when\twho\tjunk\twhat\tkind\n2013-07-16\tu\tx\ti\tview\n",
        "jsonl": '{"when": "2013-07-16", "who": "u", "junk": [1], "what": "i", "kind": "view"}\n',
    }
    for file_format, text in texts.items():
        (tmp_path / file_format).write_text(text)
    pl.DataFrame({"when": [FIRST.date()], "who": ["u"], "what": ["i"], "kind": ["view"]}).write_parquet(
        tmp_path / "parquet"
    )
    for file_format in (*texts, "parquet"):
        rows = read(tmp_path / file_format, file_format, **columns)
        assert rows.row(0, named=True) == {"user_id": "u", "item_id": "i", "timestamp": FIRST, "event": "view"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"user_id": true, "item_id": "i", "timestamp": 1}', "user_id is true or false, which is no user_id"),
        (b'{"user_id": "u", "item_id": 1.5, "timestamp": 1}', "item_id is a fraction, which is no item_id"),
        (b'{"user_id": "u", "item_id": ["i"], "timestamp": 1}', "item_id is a list, which is no item_id"),
        (b'{"user_id": "u", "item_id": "i", "timestamp": {}}', "timestamp is an object, which is no timestamp"),
        (b'["u", "i", 1]', "not a JSON object"),
        (b"{'user_id': 'u'}", "not a JSON object (unexpected"),
        (b'{"user_id": "u"', "not a JSON object ("),
    ],
)
def test_json_that_is_no_interaction_is_a_reject(tmp_path: Path, line: bytes, reason: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b'{"user_id": 7, "item_id": "i", "timestamp": 1373932800}\n' + line)
    rejects = readers.Rejects(tmp_path / "rejects.csv", 1)
    with rejects:
        rows = pl.concat(readers.read(str(source), "jsonl", {}, rejects))
    assert rows.rows() == [("7", "i", FIRST)]
    (number, found) = pl.read_csv(tmp_path / "rejects.csv").select("line", "reason").row(0)
    assert number == 2
    assert found.startswith(reason)


def test_a_gzip_that_is_cut_short_is_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "reviews.json.gz"
    source.write_bytes(gzip.compress(AMAZON_2014)[:-20])
    with pytest.raises(ValueError, match="the gzip file is damaged or cut short"):
        read(source, "amazon-2014")


def test_files_of_one_source_must_have_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("user_id,item_id,timestamp,rating\nu,i,1,5\n")
    (tmp_path / "2.csv").write_text("user_id,item_id,timestamp\nu,i,2\n")
    with pytest.raises(ValueError, match=r"2\.csv: there is no column 'rating' to take rating from"):
        read(tmp_path / "*.csv", "csv")
