"""What happens to each step of a local run: kfp's events and the lines that the steps print, as one story.

kfp asks its cache before a step and tells it after: a cache that takes notes sees every step and its outputs.
"""

import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from kfp.local import cache

State = Literal["running", "done", "cached"]
EPOCH = re.compile(r"^\w+: epoch (\d+)/(\d+)")
CONTINUING = re.compile(r"^\w+: continuing after epoch (\d+) of (\d+)")
RAISED = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*: (.+)")  # the last line of a traceback


@dataclass
class Step:
    """One step of the run.

    Attributes:
        state: where it stands.
        outputs: Kubeflow's artifacts and values by name, once it is done or cached.
        epoch: the last epoch that it trained and how many there are, or (0, 0).
        continued: the epoch after which it goes on what an earlier run left, or 0.
        last_line: the last thing that it printed.
        failed: whether it printed a traceback.
    """

    state: State = "running"
    outputs: dict[str, Any] = field(default_factory=dict)
    epoch: tuple[int, int] = (0, 0)
    continued: int = 0
    last_line: str = ""
    failed: bool = False

    @property
    def reason(self) -> str:
        """Why it failed, in one sentence."""
        raised = RAISED.match(self.last_line)
        if self.failed and raised:
            return raised[1]
        return f"it ended without a reason (killed? out of memory?); its last line was {self.last_line!r}"


class RunEvents(cache.LocalCache):
    """The cache of local runs at `root`; it notes the `steps` of this run and tells `on_change`.

    Of `acts` it recalls nothing: what they left outside the run may be gone, or another's.
    """

    def __init__(self, root: Path, on_change: Callable[[str, Step], None], acts: Collection[str] = ()) -> None:
        super().__init__(str(root))
        self.steps: dict[str, Step] = {}
        self.acts = acts
        self._on_change = on_change

    @property
    def current(self) -> tuple[str, Step] | None:
        """The step that is running."""
        name = next(reversed(self.steps), None)
        return (name, self.steps[name]) if name and self.steps[name].state == "running" else None

    @property
    def unfinished(self) -> tuple[str, Step] | None:
        """The first step that began and did not end: kfp goes on with steps that do not need one that failed."""
        return next((item for item in self.steps.items() if item[1].state == "running"), None)

    @property
    def reason(self) -> str:
        """Why the unfinished step failed."""
        return self.unfinished[1].reason if self.unfinished else ""

    def compute_key(self, component_name: str, *args: Any, **kwargs: Any) -> str:
        """A step is about to start."""
        name = component_name.removeprefix("comp-")
        self.steps[name] = Step()
        key: str = super().compute_key(component_name, *args, **kwargs)
        return key

    def get(self, key: str) -> dict[str, Any] | None:
        """Its outputs are known, or it starts now."""
        outputs: dict[str, Any] | None = None if next(reversed(self.steps)) in self.acts else super().get(key)
        self.note("running" if outputs is None else "cached", outputs or {})
        return outputs

    def put(self, key: str, outputs: dict[str, Any]) -> None:
        """It is done."""
        super().put(key, outputs)
        self.note("done", outputs)

    def note(self, state: State, outputs: dict[str, Any]) -> None:
        """The step that was asked for last is in this state."""
        name, step = next(reversed(self.steps.items()))
        step.state, step.outputs = state, outputs
        self._on_change(name, step)

    def on_log_line(self, line: str) -> None:
        """Note one line of the log; what a step prints is indented there."""
        said = line.strip()
        if self.current is None or not said or not line.startswith("    "):
            return
        name, step = self.current
        step.last_line = said
        step.failed = step.failed or said.startswith("Traceback ")
        continuing = CONTINUING.match(said)
        if epoch := continuing or EPOCH.match(said):
            step.epoch = int(epoch[1]), int(epoch[2])
            step.continued = step.epoch[0] if continuing else step.continued
            self._on_change(name, step)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let kfp use this cache."""
        original = cache.get_local_cache
        cache.get_local_cache = lambda: self
        try:
            yield
        finally:
            cache.get_local_cache = original


class Lines(io.TextIOBase):
    """A stream that writes into `file` and hands over every whole line."""

    def __init__(self, file: TextIO, on_line: Callable[[str], None]) -> None:
        self._file, self._on_line, self._rest = file, on_line, ""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write `text`, and hand over the lines that it completes."""
        self._file.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._on_line(line)
        return len(text)

    def flush(self) -> None:
        """Write out what the file still holds back."""
        self._file.flush()
