"""One tiny seeded world that tests share; what is costly to make is made once a session."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from adrec import config
from adrec.config.params import load
from adrec.data import demo, interactions
from adrec.data.build import build_histories
from adrec.data.dataset import Dataset

# Tiny tensors gain nothing from a second thread, and two threads that wait for each other on a busy machine cost much.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded, here and in the processes of the tests

# Great Expectations looks for PySpark, which takes a main module without a file, as pytest-xdist's workers have, for a
# doctest's and ends the process.
sys.modules["__main__"].__dict__.setdefault("__file__", __file__)

# No test is judged by the clock: a busy machine is no defect of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

PARAMS = Path(__file__).parent.parent / "params.yaml"
TINY_USERS, TINY_ITEMS = 150, 60


@pytest.fixture(scope="session", autouse=True)
def progress_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where training keeps its progress in the tests, so that they go on nothing that others left."""
    folder = tmp_path_factory.mktemp("progress")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADREC_PROGRESS_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def params() -> dict[str, config.Section]:
    """`params.yaml` as it stands."""
    return load(PARAMS)


@pytest.fixture(scope="session")
def tiny(params: dict[str, config.Section]) -> dict[str, config.Section]:
    """`params.yaml` made small enough to train in seconds."""
    few_epochs = {"epochs": 2, "evaluate_every": 1, "batch_size": 64}
    changes = {
        "ingest": {"demo_users": TINY_USERS, "demo_items": TINY_ITEMS},
        "model": {"dimension": 16, "heads": 2, "max_length": 12, "diffusion_steps": 4, "device": "cpu"},
        "pretrain": few_epochs,
        "warmup": {"epochs": 1, "batch_size": 64},
        "finetune": few_epochs,
        "evaluate": {"bootstrap": 50},
        "publish": {"max_length": 12},
    }
    return {name: replace(section, **changes.get(name, {})) for name, section in params.items()}


@pytest.fixture(scope="session")
def tiny_dataset(tiny: dict[str, config.Section], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset folder of the tiny world."""
    return prepared(tiny, tmp_path_factory.mktemp("tiny") / "dataset")


@pytest.fixture(scope="session")
def demo_dataset(params: dict[str, config.Section], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset folder of the demo, as large as `params.yaml` makes it."""
    return prepared(params, tmp_path_factory.mktemp("demo") / "dataset")


def publication(dataset: Path) -> dict[str, Path]:
    """What `publish` reads of a world whose `dataset` is one of those above."""
    names = {"interactions": "interactions.parquet", "versioned": "versioned.json"}
    return {"dataset": dataset, **{name: dataset.with_name(file) for name, file in names.items()}}


def prepared(sections: dict[str, Any], folder: Path) -> Path:
    """The demo world of these sections as `prepare` leaves it, beside what it was made of."""
    ingest = sections["ingest"]
    rows = demo.interactions(ingest.demo_users, ingest.demo_items, ingest.demo_seed)
    interactions.write(rows, publication(folder)["interactions"], {})
    catalogue, histories = build_histories(rows, sections["prepare"].core)
    about = {
        "data_hash": "0" * 32,
        "data_tag": "interactions-v1",
        "catalogue_hash": catalogue.hash,
        "users": len(histories),
        "items": len(catalogue),
        "interactions": len(histories.items),
        "demo": {"items": ingest.demo_items, "seed": ingest.demo_seed},
    }
    version = {"data_hash": about["data_hash"], "tag": about["data_tag"]}
    publication(folder)["versioned"].write_text(json.dumps(version))
    folder.mkdir()
    Dataset(catalogue, histories, about).write(folder)
    return folder


@pytest.fixture(scope="session")
def small_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spark's local mode with few partitions: the defaults are for clusters."""
    pytest.importorskip("pyspark", reason="PySpark is not installed: it comes with the extra `spark`")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java, which Spark runs on")
    from pyspark.sql import SparkSession

    settings = {
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.sql.files.maxPartitionBytes": 10_000,
        "spark.sql.shuffle.partitions": 3,
        "spark.ui.enabled": False,
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield
    session.stop()


@pytest.fixture(scope="session")
def tiny_run(tiny: dict[str, config.Section], tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the steps from pretrain to evaluate make of the tiny world."""
    from components import finetune, pretrain, warmup
    from components.evaluate import step as evaluate

    folder = tmp_path_factory.mktemp("tiny-run")
    common = {"dataset": tiny_dataset, "model": tiny["model"]}
    pretrain.run(**common, pretrain=tiny["pretrain"], pretrained=folder / "pretrained")
    warmup.run(**common, pretrained=folder / "pretrained", warmup=tiny["warmup"], warmed=folder / "warmed")
    finetune.run(**common, warmed=folder / "warmed", finetune=tiny["finetune"], finetuned=folder / "finetuned")
    evaluate.run(
        dataset=tiny_dataset,
        pretrained=folder / "pretrained",
        finetuned=folder / "finetuned",
        evaluate=tiny["evaluate"],
        winner=folder / "winner",
        metrics=folder / "metrics.json",
        report=folder / "report.html",
    )
    return folder


@pytest.fixture(scope="session")
def tiny_winner(tiny_run: Path) -> Path:
    """The winner's model folder."""
    return tiny_run / "winner"


@pytest.fixture(scope="session")
def tiny_metrics(tiny_run: Path) -> Path:
    """The metrics of the tiny world's models."""
    return tiny_run / "metrics.json"
