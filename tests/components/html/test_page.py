"""Pages show numbers as people read them and pictures that are always the same text."""

import pytest
from jinja2 import UndefinedError

from components.html import page


def drawn() -> str:
    figure, axes = page.canvas()
    axes.bar([1, 2], [3, 4], color=page.SERIES[0])
    axes.set_xlabel("<b>")
    return page.svg(figure)


def test_the_same_picture_is_the_same_text_in_the_colours_of_the_page() -> None:
    assert drawn() == drawn()
    assert "var(--series-1)" in drawn()
    assert not any(placeholder in drawn() for placeholder in (page.INK, page.MUTED, page.RULE, *page.SERIES))


def test_a_legend_is_written_in_the_ink_of_the_page_without_a_frame() -> None:
    figure, axes = page.canvas()
    axes.plot([1, 2], color=page.SERIES[0], label="what it is")
    axes.legend()
    drawn = page.svg(figure)
    text = next(line for line in drawn.splitlines() if "what it is" in line and "<text" in line)
    assert "var(--ink)" in text
    assert "#ffffff" not in drawn


def test_two_pictures_on_one_page_share_no_numbered_id_and_escape_their_texts() -> None:
    assert 'id="figure_' not in drawn()
    assert "&lt;b&gt;" in drawn()


@pytest.mark.parametrize("name", ["$5_{x$", r"$\foo$", "$5 and $6", r"\$", "a_b^c"])
def test_a_name_from_data_is_drawn_as_it_is_and_never_as_a_formula(name: str) -> None:
    figure, axes = page.canvas()
    axes.plot([1, 2], label=name)
    axes.set_yticks([1, 2], [name, "other"])
    axes.set_xlabel(name)
    axes.legend()
    assert page.svg(figure).count(f">{name}<") == 3


@pytest.mark.parametrize(
    ("value", "text"), [(12345, "12,345"), (0.08314159, "0.08314"), (3.0, "3"), (None, "-"), ("text", "text")]
)
def test_numbers_are_written_for_people(value: object, text: str) -> None:
    assert page.number(value) == text


def test_a_value_that_a_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        page.render("validate/page.html")
