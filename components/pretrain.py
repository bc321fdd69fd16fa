"""Stage 1: train the item embeddings inside SASRec."""

from pathlib import Path

from adrec import config


def run(*, dataset: Path, model: config.Model, pretrain: config.Pretrain, pretrained: Path) -> None:
    """Write the checkpoint `pretrained`, itself a SASRec candidate."""
    from adrec.training.stages import pretrain_stage
    from components.runtime.training_loop import train

    train(pretrain_stage(pretrain), dataset, pretrain.architecture(model), pretrained, weights={}, moments={})
