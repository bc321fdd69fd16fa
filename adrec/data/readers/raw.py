"""What every format turns its files into, before anything is known of the values."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl


class Raw(NamedTuple):
    """A batch of rows as they stand in a file.

    Attributes:
        names: of the columns that the file has.
        rows: the columns that are needed, as text or typed, and `rejects.LINE`: where each row stands.
    """

    names: Sequence[str]
    rows: pl.DataFrame
