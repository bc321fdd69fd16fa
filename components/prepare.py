"""Turn versioned interactions into what models read: a catalogue and every user's history."""

import json
from pathlib import Path

import polars as pl

from adrec import config
from adrec.data.build import build_histories, keep_positives
from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.data.interactions import about, scan
from adrec.data.splits import GlobalTime, LeaveOneOut, Split
from adrec.files import new_folder
from components.expectations import history_checks


def run(*, interactions: Path, versioned: Path, prepare: config.Prepare, dataset: Path) -> None:
    """Write the folder `dataset`: catalogue, histories, their split, and which version of which data they come from.

    Raises:
        FileNotFoundError: there are no interactions.
        ValueError: they are no Parquet file, or the section leaves nothing, or what cannot be split, or names an engine
            that is not installed.
    """
    rows = scan(interactions)
    catalogue, histories = build(interactions, rows, prepare)
    if not len(histories):
        raise ValueError(_nothing_left(rows, prepare))
    version, split = json.loads(versioned.read_text()), SPLITS[prepare.split](histories, prepare)
    description = {
        **about(interactions),
        "data_hash": version["data_hash"],
        "data_tag": version["tag"],
        "catalogue_hash": catalogue.hash,
        "users": len(histories),
        "items": len(catalogue),
        "interactions": len(histories.items),
        "split": split.as_dict(),
    }
    with new_folder(dataset) as folder:
        Dataset(catalogue, histories, description).write(folder)
        history_checks.check_sequences(folder, split.shortest)


def build(interactions: Path, rows: pl.LazyFrame, prepare: config.Prepare) -> tuple[Catalogue, Histories]:
    """The catalogue and the histories of the liked `rows` of frequent users and items, by the chosen engine."""
    if prepare.engine == "spark":
        from adrec.data import spark  # PySpark comes with an extra

        return spark.build_histories(interactions, prepare.min_rating, prepare.core)
    return build_histories(keep_positives(rows, prepare.min_rating), prepare.core)


def leave_one_out(histories: Histories, prepare: config.Prepare) -> Split:
    """The paper's split.

    Raises:
        ValueError: some users are too short for it, or all to learn from.
    """
    split = LeaveOneOut()
    short = int((histories.lengths < split.shortest).sum())
    if short:
        raise ValueError(
            f"params: prepare.core = {prepare.core} leaves {short:,} users with fewer than {split.shortest}"
            " interactions, which cannot be split into training, validation and test:"
            f" it must be at least {split.shortest}"
        )
    if not (split.trained(histories) > 1).any():
        raise ValueError(
            f"params: prepare.split = leave_one_out leaves each of {len(histories):,} users one interaction to train on"
            f" and nothing that follows it: somebody needs at least {split.shortest + 1}"
        )
    return split


def global_time(histories: Histories, prepare: config.Prepare) -> Split:
    """The split at two moments, before which given shares of the interactions happened.

    Raises:
        ValueError: nothing is left to train on or to ask for.
    """
    split = GlobalTime.at(histories, prepare.validation_from, prepare.test_from)
    asked = {part: len(split.asked(histories, part)[0]) for part in ("validation", "test")}
    counts = {"users to train on": int((split.trained(histories) > 1).sum())}
    counts |= {f"{part} questions": number for part, number in asked.items()}
    for what, number in counts.items():
        if not number:
            raise ValueError(
                f"params: prepare.validation_from = {prepare.validation_from:g} and test_from = {prepare.test_from:g}"
                f" leave no {what}: users need interactions before the first moment that they mark and after each"
            )
    return split


SPLITS = {"leave_one_out": leave_one_out, "global_time": global_time}


def _nothing_left(rows: pl.LazyFrame, prepare: config.Prepare) -> str:
    everything, liked = (
        part.select(pl.len()).collect().item() for part in (rows, keep_positives(rows, prepare.min_rating))
    )
    if not liked:
        return (
            f"params: prepare.min_rating = {prepare.min_rating:g} leaves none of {everything:,} interactions:"
            " none is rated so high"
        )
    return (
        f"params: prepare.core = {prepare.core} leaves none of {liked:,} interactions:"
        " no users and items have so many with each other"
    )
