"""What training saw, and a sample of what the service was asked: the two that `drift` holds against each other.

Both lie in the store's folder. A served history is one line of JSON without the user's name.
"""

import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from adrec.files import new_file
from features.settings import folder

PROFILE_FILE = "profile.json"
SERVED_FOLDER = "served"
LINE = pl.Struct({"time": pl.String(), "history": pl.List(pl.String()), "strategy": pl.String()})
SERVED = pl.Schema({"time": pl.Datetime("us", "UTC"), "history": pl.List(pl.String()), "strategy": pl.String()})

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """A served history, as it stands in the sample."""

    time: AwareDatetime
    history: list[str]
    strategy: str


LINES = TypeAdapter(Line)


@dataclass(frozen=True)
class Profile:
    """What training saw.

    Attributes:
        data_tag: of which version of the data.
        lengths: how many histories have each length, cut to what the model reads.
        items: how often each item of the catalogue stands in them.
    """

    data_tag: str
    lengths: Mapping[int, int]
    items: Mapping[str, int]


def write(profile: Profile) -> None:
    """Keep the profile of the data that was published."""
    lengths = {str(length): count for length, count in profile.lengths.items()}
    document = {"data_tag": profile.data_tag, "lengths": lengths, "items": dict(profile.items)}
    with new_file(folder() / PROFILE_FILE) as unfinished:
        unfinished.write_text(json.dumps(document) + "\n", encoding="utf-8")


def read() -> Profile:
    """The profile of the data that was published.

    Raises:
        FileNotFoundError: nothing was published.
    """
    path = folder() / PROFILE_FILE
    if not path.is_file():
        raise FileNotFoundError(f"there is no profile of the training data at {path}: run the publish step first")
    document = json.loads(path.read_text(encoding="utf-8"))
    lengths = {int(length): count for length, count in document["lengths"].items()}
    return Profile(document["data_tag"], lengths, document["items"])


class Sample:
    """Where one process of the service keeps some of the histories that it served, in a file of its own.

    Attributes:
        share: of the histories, drawn at random.
        max_length: how much of each, counted from its end.
    """

    def __init__(self, share: float, max_length: int) -> None:
        self.share, self.max_length = share, max_length
        self._file = folder() / SERVED_FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{uuid4()}.jsonl"
        self._warned = False

    def offer(self, history: Sequence[str], strategy: str) -> None:
        """Keep this history and the strategy of its answer, or do not; that it cannot be kept is told once."""
        if random.random() >= self.share:  # noqa: S311 (no secret)
            return
        kept = list(history[-self.max_length :])
        line: dict[str, Any] = {"time": datetime.now(UTC).isoformat(), "history": kept, "strategy": strategy}
        try:
            self._file.parent.mkdir(exist_ok=True)
            with self._file.open("ab", buffering=0) as file:
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            if not self._warned:
                logger.warning(
                    "no sample for drift is kept, make its folder writable or set serve.sample: 0: %s", error
                )
            self._warned = True


def served(since: datetime) -> tuple[pl.DataFrame, int]:
    """The histories that were sampled after `since` (`time`, `history`, `strategy`), and how many lines are none.

    A process that is killed, or whose disk is full, leaves half a line; it is left out.
    """
    files = [path for path in (folder() / SERVED_FOLDER).glob("*.jsonl") if path.stat().st_mtime >= since.timestamp()]
    found = [_line(line) for path in sorted(files) for line in path.read_bytes().splitlines()]
    rows = [(line.time, line.history, line.strategy) for line in found if line is not None]
    return pl.DataFrame(rows, SERVED, orient="row").filter(pl.col("time") >= since), found.count(None)


def _line(text: bytes) -> Line | None:
    """One line of a sample; None where it is no such thing."""
    try:
        return LINES.validate_json(text)
    except ValidationError:
        return None
