"""The command line: one step, its paths, and a sentence for every mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from adrec import config
from components import __main__ as cli
from components.runtime import telemetry


@pytest.fixture
def params_file(tiny: dict[str, config.Section], tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({name: section.as_dict() for name, section in tiny.items()}))
    return path


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    good, poor = {"HR@20": 0.3, "NDCG@20": 0.2}, {"HR@20": 0.1, "NDCG@20": 0.1}
    models = {"popularity": poor, "sasrec": poor, "adrec": good}
    path.write_text(json.dumps({"data_hash": "0" * 32, "winner": "adrec", "models": models}))
    return path


def test_a_step_runs_with_the_sections_of_the_parameters(params_file: Path, metrics: Path, tmp_path: Path) -> None:
    verdict = tmp_path / "verdict.json"
    arguments = ["gate", "--metrics", str(metrics), "--verdict", str(verdict), "--params", str(params_file)]
    assert cli.main(arguments) == 0
    assert json.loads(verdict.read_text())["accepted"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("baseline: popularity", "baselin: popularity", "gate.baselin is unknown"),
        ("epochs: 2", "epochs: 3.5", "pretrain.epochs = 3.5"),
        ("gate:", "gates:", "section"),
        ("gate:", "gate: [", "is not valid YAML"),
    ],
)
def test_a_wrong_parameter_is_told_in_one_sentence(
    old: str,
    new: str,
    told: str,
    params_file: Path,
    metrics: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    params_file.write_text(params_file.read_text().replace(old, new))
    verdict = tmp_path / "verdict.json"
    arguments = ["gate", "--metrics", str(metrics), "--verdict", str(verdict), "--params", str(params_file)]
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not verdict.exists()


def test_a_missing_file_is_named(params_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nothing.json"
    arguments = ["gate", "--metrics", str(missing), "--verdict", str(tmp_path / "v"), "--params", str(params_file)]
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == f"error: gate: {missing}: no such file or directory\n"


def test_an_unknown_version_is_told_in_one_sentence(params_file: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "components",
        "get",
        "interactions-v9",
        str(tmp_path / "back.parquet"),
    ]
    root = str(Path(cli.__file__).parents[1])
    done = subprocess.run(
        [*command, "--params", str(params_file)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: get: ")
    assert "Traceback" not in done.stderr


def test_an_unknown_step_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["train"])
    assert refused.value.code == 2
    assert "invalid choice: 'train'" in capsys.readouterr().err


def test_telemetry_is_off_unless_someone_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in telemetry.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    telemetry.disable()
    assert os.environ["DVC_NO_ANALYTICS"] == "1"
    assert os.environ["BENTOML_DO_NOT_TRACK"] == "True"
    assert os.environ["GX_ANALYTICS_ENABLED"] == "true"
