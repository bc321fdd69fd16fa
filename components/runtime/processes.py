"""A training step in several processes of one machine, a GPU or a core each, started by torchrun.

`ADREC_PROCESSES` says how many (1); the pipeline sets it to the number of accelerators that a stage gets.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VARIABLE = "ADREC_PROCESSES"
LAUNCHED = "TORCHELASTIC_RUN_ID"  # torchrun sets it in what it starts


def count() -> int:
    """How many processes a training step that starts now should have; 1 within one of several.

    Raises:
        ValueError: the number is no positive whole number.
    """
    given = os.environ.get(VARIABLE, "1")
    if not re.fullmatch(r"[1-9][0-9]*", given):
        raise ValueError(f"{VARIABLE} = {given!r} must be a whole number of at least 1")
    return 1 if LAUNCHED in os.environ else int(given)


def call(step: str, values: dict[str, Any]) -> None:
    """Run `step` with the plain values in `count()` processes.

    Raises:
        ValueError: it failed; what it said is above.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count())]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.json"
        file.write_text(json.dumps({name: _plain(value) for name, value in values.items()}))
        ended = subprocess.run([*torchrun, "-m", "components.runtime.worker", step, str(file)], check=False)  # noqa: S603
    if ended.returncode:
        raise ValueError(f"{step} failed in one of its {count()} processes, with the error above")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
