"""Interactions to histories: `adrec.data.build` against a plain pandas version, in processor time and memory.

    python -m benchmarks.speed.data [--rows 2000000 20000000] [--rounds 2]

For each size it makes one log (users and items of very unequal frequency, rows in no order), and both turn its Parquet
file into the last 50 interactions of each frequent user and item: 5-core, numbers by first appearance, order of time.
Each runs as a process of its own, in turn; the operating system says what processor time and peak memory it took, its
libraries included. Both must give the same bytes. Prints a table and writes `benchmarks/results/data_speed.json`.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from adrec.data.build import build_histories
from benchmarks.harness import record

SEED = 0
CORE = 5
LAST = 50
MIB = 1024  # KiB, in which Linux counts a process's memory
ROWS_PER_USER, ROWS_PER_ITEM = 60, 200
FIRST_SECOND, SECONDS = 1_400_000_000, 300_000_000  # from 2014 on, for nearly ten years

# What a child loads is loaded there: a parent's memory would count as its children's.


def make(path: Path, rows: int) -> None:
    """Write a log of so many rows as Parquet."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(SEED)
    users = (random.beta(1, 2.5, rows) ** 1.5 * (rows // ROWS_PER_USER)).astype(np.int64)
    items = (random.beta(0.7, 4, rows) * (rows // ROWS_PER_ITEM)).astype(np.int64)
    seconds = pl.Series(FIRST_SECOND + random.integers(0, SECONDS, rows))
    pl.DataFrame({"user": users, "item": items}).select(
        user_id=pl.format("user-{}", pl.col("user").cast(pl.String).str.zfill(8)),
        item_id=pl.format("item-{}", pl.col("item").cast(pl.String).str.zfill(8)),
        timestamp=pl.from_epoch(seconds, time_unit="s").cast(pl.Datetime("us", "UTC")),
    ).write_parquet(path, row_group_size=1_000_000)


def ours(path: Path) -> dict[str, Any]:
    """Histories by `adrec.data.build`."""
    import polars as pl

    catalogue, histories = build_histories(pl.scan_parquet(path), CORE)
    recent = histories.last(LAST)
    return _digest(catalogue.items, recent.users, recent.items, recent.offsets)


def pandas(path: Path) -> dict[str, Any]:
    """The same as it is usually written with pandas."""
    import numpy as np
    import pandas as pd

    rows = pd.read_parquet(path)
    while True:
        counts = [rows.groupby(key)[key].transform("size") for key in ("user_id", "item_id")]
        k_core_mask = (counts[0] >= CORE) & (counts[1] >= CORE)
        if k_core_mask.all():
            break
        rows = rows[k_core_mask]
    users, user_ids = pd.factorize(rows["user_id"])
    items, item_ids = pd.factorize(rows["item_id"])
    coded = pd.DataFrame({"user": users, "item": items + 1, "timestamp": rows["timestamp"].to_numpy()})
    recent = coded.sort_values(["user", "timestamp"], kind="stable").groupby("user").tail(LAST)
    offsets = np.concatenate([[0], recent.groupby("user").size().cumsum()])
    return _digest(item_ids, user_ids, recent["item"].to_numpy(), offsets)


RIVALS: dict[str, Callable[[Path], dict[str, Any]]] = {"pandas": pandas, "ours": ours}


def _digest(item_ids: Any, user_ids: Any, items: Any, offsets: Any) -> dict[str, Any]:
    """How much there is, and a hash of all of it."""
    digest = hashlib.sha256(json.dumps([list(item_ids), list(user_ids)]).encode())
    digest.update(items.astype("int32").tobytes())
    digest.update(offsets.astype("int64").tobytes())
    counts = {"users": len(user_ids), "items": len(item_ids), "interactions": len(items)}
    return {**counts, "sha256": digest.hexdigest()}


def child(task: str, path: Path, rows: int) -> dict[str, Any]:
    """Do `task` in a process of its own; gives what it prints, its processor seconds and its peak memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.speed.data", "--child", task, str(path), "--rows", str(rows)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 (our own module)
    printed = cast(IO[bytes], process.stdout).read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{task} on {rows:,} rows ended with status {process.returncode}")
    seconds = {"cpu_seconds": usage.ru_utime + usage.ru_stime, "wall_seconds": time.perf_counter() - start}
    return {**json.loads(printed or "{}"), **seconds, "peak_mib": usage.ru_maxrss / MIB}


def compare(rows: int, rounds: int) -> dict[str, Any]:
    """Medians of each rival over some rounds on one log, and how many times less ours takes."""
    with tempfile.TemporaryDirectory(prefix="adrec-data-speed-") as folder:
        log = Path(folder) / "interactions.parquet"
        child("make", log, rows)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in RIVALS}
        for _ in range(rounds):
            for name, of_rival in runs.items():
                of_rival.append(child(name, log, rows))
    results = {run["sha256"] for of_rival in runs.values() for run in of_rival}
    if len(results) != 1:
        raise RuntimeError(f"the histories of {rows:,} rows differ: {runs}")
    measures = ("cpu_seconds", "wall_seconds", "peak_mib")
    found = {name: {key: median(run[key] for run in runs[name]) for key in measures} for name in RIVALS}
    made = {key: runs["ours"][0][key] for key in ("users", "items", "interactions", "sha256")}
    less = {key: found["pandas"][key] / found["ours"][key] for key in measures}
    return {"rows": rows, "rounds": rounds, "made": made, "figures": found, "times_less": less}


def table(found: list[dict[str, Any]]) -> str:
    """The ratios as Markdown."""
    lines = [
        "| rows | times less processor time | times less wall time | times less peak memory |",
        "|---|---|---|---|",
    ]
    for size in found:
        less = size["times_less"]
        cells = " | ".join(f"{less[key]:.1f}" for key in ("cpu_seconds", "wall_seconds", "peak_mib"))
        lines.append(f"| {size['rows']:,} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark, or one of its children."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000_000, 20_000_000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        task, path = arguments.child
        if task == "make":
            make(Path(path), arguments.rows[0])
        else:
            print(json.dumps(RIVALS[task](Path(path))))
        return
    found = [compare(rows, arguments.rounds) for rows in arguments.rows]
    written = record.write("data_speed", SEED, {"core": CORE, "last": LAST, "sizes": found})
    print(table(found), f"written to {written}", sep="\n\n")


if __name__ == "__main__":
    main()
