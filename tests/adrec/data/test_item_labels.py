"""What a file says of items is read as it stands, and what is no such file is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec.data import item_labels

U_ITEM = "1|Toy Story (1995)|01-Jan-1995||http://a|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "items"
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize(
    "text",
    [
        "item_id,categories\na,War|Drama\nb,\n",
        '\ufeffcategories,item_id\n"War|Drama",a\n,b\n',
        "movieId,title,genres\na,One (1995),War|Drama\nb,Two,\n",
        "item_id,categories\na,War\na,Drama\nb,\n",
        'item_id,categories,title\r\na,War|Drama,"Two\r\nlines"\r\nb,,One\u2028line\r\n',
    ],
)
def test_csv_is_read_by_the_names_of_its_columns(text: str, tmp_path: Path) -> None:
    assert item_labels.read(written(tmp_path, text)) == {"a": {"War", "Drama"}, "b": frozenset()}


def test_the_flags_of_movielens_are_genres(tmp_path: Path) -> None:
    found = item_labels.read(written(tmp_path, U_ITEM.replace("Toy", "T\x85ÿ"), "latin-1"))
    assert found == {"1": {"Animation", "Children's", "Comedy"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item,kind\na,War\n", "neither a CSV file with the columns item_id,categories or movieId,genres"),
        ("item_id,categories\na\n", "line 2 has fewer fields than the header"),
        (U_ITEM + U_ITEM.replace("|1|", "|yes|"), "line 2 does not end in 19 flags of 0 or 1"),
        (U_ITEM + "2|Golden\n", "line 2 does not end in 19 flags"),
        ("", "the file is empty"),
        ("\ufeff", "neither a CSV file"),
    ],
)
def test_what_is_no_such_file_is_named(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        item_labels.read(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        item_labels.read(str(tmp_path / "nowhere"))


@given(
    st.one_of(
        st.text(),
        st.text().map("item_id,categories\n".__add__),
        st.text(alphabet="01|a\n").map(U_ITEM.__add__),
    )
)
def test_any_text_is_read_or_refused_in_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    source = written(tmp_path_factory.mktemp("any"), text)
    try:
        found = item_labels.read(source)
    except ValueError as error:
        assert source in str(error)  # noqa: PT017 (either is right)
    else:
        assert all(isinstance(own, frozenset) for own in found.values())


def test_the_table_has_a_row_for_each_item_that_is_known() -> None:
    items_M, labels_MG = item_labels.table({"a": {"War"}, "c": {"Drama", "War"}, "x": {"Crime"}}, ("c", "b", "a"))
    assert items_M.tolist() == [0, 2]
    assert labels_MG.tolist() == [[True, True], [False, True]]


def test_of_no_known_item_the_table_is_empty() -> None:
    items_M, labels_MG = item_labels.table({"x": {"Crime"}}, ("a", "b"))
    assert (len(items_M), labels_MG.shape) == (0, (0, 0))
