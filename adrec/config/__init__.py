"""What may be configured: one frozen dataclass for each section of `params.yaml`. Needs pydantic and YAML alone."""

from adrec.config.recommenders import Finetune as Finetune
from adrec.config.recommenders import Model as Model
from adrec.config.recommenders import Pretrain as Pretrain
from adrec.config.recommenders import Training as Training
from adrec.config.recommenders import Warmup as Warmup
from adrec.config.section import Section as Section
from adrec.config.section import parse as parse
from adrec.config.steps import SECTIONS as SECTIONS
from adrec.config.steps import Drift as Drift
from adrec.config.steps import Evaluate as Evaluate
from adrec.config.steps import Gate as Gate
from adrec.config.steps import Ingest as Ingest
from adrec.config.steps import Package as Package
from adrec.config.steps import Prepare as Prepare
from adrec.config.steps import Publish as Publish
from adrec.config.steps import Serve as Serve
from adrec.config.steps import Validate as Validate
from adrec.config.steps import Version as Version
