"""The feature store from the command line: `python -m features {append,history,export,forget} …`.

* `append FILE` adds a file of events; killed and started again, it goes on and nothing counts twice. Events that are
  rated count where those of training do (`prepare.min_rating` of the last publication). Malformed lines, of which there
  may be `--max-rejects`, are set aside in the store's folder.
* `history USER` prints the items of a user, oldest first, one a line.
* `export FILE` writes all interactions that the store knows, to train on: `make run SOURCE=FILE FORMAT=parquet`.
* `forget USER` erases a user from all that the store keeps.

The store is that of ADREC_FEATURES_DIR (`artifacts/features`), and of ADREC_REDIS where it is set.
"""

import argparse
import sys
from pathlib import Path

from adrec.data import interactions, readers
from features import ledger, store
from features.settings import folder

REJECTS = "rejects.csv"  # in the store's folder: the malformed lines of the last file


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what the user can mend ends in one sentence and exit status 1."""
    options = parser().parse_args(arguments)
    try:
        print(options.run(options))
    except (ValueError, OSError) as error:
        print(f"error: {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m features", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    appending = commands.add_parser("append", help="add a file of events")
    appending.add_argument("file", help="a path or any fsspec URL")
    appending.add_argument("--format", default="parquet", choices=sorted(readers.FORMATS))
    appending.add_argument("--column", action="append", default=[], metavar="OURS=THEIRS", help="as in user_id=uid")
    appending.add_argument("--max-rejects", type=int, default=0, help="how many lines may be malformed (0)")
    appending.set_defaults(run=append)
    reading = commands.add_parser("history", help="the items of a user, oldest first")
    reading.add_argument("user")
    reading.set_defaults(run=history)
    exporting = commands.add_parser("export", help="write all interactions that the store knows")
    exporting.add_argument("file", type=Path)
    exporting.set_defaults(run=export)
    forgetting = commands.add_parser("forget", help="erase a user from all that the store keeps")
    forgetting.add_argument("user")
    forgetting.set_defaults(run=forget)
    return parser


def append(options: argparse.Namespace) -> str:
    """Add the events of a file."""
    columns = dict(_assignment(text) for text in options.column)
    opened, events, counted, new = store.open_store(), 0, 0, 0
    with readers.Rejects(folder() / REJECTS, options.max_rejects) as malformed:
        for rows in readers.read(options.file, options.format, columns, malformed):
            liked = store.liked(opened, rows)
            events, counted = events + rows.height, counted + liked.height
            new += store.append_all(opened, liked)
    left_out = f"; {events - counted:,} were rated too low to count" if counted < events else ""
    return f"{new:,} of {counted:,} events were new{left_out}"


def _assignment(text: str) -> tuple[str, str]:
    """Our name of a column and theirs.

    Raises:
        ValueError: it is not of that form.
    """
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise ValueError(f"--column {text} must be OURS=THEIRS, as in user_id=uid")
    return ours, theirs


def history(options: argparse.Namespace) -> str:
    """The items of a user."""
    items = store.history(store.open_store(), options.user)
    if items is None:
        raise ValueError(f"the store has no history of {options.user!r}")
    return "\n".join(items)


def export(options: argparse.Namespace) -> str:
    """Write what the store knows."""
    store.open_store()
    rows = ledger.interactions()
    interactions.write(rows, options.file, {})
    return f"{rows.height:,} interactions in {options.file}"


def forget(options: argparse.Namespace) -> str:
    """Erase a user."""
    erased = store.forget(store.open_store(), options.user)
    return f"{erased:,} interactions of {options.user!r} are erased"


if __name__ == "__main__":
    sys.exit(main())
