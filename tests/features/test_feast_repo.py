"""What Feast's own command line sees of the folder."""

from feast.repo_operations import get_repo_files

from tests.features.conftest import ROOT


def test_feast_apply_imports_the_definitions_alone() -> None:
    assert get_repo_files(ROOT / "features") == [ROOT / "features" / "definitions.py"]
