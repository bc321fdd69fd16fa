"""Step `append`: versioned events go to the feature store, beside what it knows already."""

import json
from pathlib import Path

from adrec import config
from adrec.data.build import keep_positives
from adrec.data.interactions import read
from adrec.files import new_file
from features import store


def run(*, interactions: Path, versioned: Path, prepare: config.Prepare, appended: Path) -> None:
    """Append the liked events of `interactions` and write what they were to the JSON file `appended`.

    Each event counts once, however often it is handed in. How many interactions a user or an item has is not asked:
    that is for training alone.

    Raises:
        ValueError: nothing was published in the feature store yet.
    """
    version = json.loads(versioned.read_text())
    rows = keep_positives(read(interactions), prepare.min_rating)
    new = store.append_all(store.open_store(), rows)
    summary = {"events": rows.height, "new": new, "data_hash": version["data_hash"], "data_tag": version["tag"]}
    with new_file(appended) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2) + "\n")
