"""How far a local run is: one line a step, and a bar below them where there is a terminal."""

import sys
import time
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from pipelines.local.events import RunEvents, Step


class Progress:
    """Shows each step of a run as it starts, trains and ends."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self.console = Console(file=sys.stdout, highlight=False)  # the stream of now: the run redirects it
        columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Bar(
            *columns,
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("starting", total=steps)
        self._ended = 0
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, name: str, step: Step) -> None:
        """Show that `step` started, went on or ended."""
        epoch, epochs = step.epoch
        if step.state == "running":
            self._since = self._since if epoch else time.monotonic()
            detail = f"{self._ended + 1}/{self._steps} {name}" + (f", epoch {epoch}/{epochs}" if epoch else "")
            self._bar.update(self._task, description=detail, completed=self._ended + epoch / (epochs or 1))
            if epoch and epoch == step.continued:
                self._say(f"  {name}: continuing after epoch {epoch} of {epochs}")
            return
        self._ended += 1
        self._bar.update(self._task, description=f"{self._ended}/{self._steps} {name}", completed=self._ended)
        seconds = "cached" if step.state == "cached" else f"{time.monotonic() - self._since:.1f} s"
        self._say(f"[green]✓[/] {self._ended:2d}/{self._steps} {name:<9} {seconds:>8}")

    def end(self, journal: RunEvents, reason: str, log: Path) -> None:
        """Say why the run ended before its time, and where more is to be read."""
        name = journal.unfinished[0] if journal.unfinished else "the pipeline"
        self._say(f"[red]✗[/] {name}: {escape(reason)}")
        self._say(f"  log: {log}")

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)
