"""How a benchmark's figures are kept: JSON with the date, the machine and the seed beside them."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adrec.files import new_file

RESULTS = Path(__file__).parents[1] / "results"


def write(name: str, seed: int, figures: dict[str, Any]) -> Path:
    """Write `benchmarks/results/<name>.json` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**surroundings(), "seed": seed, **figures}, indent=2) + "\n")
    return path


def write_texts(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write each text, with a line feed after it, to the file of its name in `folder`; gives the paths."""
    for name, content in contents.items():
        with new_file(folder / name) as unfinished:
            unfinished.write_text(content + "\n")
    return [folder / name for name in contents]


def surroundings() -> dict[str, str]:
    """The date, the machine and the version of torch."""
    import torch

    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "torch": torch.__version__,
    }


def surroundings_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The first and the last date, the machines and the versions of torch of runs, each kept with its own."""
    dates, machines, torches = (sorted({run[key] for run in runs}) for key in ("date", "machine", "torch"))
    return {"dates": [*dates[:1], *dates[-1:]], "machines": machines, "torch": torches}


def machine() -> str:
    """The processor, the number of cores, and the GPU where there is one."""
    import torch

    model = next((line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")), "")
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{model or platform.processor() or platform.machine()}, {os.cpu_count()} cores{gpu}"


def _cpu_lines() -> list[str]:
    info = Path("/proc/cpuinfo")
    return info.read_text().splitlines() if info.exists() else []
