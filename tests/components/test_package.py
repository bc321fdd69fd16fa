"""The step that makes a Bento of an accepted winner."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import package
from components.runtime import code_revision
from features import store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def inputs(tmp_path: Path, tiny_winner: Path, tiny_metrics: Path) -> dict[str, Path]:
    return {"winner": tiny_winner, "metrics": tiny_metrics, "verdict": tmp_path / "verdict.json"}


def judge(verdict: Path, *, accepted: bool) -> list[dict]:
    reasons = [{"metric": "HR@20", "value": 0.1, "bound": 0.2, "passed": accepted, "sentence": "HR@20 is what it is"}]
    verdict.write_text(json.dumps({"accepted": accepted, "reasons": reasons}))
    return reasons


def packaged(inputs: dict[str, Path], home: Path, folder: Path) -> dict:
    """Run the step as DVC does, with its own BentoML store, and read its `bento.json`."""
    arguments = [f"--{name}={path}" for name, path in {**inputs, "packaged": folder}.items()]
    subprocess.run(
        [sys.executable, "-m", "components", "package", *arguments],
        cwd=ROOT, env=os.environ | {"BENTOML_HOME": str(home)}, check=True, timeout=120,
    )  # fmt: skip
    return json.loads((folder / "bento.json").read_text())


def test_a_rejected_model_is_not_packaged(inputs: dict[str, Path], tiny: dict[str, Any], tmp_path: Path) -> None:
    reasons = judge(inputs["verdict"], accepted=False)
    folder = tmp_path / "packaged"
    tag = package.run(**inputs, package=tiny["package"], serve=tiny["serve"], packaged=folder)
    assert tag == ""
    assert json.loads((folder / "bento.json").read_text()) == {"tag": None, "reasons": reasons}
    assert [path.name for path in folder.iterdir()] == ["bento.json"]


def test_an_accepted_model_becomes_a_bento_that_says_where_it_comes_from(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    judge(inputs["verdict"], accepted=True)
    about = packaged(inputs, tmp_path / "home", tmp_path / "packaged")
    bento = tmp_path / "packaged" / "bento"
    told = yaml.safe_load((bento / "bento.yaml").read_text())
    checkpoint = json.loads((inputs["winner"] / "checkpoint.json").read_text())
    metrics = json.loads(inputs["metrics"].read_text())
    assert about["tag"] == f"{told['name']}:{told['version']}"
    assert about["labels"] == told["labels"]
    served = json.loads((bento / "src" / "model" / "serve.json").read_text())
    assert served["steps"] == 0
    assert about["reverse_steps"]
    assert told["labels"]["data_hash"] == checkpoint["data_hash"]
    assert told["labels"]["catalogue_hash"] == checkpoint["catalogue_hash"]
    assert told["labels"]["code_revision"] == code_revision.code_revision()
    assert told["labels"]["feature_service"] == store.SERVICE
    assert float(told["labels"]["NDCG@20"]) == pytest.approx(metrics["models"][metrics["winner"]]["NDCG@20"], abs=1e-6)
    assert_nothing_of_the_machine(bento)


def assert_nothing_of_the_machine(bento: Path) -> None:
    for path in bento.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (
            str(ROOT),
            str(Path.home()) + "/",
            socket.gethostname(),
            "index-url",
            "find-links",
            "trusted-host",
        ):
            assert secret.encode() not in content, f"{path} holds {secret}"


def test_packaging_again_changes_nothing_and_another_model_has_another_tag(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    judge(inputs["verdict"], accepted=True)
    first = packaged(inputs, tmp_path / "home", tmp_path / "first")
    again = packaged(inputs, tmp_path / "home", tmp_path / "again")
    assert first == again
    compared = [(tmp_path / name / "bento" / "bento.yaml").read_bytes() for name in ("first", "again")]
    assert compared[0] == compared[1]
    other = shutil.copytree(inputs["winner"], tmp_path / "other")
    checkpoint = json.loads((other / "checkpoint.json").read_text())
    (other / "checkpoint.json").write_text(json.dumps(checkpoint | {"seed": 1}))
    assert packaged(inputs | {"winner": other}, tmp_path / "home", tmp_path / "third")["tag"] != first["tag"]


def test_every_package_of_the_bento_is_pinned() -> None:
    pins = package.pinned(package.REQUIREMENTS)
    assert {"torch==2.13.0", "feast==0.67.0", "bentoml==1.4.39"} <= set(pins)
    assert all(pin.count("==") == 1 and "+" not in pin for pin in pins)
    assert not {pin.partition("==")[0] for pin in pins} & {"kfp", "dvc", "great-expectations"}


@pytest.mark.parametrize(("overlap", "steps"), [(0.5, 0), (1.0, 1)])
def test_the_bento_holds_the_reverse_steps_that_the_measured_overlap_grants(
    inputs: dict[str, Path], tmp_path: Path, overlap: float, steps: int
) -> None:
    judge(inputs["verdict"], accepted=True)
    metrics = json.loads(inputs["metrics"].read_text()) | {"winner": "adrec"}
    metrics["reverse_steps"]["by_steps"]["1"]["overlap"] = overlap
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    document["serve"] |= {"steps": 1, "min_overlap": 1.0}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document))
    changed = {"metrics": tmp_path / "metrics.json", "params": tmp_path / "params.yaml"}
    packaged(inputs | changed, tmp_path / "home", tmp_path / "packaged")
    served = json.loads((tmp_path / "packaged" / "bento" / "src" / "model" / "serve.json").read_text())
    assert served == document["serve"] | {"steps": steps}
