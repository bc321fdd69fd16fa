"""Compiling: a package, or one sentence about what it cannot be made of."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import compile as compiling
from tests.pipelines.conftest import Workplace


@pytest.fixture(scope="module")
def place(workplace: Callable[[str], Workplace]) -> Workplace:
    return workplace("compiled")


def test_the_package_and_the_image_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiling.main(["refresh", "--to", str(tmp_path / "features.yaml")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == str(tmp_path / "features.yaml")
    assert f"image: {told[1].rpartition(' ')[2]}\n" in (tmp_path / "features.yaml").read_text()
    assert [line.split(" is lost")[0] for line in told[2:4]] == [
        f"note: version.{key} = 'artifacts/{key}'" for key in ("registry", "remote")
    ]
    assert "without ADREC_FEATURES_CLAIM" in told[4]


def test_a_package_with_a_password_in_it_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADREC_REDIS", "redis:6379,password=hush")
    assert compiling.main(["--to", str(tmp_path / "training.yaml")]) == 1
    assert "ADREC_SECRET" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("section", "change", "told"),
    [
        ("serve", {"stepz": 1}, "serve.stepz is unknown"),
        ("warmup", {"epochs": 5.5}, "warmup.epochs = 5.5"),
        ("gate", {"minimum": {"HR@50": None}}, "gate.minimum.HR@50"),
        ("gate", {"minimum": {"HR@50": 0.1}}, "evaluate.cutoffs"),
    ],
)
def test_parameters_that_are_not_sound_are_not_compiled(
    section: str, change: dict[str, Any], told: str, place: Workplace, tiny_params: dict[str, Any]
) -> None:
    place.write_params(tiny_params | {section: tiny_params[section] | change})
    done = place.command(sys.executable, "-m", "pipelines", "compile")
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not place.artifacts.exists()


def test_a_package_is_a_yaml_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert compiling.main(["--to", "package.txt"]) == 1
    assert "must be a .yaml file" in capsys.readouterr().err
