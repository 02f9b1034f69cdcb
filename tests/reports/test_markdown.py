"""Markdown shows what the report says, and nothing that a recording names is markup in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.made_recordings import MACHINE, healthy_tiles, made
from support.report_cases import RECORDINGS
from support.strategies import names, recordings

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.recording import BrickInfo, Recording
from brickprof.reports import Report, render
from brickprof.reports.findings_text import brick_name
from brickprof.reports.level_cells import COLUMNS, cells
from brickprof.reports.markdown import MAX_BRICKS, code, prose
from brickprof.reports.slowest_tiles import slowest_tiles

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

HOSTILE = (
    "<script>alert(1)</script>",
    "<!-- hidden",
    "a|b",
    "a\\|b",
    "`a`b``",
    "**bold** _it_ ~~no~~",
    "[link](http://x.y) ![i](z)",
    "http://example.org www.example.org me@example.org",
    "@everyone #1 :tada: $x$",
    "&amp; &#60;",
    "line\n\n# heading\n| a |\n",
    "\x1b[31m\u202e\ud800",
    "😀 עברית",
    "\\",
    " ",
    "x" * 10_000,
)


class Page(HTMLParser):
    """The elements and the text of a page, and its tables as rows of cells."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = self.outside_code = ""
        self.in_code = False
        self.tables: list[list[list[str]]] = []
        self.in_cell = False
        self.feed(GITHUB.render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag == "code":
            self.in_code = True
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False
        elif tag == "code":
            self.in_code = False

    def handle_data(self, data: str) -> None:
        self.text += data
        self.outside_code += "`" if self.in_code else data
        if self.in_cell:
            self.tables[-1][-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment hides text")


OURS = {
    "h2", "h3", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "ol", "ul", "li"
}  # fmt: skip
"""Elements that the output is made of."""


@given(recordings())
def test_tables_are_those_of_the_summary(recording: Recording) -> None:
    page = Page(str(render("markdown", recording)))
    assert page.elements <= OURS
    report = Report.of(recording)
    summary = report.summary
    heading = [title.strip() for title, _ in COLUMNS]
    expected = [
        [heading, *([" ".join(cell.split()) for cell in cells(row)] for row in brick.levels)]
        for brick in summary.bricks
        if brick.levels
    ]
    slowest = [list(one.cells()) for one in slowest_tiles(summary.bricks, 1)]
    more = bool(summary.categories) + bool(report.budgets)
    assert len(page.tables) == len(expected) + bool(slowest) + more
    assert page.tables[: len(expected)] == expected
    for row, shown in zip(slowest, page.tables[len(expected)][1:] if slowest else [], strict=True):
        assert shown[1:] == row[1:]
    if report.budgets:
        verdicts = [row[-1].partition(":")[0] for row in page.tables[-1][1:]]
        assert verdicts == [one.kept.value for one in report.budgets]
    if summary.categories:
        shares = [row[3] for row in page.tables[len(expected) + bool(slowest)][1:]]
        assert shares == [units.format_percent(one.share) for one in summary.categories]
    for brick in summary.bricks:
        assert " ".join(brick_name(brick.info.name).split()) in " ".join(page.text.split())


@pytest.mark.parametrize("name", RECORDINGS)
def test_findings_and_notes_are_shown(name: str) -> None:
    report = Report.of(RECORDINGS[name])
    page = Page(str(render("markdown", RECORDINGS[name])))
    assert page.elements <= OURS
    for finding in report.findings[:10]:
        for text in (finding.code, finding.symptom, finding.evidence, finding.cause):
            assert text in page.text
        assert finding.action in page.text
    bricks = report.summary.bricks
    for note in (*report.summary.notes, *(note for brick in bricks for note in brick.notes)):
        assert printable(note) in page.text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_literally(name: str) -> None:
    recording = made(
        healthy_tiles(30.0, brick=name),
        brick_infos=(BrickInfo(name, 3, 10**8, 1), BrickInfo(name + "2", 1, 5, 1)),
        version=name[:90],
        machine=replace(MACHINE, cpu=name + "!"),
    )
    text = str(render("markdown", recording))
    page = Page(text)
    assert page.elements <= OURS
    assert len(page.tables) == 1 and {len(row) for row in page.tables[0]} == {len(COLUMNS)}
    assert " ".join(brick_name(name).split()) in " ".join(page.text.split())
    assert len(text) < 20_000
    assert not re.search(r"@|:tada:|#1", page.outside_code)
    assert not re.search(r"www\.|://", re.sub(r"`[^`\n]*`|<code>.*?</code>", "", text))


@given(names | st.sampled_from(HOSTILE))
def test_code_is_one_element_with_the_name(name: str) -> None:
    page = Page(f"| a |\n|---|\n| x{code(name)} |\n")
    assert page.elements == {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert " ".join(page.tables[0][1][0].split()) == " ".join(f"x{brick_name(name)}".split())


@given(st.text() | st.text("@#:1a`*www./|&<"))
def test_prose_is_text(text: str) -> None:
    page = Page(f"| a |\n|---|\n| x{prose(text)}x |\n")
    assert page.elements <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert page.tables[0][1] == [f"x{printable(text)}x"]


def test_only_so_many_bricks_have_a_table() -> None:
    number = MAX_BRICKS + 2
    bricks = [f"kernel {one}" for one in range(number)]
    recording = made(
        [row for brick in bricks for row in healthy_tiles(3.0, brick)],
        brick_infos=tuple(BrickInfo(brick, 3, 10**7 - one, 1) for one, brick in enumerate(bricks)),
    )
    text = str(render("markdown", recording))
    assert len(Page(text).tables) == MAX_BRICKS
    assert "and 2 more bricks" in text and "and 19 more Micro: " in text


def test_nothing_recorded() -> None:
    page = Page(str(render("markdown", RECORDINGS["empty"])))
    assert page.tables == [] and "Nothing was recorded." in page.text
