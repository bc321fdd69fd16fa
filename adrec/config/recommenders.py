"""What can be configured of each recommender: its architecture, and how it is trained."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from adrec.config.kinds import (
    Blocks,
    Decay,
    NonNegative,
    Positive,
    Probability,
    Rate,
    Switch,
    Whole,
)
from adrec.config.section import Section


@dataclass(frozen=True, kw_only=True)
class Model(Section):
    """The architecture shared by the three stages."""

    dimension: Annotated[Whole, Field(ge=2, le=4096)]
    heads: Positive
    encoder_blocks: Blocks
    denoiser_blocks: Annotated[Blocks, Field(ge=1)]
    max_length: Annotated[Whole, Field(ge=2, le=4096)]
    attention: Literal["masked", "sink"]
    positions: Literal["none", "learned"]
    dropout: Probability
    embedding_dropout: Probability
    initial_std: Rate
    schedule: Literal["truncated_linear", "linear", "cosine", "truncated_cosine", "square_root", "piecewise_linear"]
    diffusion_steps: Annotated[Whole, Field(ge=1, le=1000)]
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
    compile: Switch
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
        if self.reverse_steps > self.diffusion_steps:
            raise ValueError(
                f"model.reverse_steps = {self.reverse_steps} must be at most"
                f" model.diffusion_steps = {self.diffusion_steps}; 0 takes them all"
            )


@dataclass(frozen=True, kw_only=True)
class Training(Section):
    """How a stage learns that stops where validation does not improve."""

    epochs: Positive
    learning_rate: Rate
    weight_decay: Decay
    batch_size: Positive
    evaluate_every: Positive
    patience: Positive


@dataclass(frozen=True, kw_only=True)
class Pretrain(Training):
    """Stage 1: the item embeddings, trained inside SASRec."""

    positions: Literal["none", "learned"]

    def architecture(self, model: Model) -> Model:
        """That of stage 1: with positions of its own, and blind to padding where they are learned."""
        attention = "masked" if self.positions == "learned" else model.attention
        return replace(model, positions=self.positions, attention=attention)


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
class Finetune(Training):
    """Stage 3: everything."""

    gradients: Literal["sum", "mean", "pcgrad"]
