"""What can be configured of each step: one frozen dataclass for each section of `params.yaml`."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from adrec.config.kinds import (
    Days,
    Decay,
    Factor,
    Metric,
    Name,
    NonNegative,
    Positive,
    Real,
    Seconds,
    Share,
    Switch,
    Whole,
)
from adrec.config.recommenders import Finetune, Model, Pretrain, Warmup
from adrec.config.section import Section


@dataclass(frozen=True, kw_only=True)
class Ingest(Section):
    """Where the interactions come from."""

    source: Annotated[str, Field(min_length=1)]
    format: Literal[
        "demo", "movielens", "amazon-2014", "amazon-2018", "amazon-2023", "yelp", "recbole", "rechorus",
        "csv", "tsv", "jsonl", "parquet",
    ]  # fmt: skip
    columns: dict[str, str]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    max_rejects: NonNegative
    demo_users: Annotated[Whole, Field(ge=50, le=1_000_000)]
    demo_items: Annotated[Whole, Field(ge=40, le=100_000)]
    demo_seed: NonNegative


@dataclass(frozen=True, kw_only=True)
class Validate(Section):
    """The bounds within which interactions are believed."""

    min_rows: Positive
    min_users: Positive
    min_items: Positive
    max_id_length: Positive
    earliest: date
    min_rating: Real
    max_rating: Real
    min_days: Annotated[Days, Field(ge=1)]
    max_user_share: Share
    max_row_factor: Factor
    max_daily_factor: Factor
    max_new_items: Share
    max_lost_items: Share
    severity: dict[str, Literal["critical", "warning"]]


@dataclass(frozen=True, kw_only=True)
class Version(Section):
    """The data registry (a git repository of DVC pointers) and the DVC remote behind it."""

    name: Name
    registry: Annotated[str, Field(min_length=1)]
    remote: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Prepare(Section):
    """Which interactions become histories, by which engine, and what of them is held out."""

    min_rating: Real
    core: Positive
    engine: Literal["local", "spark"]
    split: Literal["leave_one_out", "global_time"]
    validation_from: Annotated[Real, Field(gt=0, lt=1)]
    test_from: Annotated[Real, Field(gt=0, lt=1)]

    def __post_init__(self) -> None:
        if self.validation_from >= self.test_from:
            raise ValueError(
                f"prepare.validation_from = {self.validation_from:g} must be below"
                f" prepare.test_from = {self.test_from:g}"
            )


@dataclass(frozen=True, kw_only=True)
class Evaluate(Section):
    """How candidates are measured on the test targets."""

    cutoffs: Annotated[list[Positive], Field(min_length=1)]
    exclude_history: Switch
    bootstrap: Annotated[Positive, Field(le=1_000_000)]
    champion: str
    item_categories: str
    steps: list[Positive]


@dataclass(frozen=True, kw_only=True)
class Gate(Section):
    """The bounds that a candidate must pass."""

    minimum: dict[Metric, Share]
    baseline: Literal["popularity", "sasrec"]
    margin: dict[Metric, Share]
    tolerance: dict[Metric, Share]


@dataclass(frozen=True, kw_only=True)
class Package(Section):
    """The Bento."""

    name: Name


@dataclass(frozen=True, kw_only=True)
class Publish(Section):
    """What the feature store keeps of users and items."""

    max_length: Annotated[Whole, Field(ge=1, le=4096)]
    ttl_days: Days
    half_life_days: Annotated[Real, Field(gt=0, le=36_500)]
    popular_items: Positive


@dataclass(frozen=True, kw_only=True)
class Serve(Section):
    """The bounds of a request."""

    max_k: Positive
    max_items: Positive
    max_id_length: Positive
    timeout_seconds: Seconds
    steps: NonNegative
    min_overlap: Share
    max_concurrency: Positive
    workers: Positive
    sample: Share


@dataclass(frozen=True, kw_only=True)
class Drift(Section):
    """When the service is asked for something else than the model was trained on."""

    days: Annotated[Days, Field(ge=1)]
    min_requests: Positive
    max_length_index: Decay
    max_popularity_index: Decay
    max_unknown: Share
    max_without_history: Share
    movers: Positive


SECTIONS: dict[str, type[Section]] = {
    section.key(): section
    for section in (
        Ingest, Validate, Version, Prepare, Model, Pretrain, Warmup, Finetune, Evaluate, Gate, Package, Publish, Serve,
        Drift,
    )
}  # fmt: skip
