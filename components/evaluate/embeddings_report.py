"""The report's section on the item embeddings: their measures, their spectrum, and a picture of the winner's."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import PercentFormatter

from adrec.data.dataset import Dataset
from adrec.evaluation.geometry import singular_values, standardise
from adrec.recommenders.popularity import count
from components.evaluate.embeddings import CONTROL
from components.html import page

TABLES = {CONTROL: "Gaussian control", "sasrec": "SASRec, stage 1", "adrec": "ADRec, stage 3"}
STYLES = {CONTROL: (page.SERIES[4], "--"), "sasrec": (page.SERIES[1], "-"), "adrec": (page.SERIES[0], "-")}
THIRDS = {"most popular third": page.SERIES[1], "middle third": page.SERIES[0], "least popular third": page.SERIES[4]}
SIZE = (5.2, 3.2)  # of both pictures, inches
LARGEST_SAMPLE = 2000  # items in the t-SNE picture
TSNE_ITERATIONS = 500
CAUTION = "Neighbours mean something; the size of the cloud and distances across it do not."
ALIKE = 0.01  # spectra whose variances differ by less than this share are called as even as each other


def section(measured: dict[str, Any], tables: dict[str, np.ndarray], data: Dataset) -> dict[str, Any]:
    """What `embeddings.html` shows.

    Args:
        measured: what `evaluate` writes as metrics.
        tables: the item embeddings [N, D] by name, as `embeddings.tables_of` gives them.
        data: the dataset.
    """
    winner = measured["winner"]
    places_N2, items = projection(tables[winner])
    shown = "all" if len(items) == len(tables[winner]) else f"a random {len(items):,} of the"
    return {
        "names": {name: TABLES[name] for name in tables},
        "rows": rows(measured, min(tables[winner].shape)),
        "reading": [spectrum_in_words(measured["geometry"]), probe_in_words(measured.get("probe"))],
        "pictures": [
            (
                "How evenly the directions are used",
                "Singular values of the standardised table, largest first, as shares of their sum.",
                spectrum(tables),
            ),
            (
                f"The items as {TABLES[winner]}, places them",
                f"t-SNE of {shown} {len(tables[winner]):,} items, by popularity in training. {CAUTION}",
                scatter(places_N2, thirds(count(data.training, len(data.catalogue)))[items]),
            ),
        ],
    }


def rows(measured: dict[str, Any], num_directions: int) -> list[tuple[str, str, list[str]]]:
    """Name, explanation, and one value for each table, of every measure."""
    most = f"at most {np.log(num_directions):.3f}"
    explained = {
        "top_singular_values": ("Largest singular values", "grow with the number of items"),
        "singular_value_variance": ("Variance of the singular values", "0 where all directions carry the same"),
        "singular_value_entropy": ("Entropy of the singular values", most),
        "covariance_entropy": ("Entropy of the covariance", f"of the raw table, {most}"),
        "isotropy": ("Isotropy", "smallest over largest variance"),
        "kl_to_gaussian": ("KL to the standard Gaussian", "nats"),
        "mean_cosine": ("Mean cosine", "of the raw table, all pairs"),
        "mean_variance": ("Mean variance", "of the raw table: its scale"),
    }
    geometry = measured["geometry"].values()
    found = [(*words, [_text(table[key]) for table in geometry]) for key, words in explained.items()]
    if "probe" in measured:
        kind, read = measured["probe"]["of"], measured["probe"]["read"]
        note = f"F1 of a probe; frequency: {_percent(read['most_frequent'])}"
        found.append((f"{kind.capitalize()} read", note, [_percent(read[name]) for name in measured["geometry"]]))
    return found


def spectrum_in_words(geometry: dict[str, Any]) -> str:
    """What stages 2 and 3 did to the evenness of the spectrum, in one sentence."""
    before, after, control = (geometry[name]["singular_value_variance"] for name in ("sasrec", "adrec", CONTROL))
    if abs(after - before) <= ALIKE * before:
        change = "about as even as"
    else:
        change = "less even than" if after > before else "more even than"
    return (
        f"Stages 2 and 3 leave the spectrum {change} stage 1 did: the variance of the singular values is {after:.1f} "
        f"in ADRec's table, {before:.1f} in SASRec's and {control:.1f} in the Gaussian control. That is a shape and "
        "no merit: which model ranks better, the table of models says."
    )


def probe_in_words(probe: dict[str, Any] | None) -> str:
    """What a linear layer reads out of the tables, in one sentence; nothing where there are no labels to read."""
    if probe is None:
        return ""
    read = probe["read"]
    return (
        f"{probe['items']:,} items have {probe['of']} that no model was told: of items that it has not seen, a linear "
        f"probe reads them with a micro F1 of {_percent(read['adrec'])} from ADRec's table, {_percent(read['sasrec'])} "
        f"from SASRec's and {_percent(read[CONTROL])} from the control. Naming the most frequent for every item has "
        f"{_percent(read['most_frequent'])}."
    )


def spectrum(tables: dict[str, np.ndarray]) -> Markup:
    """Each table's singular values, falling, as shares of their sum."""
    figure, axes = page.canvas(*SIZE)
    for name, table in tables.items():
        values_D = singular_values(standardise(table))
        colour, line = STYLES[name]
        axes.plot(np.arange(1, len(values_D) + 1), values_D / values_D.sum(), line, color=colour, label=TABLES[name])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("direction")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.legend(ncols=len(tables), loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=8)
    return page.svg(figure)


def projection(E_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """t-SNE of the standardised table in two dimensions [M, 2], and the indices [M] of the items shown.

    These are all items, or a seeded sample where they are too many. One thread adds in one order: the same table gives
    the same picture.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(0)
    items = np.sort(random.choice(len(E_ND), min(len(E_ND), LARGEST_SAMPLE), replace=False))
    perplexity = min(30.0, (len(items) - 1) / 3)
    with threadpool_limits(1):
        method = TSNE(perplexity=perplexity, init="pca", random_state=0, max_iter=TSNE_ITERATIONS)
        return method.fit_transform(standardise(E_ND)[items]), items


def thirds(counts_N: np.ndarray) -> np.ndarray:
    """The third that each item belongs to by its count: 0 for the most popular, equal counts in catalogue order."""
    third_N = np.empty(len(counts_N), dtype=np.int64)
    third_N[np.argsort(-counts_N, kind="stable")] = np.arange(len(counts_N)) * len(THIRDS) // len(counts_N)
    return third_N


def scatter(places_N2: np.ndarray, third_N: np.ndarray) -> Markup:
    """One dot an item in the colour of its third, the most popular on top."""
    figure, axes = page.canvas(*SIZE)
    for number, (title, colour) in reversed(list(enumerate(THIRDS.items()))):
        x_M, y_M = places_N2[third_N == number].T
        axes.scatter(x_M, y_M, s=13, color=colour, alpha=0.8, linewidths=0, label=title)
    axes.set_aspect("equal", "datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.legend(ncols=len(THIRDS), loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=8, reverse=True)
    return page.svg(figure)


def _text(value: float | list[float] | None) -> str:
    if isinstance(value, list):
        return "\u2002".join(f"{number:.1f}" for number in value)  # en spaces
    return "infinite" if value is None else f"{value:.2f}" if value >= 10 else f"{value:.3f}"


def _percent(reading: dict[str, float]) -> str:
    return f"{100 * reading['f1']:.1f}\u00a0%"
