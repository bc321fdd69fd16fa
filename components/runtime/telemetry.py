"""No telemetry, little noise and no spinning from the packages under the steps; a value already set stays."""

import logging
import os

ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # a thread of torch that waits sleeps: spinning, it starves a busy machine
}
NOISY = ("feast", "great_expectations", "matplotlib")  # they log at INFO, where kfp sets the root logger


def disable() -> None:
    """Call this before the packages are imported: most of them read the environment then."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
