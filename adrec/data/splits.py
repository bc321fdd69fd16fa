"""Which interactions are trained on, and which are asked for: leave-one-out, or one moment for all users.

A split looks at histories and answers with counts; `Dataset` cuts accordingly.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self

import numpy as np

from adrec.data.histories import Histories

Part = Literal["validation", "test"]


class Split(Protocol):
    """A way to hold interactions out.

    Attributes:
        title: in words.
        shortest: the fewest interactions that a user may have.
    """

    title: str
    shortest: int

    def trained(self, histories: Histories) -> np.ndarray:
        """How many of each user's interactions, from the oldest on, training may see, int64 [U]."""

    def asked(self, histories: Histories, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Which users are asked (indices, int64 [Q]), and how much precedes each one's target, int64 [Q]."""

    def as_dict(self) -> dict[str, Any]:
        """What `parse` makes the split from again."""


@dataclass(frozen=True)
class LeaveOneOut:
    """A user's last interaction is the test target, the one before it the validation target: the paper's split."""

    title = "leave-one-out"
    held_out = 2
    shortest = 3  # one interaction to train on, one to validate, one to test

    def trained(self, histories: Histories) -> np.ndarray:
        """All but the two targets."""
        return np.maximum(histories.lengths - self.held_out, 0)

    def asked(self, histories: Histories, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Every user; each must have the target."""
        before = histories.lengths - {"validation": 2, "test": 1}[part]
        assert (before >= 0).all(), f"a user without a {part} target cannot be asked for it"
        return np.arange(len(histories)), before

    def as_dict(self) -> dict[str, Any]:
        """The split's name says it all."""
        return {"kind": "leave_one_out"}


@dataclass(frozen=True)
class GlobalTime:
    """Training ends at one moment for everybody, so that it sees nothing of what follows.

    The target of a user is the last interaction of the part, given all before it: the service knows a user's newest
    interactions, while its model is older. Who has none in the part, or nothing before it, is not asked. The test
    questions are thus some of those of leave-one-out.

    Attributes:
        validation_from: microseconds since 1970 UTC; training sees what is earlier.
        test_from: likewise; validation targets are earlier.
    """

    validation_from: int
    test_from: int
    title = "global time"
    shortest = 1

    def trained(self, histories: Histories) -> np.ndarray:
        """What is earlier than `validation_from`."""
        return histories.earlier(self.validation_from)

    def asked(self, histories: Histories, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Users with an interaction in the part that is not their first."""
        trained, validated = (histories.earlier(at) for at in (self.validation_from, self.test_from))
        earlier, until = {"validation": (trained, validated), "test": (validated, histories.lengths)}[part]
        users = np.flatnonzero((until > earlier) & (until > 1))
        return users, until[users] - 1

    def as_dict(self) -> dict[str, Any]:
        """The name and both moments."""
        return {"kind": "global_time", **asdict(self)}

    @classmethod
    def at(cls, histories: Histories, validation_quantile: float, test_quantile: float) -> Self:
        """Cut where these shares of all interactions have happened."""
        cuts = np.quantile(histories.timestamps, [validation_quantile, test_quantile], method="inverted_cdf")
        return cls(*(int(cut) for cut in cuts))


def parse(values: Mapping[str, Any]) -> Split:
    """The split that `as_dict` described."""
    parameters = dict(values)
    kind = {"leave_one_out": LeaveOneOut, "global_time": GlobalTime}[parameters.pop("kind")]
    split: Split = kind(**parameters)
    return split


def leakage(training_times: np.ndarray, target_times: np.ndarray) -> float:
    """Share of the training interactions that happen after a test target, mean over the targets.

    A model in service knows none of them when the target's moment comes. 0 where training ends before every target.

    >>> leakage(np.array([1, 2, 3, 4]), np.array([2, 9]))
    0.25
    """
    known = np.searchsorted(np.sort(training_times), target_times, side="right")
    return float(1 - known.mean() / len(training_times))
