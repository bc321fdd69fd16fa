"""A checkpoint comes back as it was written, or is refused by name."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import adrec.training.checkpoint
from adrec.training.checkpoint import ABOUT_FILE, MOMENTS_FILE, WEIGHTS_FILE, Checkpoint


@pytest.fixture
def checkpoint() -> Checkpoint:
    moments = {"a.weight": {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 3)}}
    return Checkpoint({"a.weight": torch.arange(6.0).view(2, 3)}, moments, {"stage": "warmup", "num_items": 5})


def test_it_comes_back_to_the_bit(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "it")
    back = Checkpoint.read(tmp_path / "it")
    assert back.about == checkpoint.about
    assert torch.equal(back.weights["a.weight"], checkpoint.weights["a.weight"])
    for key, value in checkpoint.moments["a.weight"].items():
        assert torch.equal(back.moments["a.weight"][key], value)


def test_one_without_an_optimiser_has_no_moments(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "it")
    (tmp_path / "it" / MOMENTS_FILE).unlink()
    assert Checkpoint.read(tmp_path / "it").moments == {}


@pytest.mark.parametrize("name", [ABOUT_FILE, WEIGHTS_FILE])
def test_a_file_that_is_missing_is_named(name: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "it")
    (tmp_path / "it" / name).unlink()
    with pytest.raises(ValueError, match=f"holds no checkpoint: {name} is missing"):
        Checkpoint.read(tmp_path / "it")


@pytest.mark.parametrize("name", [WEIGHTS_FILE, MOMENTS_FILE])
def test_a_file_that_was_cut_short_is_named(name: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "it")
    whole = (tmp_path / "it" / name).read_bytes()
    for length in (0, 5, len(whole) - 1):
        (tmp_path / "it" / name).write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"{name} is damaged: "):
            Checkpoint.read(tmp_path / "it")


def test_a_checkpoint_that_fails_half_way_is_not_there(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def fail_at_the_second(tensors: dict[str, torch.Tensor], path: Path) -> None:
        if written:
            raise OSError("no space left on device")
        written.append(path)
        save_file(tensors, path)

    monkeypatch.setattr(adrec.training.checkpoint, "save_file", fail_at_the_second)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.write(tmp_path / "it")
    assert written
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_replaces_all_that_was_there(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "it" / "older").mkdir(parents=True)
    checkpoint.write(tmp_path / "it")
    assert {path.name for path in (tmp_path / "it").iterdir()} == {ABOUT_FILE, WEIGHTS_FILE, MOMENTS_FILE}
