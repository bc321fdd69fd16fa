"""What is said before the first step: which sections do not go together, and which files are not there."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from adrec import config
from components import check
from components.runtime import steps


def source_key(source: str, tiny: dict[str, Any]) -> str:
    return check.source_key(replace(tiny["ingest"], source=source, format="csv"))


def test_sections_that_do_not_go_together_are_refused(tiny: dict[str, Any]) -> None:
    given = {name: tiny[name].as_dict() for name in steps.sections("check")}
    assert steps.call("check", **given) == check.Keys("", "")
    with pytest.raises(ValueError, match=r"params: gate names HR@50, but evaluate\.cutoffs"):
        steps.call("check", **given | {"gate": given["gate"] | {"minimum": {"HR@50": 0.1}}})
    with pytest.raises(ValueError, match=r"serve\.stepz is unknown"):
        steps.call("check", **given | {"serve": given["serve"] | {"stepz": 1}})


def test_it_takes_every_section_of_the_training_graph(params: dict[str, config.Section]) -> None:
    taken = {section for step in steps.STEPS for section in steps.sections(step)}
    assert set(steps.sections("check")) == taken


def test_the_key_of_a_source_follows_its_content(tiny: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "u.data"
    source.write_text("one")
    before = source_key(str(source), tiny)
    source.touch()
    assert source_key(str(source), tiny) == before
    source.write_text("two")
    assert source_key(str(source), tiny) != before


def test_the_key_of_a_glob_follows_its_files(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("one")
    before = source_key(f"{tmp_path}/*.csv", tiny)
    assert source_key(f"{tmp_path}/*.csv", tiny) == before
    (tmp_path / "2.csv").write_text("two")
    assert source_key(f"{tmp_path}/*.csv", tiny) != before
    with pytest.raises(FileNotFoundError, match=r"ingest\.source = .*there is no such file"):
        source_key(f"{tmp_path}/*.tsv", tiny)


def test_the_key_of_a_champion_follows_the_content_of_its_folder(
    tiny: dict[str, Any], tiny_winner: Path, tmp_path: Path
) -> None:
    champion = copytree(tiny_winner, tmp_path / "champion")
    section = replace(tiny["evaluate"], champion=str(champion))
    check.references(section)
    before = check.reference_key(section)
    assert before != check.reference_key(tiny["evaluate"]) == ""
    about = champion / "checkpoint.json"
    about.write_text(about.read_text() + "\n")
    assert check.reference_key(section) != before


def test_the_key_of_categories_follows_their_content(tiny: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "categories.csv"
    section = replace(tiny["evaluate"], item_categories=str(file))
    keys = set()
    for category in ("red", "blue"):
        file.write_text(f"item_id,categories\na,{category}\n")
        check.references(section)
        keys.add(check.reference_key(section))
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["champion", "item_categories"])
def test_a_reference_that_is_not_there_is_named(name: str, tiny: dict[str, Any]) -> None:
    with pytest.raises(FileNotFoundError, match=rf"evaluate\.{name}.*/nowhere"):
        check.references(replace(tiny["evaluate"], **{name: "/nowhere"}))


def test_a_folder_without_a_model_is_no_champion(tiny: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"evaluate\.champion: .* holds no checkpoint"):
        check.references(replace(tiny["evaluate"], champion=str(tmp_path)))


def test_an_address_that_needs_another_package_names_it(tiny: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ingest\.source = 's3://events/today\.csv' cannot be read: Install s3fs"):
        source_key("s3://events/today.csv", tiny)
