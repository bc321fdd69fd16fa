"""How JSON lines are read: one object a line, of which some keys are needed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from adrec.data.interactions import RATING, TIMESTAMP
from adrec.data.readers.raw import Raw
from adrec.data.readers.rejects import LINE, Malformed, Rejects
from adrec.data.readers.text import BLANK, lines

NUMBERS = (RATING, TIMESTAMP)


def rows(path: Path, columns: Mapping[str, str], rejects: Rejects) -> Iterator[Raw]:
    """The rows of a file as text. Its columns are the keys that the objects of its first 16 MiB have."""
    names: list[str] = []
    for block in lines(path, rejects):
        wrong: list[Malformed] = []
        objects = list(_objects(block.filter(~BLANK), wrong))
        names = names or list(dict.fromkeys(name for _, found, _ in objects for name in found))
        kept = {theirs: ours for ours, theirs in columns.items() if theirs in names}
        table = list(_table(objects, kept, wrong))
        rejects.add(sorted(wrong))
        if names:
            schema = {LINE: pl.Int64(), **dict.fromkeys(kept, pl.String())}
            yield Raw(names, pl.DataFrame(table, schema=schema, orient="row"))
    if not names:
        raise ValueError("there is no line with a JSON object")


def _objects(block: pl.DataFrame, wrong: list[Malformed]) -> Iterator[tuple[int, dict[str, Any], str]]:
    for number, text in block.iter_rows():
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            wrong.append((number, f"not a JSON object ({error})", text))
            continue
        if isinstance(found, dict):
            yield number, found, text
        else:
            wrong.append((number, "not a JSON object", text))


def _table(
    objects: Sequence[tuple[int, dict[str, Any], str]], kept: Mapping[str, str], wrong: list[Malformed]
) -> Iterator[tuple[int | str | None, ...]]:
    """Line number and values of the keys `kept`, which names our column of each."""
    for number, found, text in objects:
        try:
            yield number, *(_text(found.get(theirs), theirs, ours) for theirs, ours in kept.items())
        except ValueError as error:
            wrong.append((number, str(error), text))


def _text(value: Any, theirs: str, ours: str) -> str | None:
    """Texts and whole numbers as they stand; a fraction is no id."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float if ours in NUMBERS else int):
        raise ValueError(f"{theirs} is {_kind(value)}, which is no {ours}")
    return str(value)


def _kind(value: Any) -> str:
    return {bool: "true or false", float: "a fraction", list: "a list", dict: "an object"}[type(value)]
