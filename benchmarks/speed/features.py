"""How fast the online store is filled.

    python -m benchmarks.speed.features

The bound is 12,000 users a second into SQLite on two cores, histories of 50 items each. Beside it, in the same rounds:
Feast's own way in (`write_to_online_store`, a Pandas frame), and Feast's own SQLite store given our messages.
Prints the figures and writes `benchmarks/results/feature_speed.json`.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import polars as pl

from adrec.config import Publish
from adrec.config.params import load
from benchmarks.harness import record
from features import histories, store
from features.online import writer
from features.settings import FOLDER_VARIABLE, REDIS_VARIABLE

SEED = 11
USERS, ITEMS, LENGTH = 20_000, 5_000, 50
ROUNDS = 5
BOUND = 12_000  # users a second


def interactions(users: int) -> pl.DataFrame:
    """`LENGTH` random interactions of each user."""
    draw = np.random.default_rng(SEED)
    times = np.sort(draw.integers(0, 10**15, (users, LENGTH)), axis=1).ravel()
    rows = {
        "user_id": np.repeat([f"user-{number:06d}" for number in range(users)], LENGTH),
        "item_id": [f"item-{number:05d}" for number in draw.integers(0, ITEMS, users * LENGTH)],
        "timestamp": times,
    }
    return pl.DataFrame(rows).with_columns(pl.from_epoch("timestamp", "us").dt.replace_time_zone("UTC"))


def rivals(feast: Any, rows: pl.DataFrame) -> dict[str, Callable[[], None]]:
    """Ways to write the histories `rows`."""
    from feast.infra.online_stores.sqlite import SqliteOnlineStore

    view = feast.get_feature_view(writer.VIEW)
    frame = histories.stamped(rows).to_pandas()
    theirs = SqliteOnlineStore()
    return {
        "fill": lambda: writer.fill(feast, rows, 0, LENGTH),
        "write_to_online_store": lambda: feast.write_to_online_store(writer.VIEW, frame),
        "Feast's SQLite store": lambda: theirs.online_write_batch(
            feast.config, view, list(writer.messages(rows)), None
        ),
    }


def interleaved(rivals: dict[str, Callable[[], None]]) -> dict[str, dict[str, float]]:
    """Median seconds of each, by the clock and of the processor, timed in turn after one round that is not counted."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    for _ in range(ROUNDS + 1):
        for name, run in rivals.items():
            start = time.perf_counter(), time.process_time()
            run()
            seconds[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {
        name: {"clock": median(clock for clock, _ in rounds[1:]), "processor": median(cpu for _, cpu in rounds[1:])}
        for name, rounds in seconds.items()
    }


def main() -> None:
    """Run the benchmark."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    settings = cast(Publish, load(Path("params.yaml"))["publish"])
    os.environ.pop(REDIS_VARIABLE, None)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER_VARIABLE] = folder
        rows = interactions(USERS)
        store.publish(rows.head(LENGTH), settings)
        seconds = interleaved(rivals(store.open_store().feast, histories.latest(rows, LENGTH)))
    ours = seconds.pop("fill")
    figures = {
        "users": USERS,
        "items_each": LENGTH,
        "rounds": ROUNDS,
        "load_before": round(load_before, 1),  # processes that wanted a core: above 1, others slowed this down
        "users_per_second": round(USERS / ours["clock"]),
        "users_per_processor_second": round(USERS / ours["processor"]),
        "bound": BOUND,
        "times_faster_than": {
            name: round(other["processor"] / ours["processor"], 2) for name, other in seconds.items()
        },
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    print(f"written to {record.write('feature_speed', SEED, figures)}")


if __name__ == "__main__":
    main()
