"""Fetch the interactions from where they are kept, in their own format, and write them in ours."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from adrec import config
from adrec.data import demo, readers
from adrec.data.interactions import write_batches


def run(*, ingest: config.Ingest, interactions: Path, rejects: Path) -> None:
    """Read the source, or let the demo world live, and write the rows in order; same source, same bytes.

    Malformed lines go to the CSV file `rejects` with their number and the reason, also when the step fails.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the source cannot be read as the format that the section names.
    """
    with readers.Rejects(rejects, ingest.max_rejects) as malformed:
        rows, about = _fetch(ingest, malformed)
        write_batches(rows, interactions, about)


def _fetch(ingest: config.Ingest, rejects: readers.Rejects) -> tuple[Iterable[pl.DataFrame], dict[str, Any]]:
    """The interactions, and what is known about them besides: the laws of the demo world."""
    if ingest.format != "demo":
        return readers.read(ingest.source, ingest.format, ingest.columns, rejects, ingest.sha256), {}
    if ingest.source != "demo":
        formats = ", ".join(readers.FORMATS)
        raise ValueError(f"params: ingest.source = {ingest.source!r} needs a format: one of {formats}")
    rows = demo.interactions(ingest.demo_users, ingest.demo_items, ingest.demo_seed)
    return [rows], {"demo": {"items": ingest.demo_items, "seed": ingest.demo_seed}}
