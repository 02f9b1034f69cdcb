"""Comparisons in every output: what they say, and that no name in them is markup."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from support.made_runs import run_of

from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import printable
from brickprof.diagnose.comparison import Comparison, compare_recordings
from brickprof.reports import layout
from brickprof.reports.comparison_html import MAX_LINES as MAX_HTML_LINES
from brickprof.reports.comparison_markdown import MAX_LINES
from brickprof.reports.comparisons import output_for, render_comparison

TEXTS = ("text", "json", "markdown", "html")
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>'\"",
    "a|b`c`\\|d\n# e",
    "**b** @everyone #1 http://x.org",
    "\x1b[31m\u202e\ud800",
    "[bold]x" * 2000,
)


class Page(HTMLParser):
    """Tags and cells of a page, all of them closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "td" in self.open:
            self.cells[-1] += data


def slower(name: str = "k") -> Comparison:
    """Return the comparison of a run with one whose Midi tiles are slower."""
    after = run_of(1, {TileLevel.MIDI: 1.0}, brick=name)
    return compare_recordings(run_of(0, brick=name), after)


def rendered(output: str, comparison: Comparison, *names: list[str], **options: object) -> str:
    """Return a comparison as an output that is text."""
    text = render_comparison(output, comparison, *names, **options)
    assert isinstance(text, str)
    return text


def test_pictures_say_the_verdict() -> None:
    comparison = slower()
    svg = rendered("svg", comparison, ["a"], ["b"])
    assert "Comparison: slower" in svg
    png = render_comparison("png", comparison, ["a"], ["b"])
    assert isinstance(png, bytes) and png.startswith(b"\x89PNG")


@pytest.mark.parametrize("output", TEXTS)
def test_the_verdict_comes_first(output: str) -> None:
    comparison = slower()
    assert comparison.headline.startswith("k is ") and "slower" in comparison.headline
    assert comparison.headline.endswith(", in Midi.")
    text = rendered(output, comparison, ["a.json"], ["b.json"], fail_above=0.05)
    if output == "markdown":
        assert text.splitlines()[0].startswith("**k is ")
    if output == "text":
        assert text.splitlines()[3] == comparison.headline
        assert max(map(len, text.splitlines())) <= layout.WIDTH
    if output == "json":
        assert json.loads(text)["headline"] == comparison.headline
    if output == "html":
        texts = Page(text).texts
        assert texts.index("Comparison: slower") < texts.index(comparison.headline)
    assert "Over the limit: slower by more than 5 % for certain" in text or output == "json"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_literally(name: str) -> None:
    comparison = slower(name)
    assert len(comparison.headline) < 200
    shown = {output: rendered(output, comparison, [name], [name]) for output in TEXTS}
    for text in shown.values():
        assert all(char == "\n" or char.isprintable() for char in text)
        text.encode()
    page = Page(shown["html"])
    assert page.tags.count("script") == 1 and "img" not in page.tags
    assert printable(name) in page.cells
    tokens = MarkdownIt("commonmark").enable("table").parse(shown["markdown"])
    inside = [child for token in tokens for child in token.children or ()]
    assert not {"link_open", "image", "softbreak"} & {child.type for child in inside}
    html = {child.content for child in inside if child.type == "html_inline"}
    assert html <= {"<code>", "</code>"}
    assert not any(token.type == "heading_open" for token in tokens)


def test_cells_are_those_of_the_text() -> None:
    comparison = slower()
    text = rendered("text", comparison, ["a"], ["b"])
    page = Page(rendered("html", comparison, ["a"], ["b"]))
    changes = [cell for cell in page.cells if " to " in cell]
    assert len(changes) == 7
    assert all(cell in text for cell in changes)


def test_many_bricks_are_cut_where_people_read() -> None:
    runs = [run_of(0, brick=f"k{number}", calls=8) for number in range(30)]
    infos = tuple(sorted((one.brick_infos[0] for one in runs), key=lambda info: info.name))
    rows = (tile for one in runs for tile in one.tiles)
    tiles = tuple(sorted(rows, key=lambda tile: (tile.brick, tile.level)))
    many = replace(runs[0], brick_infos=infos, tiles=tiles)
    comparison = compare_recordings(many, many)
    text = rendered("markdown", comparison, ["a"] * 20, ["b"])
    assert len(text) < 65536
    assert f"and {30 * 7 - MAX_LINES} more lines" in text
    assert "and 12 more" in text
    assert len(json.loads(rendered("json", comparison, ["a"], ["b"]))["rows"]) == 120
    assert MAX_HTML_LINES > MAX_LINES


@pytest.mark.parametrize("path", ["x.pdf", "txt", "x.json.gz"])
def test_unknown_outputs_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path must end in one of"):
        output_for(path)
    with pytest.raises(ValueError, match="output must be one of"):
        rendered("pdf", slower(), ["a"], ["b"])
