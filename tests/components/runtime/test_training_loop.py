"""What the training steps share."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adrec.training.checkpoint import Checkpoint
from adrec.training.trainer import Epoch
from components import pretrain, warmup
from components.runtime.training_loop import progress_line


def test_an_epoch_is_told_in_one_line() -> None:
    plain = Epoch(3, {"ce": 5.25, "mse": 0.5}, None)
    assert progress_line("finetune", plain, 20) == "finetune: epoch 3/20 ce 5.2500 mse 0.5000"
    validated = Epoch(5, {"ce": 5.0}, {"HR@20": 0.2, "NDCG@20": 0.08})
    assert progress_line("pretrain", validated, 20) == "pretrain: epoch 5/20 ce 5.0000 NDCG@20 0.0800"


def test_a_checkpoint_tells_where_it_comes_from(tiny_run: Path, tiny: dict) -> None:
    about = Checkpoint.read(tiny_run / "finetuned").about
    assert about["stage"] == "finetune"
    assert list(about["log"]) == ["pretrain", "warmup", "finetune"]
    assert about["config"]["warmup"] == tiny["warmup"].as_dict()
    assert about["data_hash"] == "0" * 32


def test_tensors_are_stored_without_pickle(tiny_run: Path) -> None:
    assert {file.suffix for file in (tiny_run / "finetuned").iterdir()} == {".safetensors", ".json"}


def test_a_checkpoint_of_other_data_is_refused(tiny: dict, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    other = tmp_path / "dataset"
    other.mkdir()
    for file in tiny_dataset.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    about = json.loads((other / "dataset.json").read_text())
    (other / "dataset.json").write_text(json.dumps({**about, "data_hash": "f" * 32}))
    with pytest.raises(ValueError, match="run pretrain again"):
        warmup.run(
            dataset=other,
            pretrained=tiny_run / "pretrained",
            model=tiny["model"],
            warmup=tiny["warmup"],
            warmed=tmp_path / "warmed",
        )
    assert not (tmp_path / "warmed").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_accelerator_that_torch_does_not_find_is_not_replaced_by_the_cpu(
    tiny: dict, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADREC_REQUIRE_CUDA", "1")
    sections = {"model": replace(tiny["model"], device="auto"), "pretrain": tiny["pretrain"]}
    with pytest.raises(ValueError, match=r"ADREC_REQUIRE_CUDA is set.*finds no CUDA device"):
        pretrain.run(dataset=tiny_dataset, **sections, pretrained=tmp_path / "pretrained")
    assert not (tmp_path / "pretrained").exists()


def test_stage_1_may_have_positions_that_later_stages_do_without(
    tiny: dict, tiny_dataset: Path, tmp_path: Path
) -> None:
    model = replace(tiny["model"], attention="sink")
    first = replace(tiny["pretrain"], positions="learned", epochs=1, evaluate_every=1)
    pretrain.run(dataset=tiny_dataset, model=model, pretrain=first, pretrained=tmp_path / "pretrained")
    warmup.run(
        dataset=tiny_dataset,
        pretrained=tmp_path / "pretrained",
        model=model,
        warmup=tiny["warmup"],
        warmed=tmp_path / "warmed",
    )
    before, after = (Checkpoint.read(tmp_path / name) for name in ("pretrained", "warmed"))
    assert [about["config"]["model"]["positions"] for about in (before.about, after.about)] == ["learned", "none"]
    assert [about["config"]["model"]["attention"] for about in (before.about, after.about)] == ["masked", "sink"]
    assert [any("positions" in name for name in checkpoint.weights) for checkpoint in (before, after)] == [True, False]
    assert torch.equal(before.weights["item_embedding.weight"], after.weights["item_embedding.weight"])
