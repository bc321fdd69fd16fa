"""Stage 2: train ADRec's backbone while the pre-trained item embeddings are frozen."""

from pathlib import Path

from adrec import config


def run(*, dataset: Path, pretrained: Path, model: config.Model, warmup: config.Warmup, warmed: Path) -> None:
    """Write the checkpoint `warmed`, which `finetune` continues."""
    from adrec.training.checkpoint import Checkpoint
    from adrec.training.stages import embeddings_of, warmup_stage
    from components.runtime.training_loop import train

    before = Checkpoint.read(pretrained)
    weights = embeddings_of(before.weights)
    train(warmup_stage(warmup), dataset, model, warmed, before=before, weights=weights, moments={})
