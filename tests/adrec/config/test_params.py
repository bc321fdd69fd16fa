"""params.yaml as a whole."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from adrec.config.params import load

DEFAULTS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A copy of params.yaml with some keys changed: `changed(section={key: value})`."""

    def write(**sections: dict) -> Path:
        document = yaml.safe_load(DEFAULTS.read_text())
        for name, values in sections.items():
            document[name] |= values
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write


def test_a_store_that_keeps_less_than_the_model_reads_is_refused(changed: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"publish\.max_length = 10 must be at least model\.max_length = 50"):
        load(changed(publish={"max_length": 10}))


def test_a_gate_on_a_metric_that_will_not_be_measured_is_refused(changed: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"gate names HR@7, but evaluate\.cutoffs = \[5, 10, 20\]"):
        load(changed(gate={"minimum": {"HR@7": 0.1}}))


@pytest.mark.parametrize(("steps", "sentence"), [(64, "must be at most model"), (2, "is not among evaluate")])
def test_serving_by_steps_that_will_not_be_measured_is_refused(
    changed: Callable[..., Path], steps: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=rf"serve\.steps = {steps} {sentence}\."):
        load(changed(serve={"steps": steps}))
    assert load(changed(serve={"steps": 8}))


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    document = yaml.safe_load(DEFAULTS.read_text())
    document["pretrain"]["epochs"] = 0
    document["gate"]["minimun"] = document["gate"].pop("minimum")
    document["modle"] = document.pop("model")
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ValueError, match="is unknown") as error:
        load(path)
    for fault in ("'modle' is unknown", "'model' is missing", "pretrain.epochs = 0", "gate.minimun is unknown"):
        assert fault in str(error.value)


def test_a_misspelt_section_is_named(tmp_path: Path) -> None:
    document = yaml.safe_load(DEFAULTS.read_text())
    document["finetun"] = document.pop("finetune")
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ValueError, match=r"section '(finetun' is unknown|finetune' is missing)"):
        load(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold one section per step (ingest, "),
        (b"- a", "must hold one section per step (ingest, "),
        (b"a: [", "is not valid YAML: while parsing a flow node"),
        (b"\x00", "is not valid YAML: unacceptable character #x0000"),
        (b"\xff\xfe\xff", "is not valid YAML: 'utf-8' codec can't decode"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path} {sentence}")) as error:
        load(path)
    assert "\n" not in str(error.value)
