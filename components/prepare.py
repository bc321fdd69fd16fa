"""Turn versioned interactions into what models read: a catalogue and every user's history."""

import json
from pathlib import Path

import polars as pl

from adrec import config, sequences
from adrec.interactions import USER, about, read
from adrec.output import new_folder
from components import tables

SHORTEST = sequences.HELD_OUT + 1  # one interaction to train on, one to validate, one to test


def run(*, interactions: Path, versioned: Path, prepare: config.Prepare, dataset: Path) -> None:
    """Write the folder `dataset`: catalogue, histories, and which version of which data they come from.

    Raises:
        ValueError: the section leaves nothing, or users too short to be split.
    """
    catalogue, histories = sequences.build(select(read(interactions), prepare))
    version = json.loads(versioned.read_text())
    origin = {
        **about(interactions),
        "data_hash": version["data_hash"],
        "data_tag": version["tag"],
        "catalogue_hash": catalogue.hash,
        "users": len(histories),
        "items": len(catalogue),
        "interactions": len(histories.items),
    }
    with new_folder(dataset) as folder:
        sequences.Dataset(catalogue, histories, origin).write(folder)
        tables.check_sequences(folder, SHORTEST)


def select(rows: pl.DataFrame, prepare: config.Prepare) -> pl.DataFrame:
    """The liked interactions of the frequent users and items, in the order of rows."""
    liked = sequences.liked(rows, prepare.min_rating)
    if liked.is_empty():
        raise ValueError(
            f"params: prepare.min_rating = {prepare.min_rating:g} leaves none of {rows.height:,} interactions:"
            " none is rated so high"
        )
    frequent = sequences.k_core(liked, prepare.core)
    if frequent.is_empty():
        raise ValueError(
            f"params: prepare.core = {prepare.core} leaves none of {liked.height:,} interactions:"
            " no users and items have so many with each other"
        )
    short = int((frequent[USER].value_counts()["count"] < SHORTEST).sum())
    if short:
        raise ValueError(
            f"params: prepare.core = {prepare.core} leaves {short:,} users with fewer than {SHORTEST}"
            f" interactions, which cannot be split into training, validation and test: it must be at least {SHORTEST}"
        )
    return frequent
