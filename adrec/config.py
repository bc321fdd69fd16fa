"""What may be configured: one frozen dataclass for each section of `params.yaml`.

A section refuses unknown and missing keys and values out of bounds, in one sentence. Whole floats become ints
(Kubeflow hands every number over as a float, so 3 arrives as 3.0); 3.5 epochs are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Metric = Annotated[str, Field(pattern=r"^(HR|NDCG)@[1-9][0-9]*$")]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of `params.yaml`; its name there is the class name in lower case."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    @classmethod
    def key(cls) -> str:
        """The section's key in `params.yaml`."""
        return cls.__name__.lower()

    def as_dict(self) -> dict[str, Any]:
        """Plain values again, as `params.yaml` holds them."""
        values: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json")
        return values


@dataclass(frozen=True, kw_only=True)
class Ingest(Section):
    """Where the interactions come from."""

    source: Annotated[str, Field(min_length=1)]
    format: Literal["demo", "movielens", "csv", "parquet"]
    columns: dict[str, str]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    demo_users: Annotated[int, Field(ge=50, le=1_000_000)]
    demo_items: Annotated[int, Field(ge=40, le=100_000)]
    demo_seed: NonNegative


@dataclass(frozen=True, kw_only=True)
class Validate(Section):
    """The bounds within which interactions are believed."""

    min_rows: Positive
    min_users: Positive
    min_items: Positive
    max_id_length: Positive
    earliest: date
    min_rating: float
    max_rating: float


@dataclass(frozen=True, kw_only=True)
class Version(Section):
    """The data registry (a git repository of DVC pointers) and the DVC remote behind it."""

    name: Name
    registry: Annotated[str, Field(min_length=1)]
    remote: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Prepare(Section):
    """Which interactions become histories."""

    min_rating: float
    core: Positive


@dataclass(frozen=True, kw_only=True)
class Model(Section):
    """The architecture shared by the three stages."""

    dimension: Annotated[int, Field(ge=2, le=4096)]
    heads: Positive
    encoder_blocks: NonNegative
    denoiser_blocks: Positive
    max_length: Annotated[int, Field(ge=2, le=4096)]
    attention: Literal["masked", "sink"]
    positions: Literal["none", "learned"]
    dropout: Probability
    embedding_dropout: Probability
    schedule: Literal["truncated_linear", "linear", "cosine", "truncated_cosine", "square_root", "piecewise_linear"]
    diffusion_steps: Annotated[int, Field(ge=1, le=1000)]
    noise: Literal["gaussian", "geodesic"]
    latent: Literal["raw", "standardised"]
    levels: Literal["uniform", "half_from_noise"]
    conditioning: Literal["scaled_sum", "projected_sum", "gated_sum", "cross_attention"]
    conditioning_scale: Decay
    denoiser: Literal["transformer", "perceptron"]
    output: Literal["normalised", "linear"]
    estimate: Literal["direct", "posterior"]
    reverse_steps: NonNegative
    denoising_weight: Decay
    precision: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    seed: NonNegative

    def __post_init__(self) -> None:
        if self.dimension % (2 * self.heads):
            raise ValueError(
                f"model.dimension = {self.dimension} must be a multiple of 2 x model.heads = {2 * self.heads}"
            )
        if self.attention == "sink" and self.positions != "none":
            raise ValueError(
                f"model.positions = {self.positions!r} does not go with model.attention = 'sink', "
                "which counts on padding being alike everywhere; use 'none', or 'masked'"
            )


@dataclass(frozen=True, kw_only=True)
class Pretrain(Section):
    """Stage 1: the item embeddings, trained inside SASRec."""

    epochs: Positive
    learning_rate: Rate
    weight_decay: Decay
    batch_size: Positive
    evaluate_every: Positive
    patience: Positive


@dataclass(frozen=True, kw_only=True)
class Warmup(Section):
    """Stage 2: the backbone, trained while the item embeddings are frozen."""

    epochs: NonNegative
    learning_rate: Rate
    weight_decay: Decay
    batch_size: Positive
    gradients: Literal["sum", "mean", "pcgrad"]
    freeze: Literal["exact", "decay"]


@dataclass(frozen=True, kw_only=True)
class Finetune(Pretrain):
    """Stage 3: everything."""

    gradients: Literal["sum", "mean", "pcgrad"]


@dataclass(frozen=True, kw_only=True)
class Evaluate(Section):
    """How candidates are measured on the test targets."""

    cutoffs: Annotated[list[Positive], Field(min_length=1)]
    exclude_history: bool
    bootstrap: Positive
    champion: str
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
    """What the feature store keeps of a user."""

    max_length: Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True, kw_only=True)
class Serve(Section):
    """The bounds of a request."""

    max_k: Positive
    max_items: Positive
    max_id_length: Positive
    timeout_seconds: Positive
    steps: NonNegative
    min_overlap: Share
    max_concurrency: Positive


SECTIONS: dict[str, type[Section]] = {
    section.key(): section
    for section in (
        Ingest, Validate, Version, Prepare, Model, Pretrain, Warmup, Finetune, Evaluate, Gate, Package, Publish, Serve,
    )
}  # fmt: skip

SectionT = TypeVar("SectionT", bound=Section)


def parse(section: type[SectionT], values: Mapping[str, Any]) -> SectionT:
    """Check `values` against `section`.

    Raises:
        ValueError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"params: {section.key()} must be a mapping of keys to values, not {values!r}")
    try:
        return TypeAdapter(section).validate_python(dict(values))
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(section, detail) for detail in error.errors())) from None


def _sentence(section: type[Section], detail: Any) -> str:
    """One pydantic error as a sentence that names the key, the value and the bound."""
    where = ".".join(str(part) for part in (section.key(), *detail["loc"]))
    if detail["type"] == "unexpected_keyword_argument":
        known = ", ".join(field.name for field in fields(section))
        return f"params: {where} is unknown; {section.key()} has {known}"
    if detail["type"] in ("missing", "missing_argument"):
        return f"params: {where} is missing"
    reason = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return f"params: {reason}"
    return f"params: {where} = {detail['input']!r}: {reason[0].lower()}{reason[1:]}"
