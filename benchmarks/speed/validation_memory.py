"""How much memory it takes to read and to validate many interactions.

    python -m benchmarks.speed.validation_memory [ROWS]

Writes a CSV file of ROWS interactions (20 million) and a Parquet version of nine tenths of them, then runs `ingest` and
`validate` (beside that version) as the pipeline does, each in a process of its own. Prints the peak memory of each and
writes `benchmarks/results/validation_size.json`. Needs about 100 bytes of disk a row.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import yaml

from adrec.config.params import check, read
from adrec.data import interactions
from benchmarks.harness import record
from components.validate import step as validate
from components.version import step as version

ROWS = 20_000_000
BLOCK = 1_000_000  # rows
USERS, ITEMS = 1_000_000, 200_000
START, SECONDS = 1_500_000_000, 5  # of the first interaction, and from one to the next
SEED = 0


def block(number: int) -> pl.DataFrame:
    """The interactions of one block: Zipf-like users and items, one every few seconds."""
    random = np.random.default_rng([SEED, number])
    users = (USERS * random.random(BLOCK) ** 2).astype(np.int64)
    items = (ITEMS * random.random(BLOCK) ** 3).astype(np.int64)
    seconds = START + SECONDS * (BLOCK * number + np.arange(BLOCK))
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": seconds}).select(
        pl.format("user-{}", "user_id").alias("user_id"),
        pl.format("item-{}", "item_id").alias("item_id"),
        "timestamp",
        rating=pl.lit(4.5),
    )


def generate(path: Path, blocks: int) -> None:
    """Write the CSV file of the interactions."""
    with path.open("wb") as file:
        for number in range(blocks):
            block(number).write_csv(file, include_header=number == 0)


def release(folder: Path, blocks: int, params: dict[str, Any]) -> None:
    """Make the first blocks the version before."""
    kept = (block(number) for number in range(blocks))
    typed = (rows.with_columns(pl.from_epoch("timestamp", "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC"))
             for rows in kept)  # fmt: skip
    interactions.write_batches(typed, folder / "before.parquet", {})
    summary = {"passed": True, **dict.fromkeys(version.SUMMARY, 0), "rows": blocks * BLOCK}
    (folder / "before").mkdir()
    (folder / "before" / validate.SUMMARY).write_text(json.dumps(summary))
    version.run(
        interactions=folder / "before.parquet",
        validation=folder / "before",
        version=params["version"],
        versioned=folder / "version.json",
    )


def peak(step: str, folder: Path, *artifacts: str) -> float:
    """Run a step of the command line; GiB of memory that its process held at most."""
    paths = [word for name in artifacts for word in (f"--{name}", str(folder / name))]
    command = [sys.executable, "-m", "components", step, "--params", str(folder / "params.yaml"), *paths]
    with subprocess.Popen(command) as process:  # noqa: S603 (our own command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ValueError(f"the step {step} ended with exit status {process.returncode}")
    return usage.ru_maxrss / 2**20


def measure(folder: Path, blocks: int) -> dict[str, Any]:
    """The figures of a table of so many blocks."""
    document = read(Path("params.yaml"))
    document["ingest"] |= {"source": str(folder / "source.csv"), "format": "csv"}
    document["version"] |= {"registry": str(folder / "registry"), "remote": str(folder / "remote")}
    (folder / "params.yaml").write_text(yaml.safe_dump(document))
    generate(folder / "source.csv", blocks)
    release(folder, 9 * blocks // 10, check(document, "params.yaml"))
    ingest_peak = peak("ingest", folder, "interactions", "rejects")
    validate_peak = peak("validate", folder, "interactions", "validation")
    found = json.loads((folder / "validation" / validate.SUMMARY).read_text())
    return {
        **{name: found[name] for name in ("rows", "users", "items", "days", "previous", "evaluated")},
        "failed": [outcome["name"] for outcome in found["expectations"] if not outcome["passed"]],
        "source_gib": (folder / "source.csv").stat().st_size / 2**30,
        "peak_gib": {"ingest": ingest_peak, "validate": validate_peak},
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", metavar="ROWS", type=int, nargs="?", default=ROWS)
    rows = parser.parse_args().rows
    if rows < 2 * BLOCK or rows % BLOCK:
        raise SystemExit(f"ROWS = {rows:,} must be a multiple of {BLOCK:,}, at least {2 * BLOCK:,}")
    with TemporaryDirectory() as folder:
        figures = measure(Path(folder), rows // BLOCK)
    path = record.write("validation_size", SEED, figures)
    print(f"{figures['rows']:,} rows, a CSV file of {figures['source_gib']:.2f} GiB")
    for step, gib in figures["peak_gib"].items():
        print(f"{step}: at most {gib:.2f} GiB of memory")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
