"""No telemetry and little noise from the packages that the steps stand on; a value already set stays."""

import logging
import os

ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
}
NOISY = ("feast", "great_expectations", "matplotlib")  # they log at INFO, where kfp sets the root logger


def hush() -> None:
    """Call this before the packages are imported: most of them read the environment then."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
