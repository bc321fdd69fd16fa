"""The table beside the paper's: its figures, and what it says where runs are missing."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.sweep import Figures
from benchmarks.quality.paper_table import Cell, cells, table, write


def figures(*hits: float) -> dict[int, dict]:
    return {
        2025 + n: {
            **{"date": f"2026-01-0{n + 1}", "machine": "two" if n else "one", "torch": "2"},
            "batch_means": {"HR@20": hit, "NDCG@20": hit / 2},
            "metrics": {"HR@20": hit / 2, "NDCG@20": hit / 5},
        }
        for n, hit in enumerate(hits)
    }


FOUND: Figures = {
    ("ml-100k", "adrec"): figures(0.21, 0.22, 0.23),
    ("ml-100k", "other"): figures(0.20),
    ("baby", "adrec"): figures(),
}


def test_cells_are_per_cent_with_the_mean_and_deviation_over_seeds() -> None:
    cell = cells(FOUND)["ml-100k", "adrec"]["HR@20"]
    assert str(cell) == "22.00 ± 1.00 (3)"
    assert cell.published == 22.07


@pytest.mark.parametrize(
    ("values", "published", "reached"),
    [
        ((21.0, 22.0, 23.0), 23.15, True),  # 22 + 2 / sqrt(3) = 23.155
        ((21.0, 22.0, 23.0), 23.16, False),
        ((21.0, 22.0, 23.0), None, None),
        ((21.0,), 20.0, None),
        ((), 20.0, None),
    ],
)
def test_a_figure_is_reached_within_two_standard_errors(
    values: tuple[float, ...], published: float | None, reached: bool | None
) -> None:
    assert Cell(values, values, published).reached is reached


def test_the_table_has_a_row_a_model_and_says_what_is_missing() -> None:
    reached = "| ml-100k | adrec | 22.00 ± 1.00 (3) | 22.07 | yes | 11.00 ± 0.50 (3) "
    assert table(cells(FOUND)).splitlines()[2:] == [
        reached + "| 11.00 ± 0.50 (3) | 9.00 | yes | 4.40 ± 0.20 (3) |",
        "| ml-100k | other | 20.00 (1) |  |  | 10.00 (1) | 10.00 (1) |  |  | 4.00 (1) |",
        "| baby | adrec | not run | 7.15 |  | not run | not run | 3.15 |  | not run |",
    ]


def test_all_values_are_written_beside_the_table(tmp_path: Path) -> None:
    write(cells(FOUND), FOUND, tmp_path)
    assert (tmp_path / "paper_table.md").read_text() == table(cells(FOUND)) + "\n"
    written = json.loads((tmp_path / "paper_table.json").read_text())
    assert (written["dates"], written["machines"], written["torch"]) == (
        ["2026-01-01", "2026-01-03"],
        ["one", "two"],
        ["2"],
    )
    values = written["ml-100k adrec"]
    assert values["seeds"] == [2025, 2026, 2027]
    assert values["HR@20"] == {
        "values": pytest.approx([21, 22, 23]),
        "per_user": pytest.approx([10.5, 11, 11.5]),
        "published": 22.07,
        "reached": True,
    }
