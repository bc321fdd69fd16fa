"""Stage 3: train all of ADRec, with the optimiser that warm-up left."""

from pathlib import Path

from adrec import config


def run(*, dataset: Path, warmed: Path, model: config.Model, finetune: config.Finetune, finetuned: Path) -> None:
    """Write the checkpoint `finetuned`, the ADRec candidate."""
    from adrec.training.checkpoint import Checkpoint
    from adrec.training.stages import finetune_stage
    from components.runtime.training_loop import train

    before = Checkpoint.read(warmed)
    train(
        finetune_stage(finetune),
        dataset,
        model,
        finetuned,
        before=before,
        weights=before.weights,
        moments=before.moments,
    )
