"""Which recommenders are there? Names and where their classes are, as text, so that this module stays light."""

from importlib import import_module
from typing import Any

NETWORKS: dict[str, str] = {
    "sasrec": "adrec.recommenders.sasrec:SASRec",
    "adrec": "adrec.recommenders.adrec:ADRec",
}


def network_class(name: str) -> Any:
    """The class of the network `name`, a key of `NETWORKS`."""
    module, _, attribute = NETWORKS[name].partition(":")
    return getattr(import_module(module), attribute)
