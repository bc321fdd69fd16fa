"""Step `republish`: what was appended since the last publication reaches the offline tables and the ranking."""

import json
from pathlib import Path

from adrec.data.interactions import USER
from adrec.files import new_file
from features import ledger, store


def run(*, appended: Path, republished: Path) -> None:
    """Bring the feature store up to its last event and write what it holds to the JSON file `republished`."""
    opened = store.open_store()
    store.refresh(opened)
    rows = ledger.interactions()
    summary = {
        "feature_service": store.SERVICE,
        "users": rows[USER].n_unique(),
        "interactions": rows.height,
        "popular": [item for item, _ in store.popular(opened)[:10]],
        **json.loads(appended.read_text()),
    }
    with new_file(republished) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2) + "\n")
