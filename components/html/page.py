"""How a step shows its results to a person: one self-contained HTML page with inline pictures.

Pictures are drawn by matplotlib in placeholder colours that `svg` turns into the page's own CSS colours: they
follow the reader's light or dark mode. The same figure always gives the same text.
"""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

TEMPLATES = Path(__file__).parents[1]
INK, MUTED, RULE = "#010101", "#020202", "#030303"  # text, ticks, grid lines
SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06")  # one for each thing compared
_CSS = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it takes the page's font and can be selected
    "svg.hashsalt": "adrec",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
    "ytick.left": False,
}


def canvas(width: float = 5.2, height: float = 2.6) -> tuple[Figure, Axes]:
    """An empty picture in the page's style, sizes in inches, to be drawn in `INK`, `MUTED` and `SERIES`."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        return figure, figure.subplots()


def svg(figure: Figure) -> Markup:
    """The figure as an SVG element of the page: without ids of its own, in the page's colours and font."""
    for legend in filter(None, (axes.get_legend() for axes in figure.axes)):
        legend.set_frame_on(False)  # drawn after `canvas`, a legend does not know the page's style
        for label in legend.get_texts():
            label.set_color(INK)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # names come from data, and a dollar sign is a dollar sign
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg ") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="[A-Za-z]+_\d+">', "<g>", drawn)  # numbered per figure: two figures would share them
    drawn = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 role="img">', drawn, count=1)
    for placeholder, colour in _CSS.items():
        drawn = drawn.replace(placeholder, colour)
    return Markup(drawn.strip())  # noqa: S704 (drawn by matplotlib, which escapes the texts of a figure)


def render(template: str, **values: Any) -> str:
    """The page of `components/<template>`; every value is escaped, a missing one raises."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    return environment.get_template(template).render(**values)


def number(value: float | int | str | None) -> str:
    """A number as a person reads it: 12,345 or 0.0831; text as it is, nothing as a hyphen.

    >>> number(12345), number(0.08314159), number(3.0), number(None)
    ('12,345', '0.08314', '3', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.4g}"
