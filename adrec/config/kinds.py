"""What a value of `params.yaml` may be: kinds of numbers and names, with their bounds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # YAML's `yes` would count as 1
        raise ValueError("input should be a number")
    return value


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("input should be a number, not text")
    return _number(value)


MOST = 10**9  # of what is counted: beyond all use, and exact as the float that Kubeflow makes of it

Whole = Annotated[int, BeforeValidator(_integer)]
Real = Annotated[float, BeforeValidator(_number)]  # it may be text: YAML takes 2e-4 for one
Switch = Annotated[bool, Strict()]
Positive = Annotated[Whole, Field(ge=1, le=MOST)]
NonNegative = Annotated[Whole, Field(ge=0, le=MOST)]
Blocks = Annotated[Whole, Field(ge=0, le=64)]
Days = Annotated[Whole, Field(ge=0, le=36_500)]
Seconds = Annotated[Whole, Field(ge=1, le=86_400)]
Rate = Annotated[Real, Field(gt=0, le=1000)]
Decay = Annotated[Real, Field(ge=0, le=1000)]
Probability = Annotated[Real, Field(ge=0, lt=1)]
Factor = Annotated[Real, Field(ge=1)]
Share = Annotated[Real, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Metric = Annotated[str, Field(pattern=r"^(HR|NDCG)@[1-9][0-9]*$")]
