"""One of the processes that torchrun starts: `python -m components.runtime.worker STEP VALUES.json`."""

import json
import sys
from pathlib import Path

from components.runtime import steps


def main(step: str, file: str) -> int:
    """One of the processes: run the step; what the user can mend is one sentence, said by whoever meets it."""
    try:
        steps.call(step, **json.loads(Path(file).read_text()))
    except steps.USER_ERRORS as error:
        print(f"error: {step}: {steps.sentence(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
