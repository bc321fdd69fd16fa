"""What a local run came to: the figures beside the baselines, the verdict, and what to type next."""

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow.parquet
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.local.events import RunEvents

PORT = 3000


def show(journal: RunEvents, report: Path, bento: Path) -> None:
    """Print the result of the finished run of `journal`; `report` and `bento` are where `run` keeps them."""
    console = Console(highlight=False)
    outputs = {name: step.outputs for name, step in journal.steps.items()}
    measured = json.loads(Path(outputs["evaluate"]["metrics"].path).read_text())
    verdict = json.loads(Path(outputs["gate"]["verdict"].path).read_text())
    console.print(figures(measured))
    console.print(f"verdict  {'[green]accepted[/]' if verdict['accepted'] else '[red]rejected[/]'}", soft_wrap=True)
    for reason in verdict["reasons"]:
        mark = "[green]✓[/]" if reason["passed"] else "[red]✗[/]"
        console.print(f"         {mark} {escape(reason['sentence'])}", soft_wrap=True)
    console.print(f"report   {report}", soft_wrap=True)
    if not verdict["accepted"]:
        console.print("bento    none: a rejected model is not packaged")
    else:
        console.print(f"bento    {outputs['package']['Output']} ({bento})", soft_wrap=True)
        body = json.dumps({"user_id": some_user(Path(outputs["prepare"]["dataset"].path)), "k": 10})
        url = f"http://localhost:{PORT}/recommend"
        console.print("\nnext\n  make serve", soft_wrap=True)
        asked = f"  curl -s {url} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
        console.print(asked, markup=False, soft_wrap=True)
    cached = [name for name, step in journal.steps.items() if step.state == "cached"]
    if cached:
        console.print(f"\nnot done again: {', '.join(cached)}", soft_wrap=True)


def figures(measured: dict[str, Any]) -> Table:
    """Every model's metrics in per cent, the winner in bold."""
    models: dict[str, dict[str, float]] = measured["models"]
    names = list(models[measured["winner"]])
    table = Table("per cent", *names, box=box.SIMPLE, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for model, metrics in models.items():
        style = "bold" if model == measured["winner"] else None
        table.add_row(model, *(f"{100 * metrics[name]:.2f}" for name in names), style=style)
    return table


def some_user(dataset: Path) -> str:
    """The id of the first user of the prepared `dataset`."""
    rows = pyarrow.parquet.ParquetFile(dataset / "histories.parquet").iter_batches(1, columns=["user_id"])
    return str(next(rows)["user_id"][0])
