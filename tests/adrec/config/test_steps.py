"""Sections of params.yaml: what is accepted, and in which words the rest is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec import config


def changed(params: dict, section: str, **values: object) -> dict:
    return {**params[section].as_dict(), **values}


def test_whole_floats_become_integers(params: dict) -> None:
    """Kubeflow hands every number over as a float."""
    parsed = config.parse(config.Finetune, changed(params, "finetune", epochs=3.0))
    assert parsed.epochs == 3
    assert isinstance(parsed.epochs, int)


@pytest.mark.parametrize(
    ("section", "values", "sentence"),
    [
        ("finetune", {"epochs": 3.5}, "finetune.epochs = 3.5: input should be a valid integer"),
        ("finetune", {"epochs": True}, "finetune.epochs = True: input should be a number"),
        ("finetune", {"epochs": "3"}, "finetune.epochs = '3': input should be a number, not text"),
        ("finetune", {"learning_rate": True}, "finetune.learning_rate = True: input should be a number"),
        ("evaluate", {"exclude_history": "yes"}, "evaluate.exclude_history = 'yes': input should be a valid boolean"),
        ("model", {"reverse_steps": 64}, "model.reverse_steps = 64 must be at most model.diffusion_steps = 32"),
        ("model", {"seed": 2**64}, "model.seed = 18446744073709551616: input should be less than or"),
        ("model", {"conditioning_scale": 1e300}, "model.conditioning_scale = 1e\\+300: input should be less than or"),
        ("publish", {"ttl_days": 10**11}, "publish.ttl_days = 100000000000: input should be less than or"),
        ("finetune", {"epochs": 0}, "finetune.epochs = 0: input should be greater than or equal to 1"),
        ("finetune", {"epoch": 3}, "finetune.epoch is unknown; finetune has epochs, learning_rate"),
        ("model", {"heads": 3}, "model.dimension = 128 must be a multiple of 2 x model.heads = 6"),
        ("model", {"dropout": 1.0}, "model.dropout = 1.0"),
        ("ingest", {"format": "xml"}, "ingest.format = 'xml'"),
        ("gate", {"minimum": {"MRR@5": 0.1}}, "gate.minimum.MRR@5"),
        ("evaluate", {"cutoffs": []}, "evaluate.cutoffs = \\[\\]"),
        ("pretrain", {"learning_rate": float("nan")}, "pretrain.learning_rate = nan"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(params: dict, section: str, values: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"params: {sentence}") as refusal:
        config.parse(config.SECTIONS[section], changed(params, section, **values))
    assert "\n" not in str(refusal.value)


def test_a_missing_key_is_named(params: dict) -> None:
    values = changed(params, "prepare")
    del values["core"]
    with pytest.raises(ValueError, match=r"params: prepare\.core is missing"):
        config.parse(config.Prepare, values)


def test_sections_survive_the_way_to_plain_values_and_back(params: dict) -> None:
    for name, section in params.items():
        assert config.parse(config.SECTIONS[name], section.as_dict()) == section


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@given(st.sampled_from(sorted(config.SECTIONS)), st.data())
def test_no_value_whatever_brings_the_parser_down(section: str, data: st.DataObject) -> None:
    kind = config.SECTIONS[section]
    keys = [*kind.__dataclass_fields__, "other"]
    values = data.draw(st.dictionaries(st.sampled_from(keys), anything) | anything)
    assert refusal(kind, values).startswith("params: ")


def refusal(kind: type[config.Section], values: object) -> str:
    """The sentence with which `values` are refused; the bare prefix where they are not."""
    try:
        config.parse(kind, values)
    except ValueError as error:
        return str(error)
    return "params: "
