"""`python -m pipelines VERB` hands the rest of the command line to the module of the verb."""

import importlib

import pytest

from pipelines.__main__ import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_its_own_options(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert f"usage: python -m pipelines {verb}" in capsys.readouterr().out


def test_a_verb_that_does_not_exist_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["start"])
    assert end.value.code == 2
    refusal = capsys.readouterr().err
    assert all(verb in refusal for verb in VERBS)


def test_the_status_of_the_module_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module(VERBS["compile"]), "main", len)
    assert main(["compile", "a", "b"]) == 2
