"""Each option of `params.yaml` that names an implementation lists exactly the implementations that there are."""

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

import pytest

from adrec import config
from adrec.data.readers import FORMATS
from adrec.diffusion.conditioning import CONDITIONINGS
from adrec.diffusion.denoiser import DENOISERS, OUTPUTS
from adrec.diffusion.noise_schedules import SCHEDULES
from adrec.diffusion.prediction import ESTIMATES, LATENTS
from adrec.diffusion.process import NOISES
from adrec.diffusion.timesteps import LEVELS
from adrec.nn.padding import PADDINGS
from adrec.nn.positions import POSITIONS
from adrec.training.gradients import COMBINATIONS
from adrec.training.stages import PRECISIONS

OPTIONS: list[tuple[type[config.Section], str, Mapping[str, Any]]] = [
    (config.Ingest, "format", {"demo": None, **FORMATS}),
    (config.Model, "attention", PADDINGS),
    (config.Model, "positions", POSITIONS),
    (config.Model, "schedule", SCHEDULES),
    (config.Model, "noise", NOISES),
    (config.Model, "latent", LATENTS),
    (config.Model, "levels", LEVELS),
    (config.Model, "conditioning", CONDITIONINGS),
    (config.Model, "denoiser", DENOISERS),
    (config.Model, "output", OUTPUTS),
    (config.Model, "estimate", ESTIMATES),
    (config.Model, "precision", PRECISIONS),
    (config.Pretrain, "positions", POSITIONS),
    (config.Warmup, "gradients", COMBINATIONS),
    (config.Finetune, "gradients", COMBINATIONS),
]


@pytest.mark.parametrize(
    ("section", "option", "registry"), OPTIONS, ids=[f"{section.key()}.{option}" for section, option, _ in OPTIONS]
)
def test_an_option_lists_the_implementations_that_there_are(
    section: type[config.Section], option: str, registry: Mapping[str, Any]
) -> None:
    assert set(get_args(get_type_hints(section)[option])) == set(registry)
