"""The report's section on the item embeddings: which tables are measured, what is said and drawn of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from adrec.data import demo
from adrec.data.dataset import Dataset
from adrec.evaluation.geometry import gaussian_control
from adrec.training.checkpoint import Checkpoint
from components.evaluate import embeddings, embeddings_report


@pytest.fixture(scope="module")
def tables(tiny_run: Path) -> dict[str, np.ndarray]:
    folders = {"sasrec": "pretrained", "adrec": "finetuned"}
    return embeddings.tables_of({name: Checkpoint.read(tiny_run / folder) for name, folder in folders.items()})


@pytest.fixture(scope="module")
def metrics(tiny_metrics: Path) -> dict:
    return json.loads(tiny_metrics.read_text())


def test_a_control_of_the_same_size_stands_beside_the_tables_of_both_stages(
    tables: dict[str, np.ndarray], tiny_dataset: Path
) -> None:
    data = Dataset.read(tiny_dataset)
    assert list(tables) == ["gaussian", "sasrec", "adrec"]
    assert {table.shape for table in tables.values()} == {(len(data.catalogue), 16)}, "without the padding row"


def test_the_metrics_hold_the_measures_of_every_table_as_plain_json(metrics: dict, tiny_run: Path) -> None:
    json.dumps(metrics, allow_nan=False)
    found = metrics["geometry"]
    assert list(found) == ["gaussian", "sasrec", "adrec"]
    for name, folder in (("sasrec", "pretrained"), ("adrec", "finetuned")):
        table_ND = load_file(tiny_run / folder / "model.safetensors")["item_embedding.weight"][1:].astype(np.float64)
        assert found[name]["mean_variance"] == pytest.approx(table_ND.var(axis=0).mean())
        eigenvalues_D = np.linalg.eigvalsh(np.corrcoef(table_ND, rowvar=False))[::-1]
        values_D = np.sqrt(len(table_ND) * eigenvalues_D)  # the singular values of the standardised table
        assert found[name]["top_singular_values"] == pytest.approx(values_D[:5], rel=1e-5)
        assert found[name]["singular_value_variance"] == pytest.approx(values_D.var(), rel=1e-5)


def test_the_clusters_of_the_demo_are_the_groups_that_its_tastes_prefer(tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    labels = embeddings.demo_clusters(data)
    world = demo.World.create(data.about["demo"]["items"], data.about["demo"]["seed"])
    assert (labels.sum(axis=1) == 1).all()
    sizes = np.bincount(world.clusters)
    assert len(sizes) == demo.CLUSTERS
    assert sizes.max() - sizes.min() <= 1, "the world deals its items out evenly"
    item = data.catalogue.items[5]
    assert labels[5].argmax() == world.taste[:, demo.item_index(item)].argmax()


def test_data_without_known_clusters_are_not_probed(tables: dict[str, np.ndarray], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    unknown = Dataset(data.catalogue, data.histories, {})
    assert embeddings.labels_of(unknown, "") is None
    assert list(embeddings.measure(tables, None)) == ["geometry"]
    assert embeddings_report.probe_in_words(None) == ""


def test_categories_of_a_file_are_read_out_instead(
    metrics: dict, tables: dict[str, np.ndarray], tiny_dataset: Path, tmp_path: Path
) -> None:
    data = Dataset.read(tiny_dataset)
    rows = [f"{item},{'Even' if number % 2 else 'Odd|Few'}" for number, item in enumerate(data.catalogue.items[3:])]
    (tmp_path / "items.csv").write_text("\n".join(["item_id,categories", *rows, "elsewhere,Even"]))
    labels = embeddings.labels_of(data, str(tmp_path / "items.csv"))
    assert labels is not None
    assert labels.items_M.tolist() == list(range(3, len(data.catalogue)))
    assert labels.labels_MG.sum(axis=1).tolist() == [1 if number % 2 else 2 for number in range(len(rows))]
    probe = embeddings.measure(tables, labels)["probe"]
    assert (probe["of"], probe["items"]) == ("categories", len(rows))
    shown = embeddings_report.rows({**metrics, "probe": probe}, 16)
    assert [title for title, _, _ in shown if title.endswith("read")] == ["Categories read"]
    assert f"{len(rows):,} items have categories" in embeddings_report.probe_in_words(probe)


def test_a_file_that_is_not_there_is_named_with_its_parameter(tiny_dataset: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"evaluate\.item_categories: the source nowhere does not exist"):
        embeddings.labels_of(Dataset.read(tiny_dataset), "nowhere")


@pytest.mark.parametrize("rows", ["elsewhere,Even\n" * 30, "{items}"], ids=["other ids", "no category"])
def test_a_file_that_says_too_little_is_refused(rows: str, tiny_dataset: Path, tmp_path: Path) -> None:
    data = Dataset.read(tiny_dataset)
    lines = rows.format(items="".join(f"{item},\n" for item in data.catalogue.items))
    (tmp_path / "items.csv").write_text(f"item_id,categories\n{lines}")
    with pytest.raises(ValueError, match=r"evaluate.item_categories .*items.csv knows \d+ of the catalogue's"):
        embeddings.labels_of(data, str(tmp_path / "items.csv"))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(30.0, 50.0, "less even than"), (50.0, 30.0, "more even than"), (50.0, 50.2, "about as even as")],
)
def test_the_page_says_what_the_later_stages_did_to_the_spectrum(before: float, after: float, words: str) -> None:
    variances = {"gaussian": 20.0, "sasrec": before, "adrec": after}
    geometry = {name: {"singular_value_variance": value} for name, value in variances.items()}
    assert words in embeddings_report.spectrum_in_words(geometry)


def test_the_report_shows_each_measure_and_says_what_is_infinite(metrics: dict, tiny_run: Path) -> None:
    page = (tiny_run / "report.html").read_text()
    for title, _, values in embeddings_report.rows(metrics, 16):
        assert title in page
        assert all(value in page for value in values)
    geometry = {**metrics["geometry"], "adrec": {**metrics["geometry"]["adrec"], "kl_to_gaussian": None}}
    assert "infinite" in str(embeddings_report.rows({"geometry": geometry}, 16))


def test_thirds_are_equal_parts_by_popularity() -> None:
    assert embeddings_report.thirds(np.array([5, 9, 1, 7, 3, 2])).tolist() == [1, 0, 2, 0, 1, 2]


def test_the_same_table_gives_the_same_places_and_a_large_one_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    table = gaussian_control(80, 8)
    places, items = embeddings_report.projection(table)
    assert np.array_equal(embeddings_report.projection(table.copy())[0], places)
    assert items.tolist() == list(range(80))
    monkeypatch.setattr(embeddings_report, "LARGEST_SAMPLE", 30)
    places, items = embeddings_report.projection(table)
    assert places.shape == (30, 2)
    assert len(set(items)) == 30
