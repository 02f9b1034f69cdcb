"""The HTML page is whole, loads nothing, and its figures are those of the report."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from support.made_recordings import healthy_tiles, made
from support.report_cases import RECORDINGS

from brickprof.recording import BrickInfo, Recording
from brickprof.reports import Report, render
from brickprof.reports.html_tables import MAX_BRICKS, level_anchor

VOID = {"meta", "source", "img", "link", "br"}
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "a\nb\x1b[31m\u202e\ud800",
    "&lt;&amp;",
    "x" * 10_000,
    "\N{ROCKET} \u05d0\u05d1",
)


class Page(HTMLParser):
    """What a page holds: tags with their attributes, texts, and whether all tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self) -> list[str]:
        """Return the ids of all elements."""
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


def page_of(recording: Recording) -> Page:
    """Return the page of a recording."""
    shown = render("html", recording)
    assert isinstance(shown, str)
    assert len(shown) < 2_000_000
    return Page(shown)


@pytest.mark.parametrize("case", sorted(RECORDINGS))
def test_pages_are_whole_and_load_nothing(case: str) -> None:
    page = page_of(RECORDINGS[case])
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/svg+xml;base64,", "#")), tag
        assert not any(name.startswith("on") for name in attributes)
    ids = page.ids()
    assert len(set(ids)) == len(ids)
    targets = [attributes["href"] or "" for attributes in page.all("a")]
    assert all(target.removeprefix("#") in ids for target in targets)
    policy = [one["content"] or "" for one in page.all("meta") if "http-equiv" in one]
    assert "default-src 'none'" in policy[0]


def test_every_level_has_a_row_with_its_figures() -> None:
    recording = made(healthy_tiles(30.0))
    page, report = page_of(recording), Report.of(recording)
    values = [one["data-value"] for one in page.all("td") if "data-value" in one]
    for number, brick in enumerate(report.summary.bricks):
        for level in brick.levels:
            assert level_anchor(number, level.level.label) in page.ids()
            for figure in (level.gflops, level.intensity, level.avg_ns, float(level.stats.count)):
                assert repr(figure) in values


def test_findings_point_to_their_rows() -> None:
    recording = RECORDINGS["compute-bound"]
    page, report = page_of(recording), Report.of(recording)
    items = [one["id"] for one in page.all("li") if "id" in one]
    assert items == [f"finding-{number}" for number in range(1, len(report.findings) + 1)]
    linked = [one for one in page.all("a") if (one["href"] or "").startswith("#level-")]
    assert len(linked) == sum(finding.level is not None for finding in report.findings)
    for finding in report.findings:
        assert ("code", finding.code) in page.texts


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_texts(name: str) -> None:
    recording = made(healthy_tiles(30.0, brick=name))
    info = replace(recording.brick_infos[0], name=name)
    assert recording.machine is not None
    hostile = replace(
        recording,
        brick_infos=(info,),
        version=name,
        machine=replace(recording.machine, cpu=name),
        clock=replace(recording.clock, reason=name),
    )
    page = page_of(hostile)
    assert len(page.all("script")) == 1
    assert len(page.all("img")) == 3
    text = "".join(data for tag, data in page.texts if tag not in ("script", "style"))
    assert all(char == "\n" or char.isprintable() for char in text)


def test_pictures_are_there_in_light_and_dark_with_a_text_in_their_place() -> None:
    page = page_of(made(healthy_tiles(30.0)))
    dark = [one["srcset"] or "" for one in page.all("source")]
    light = [one["src"] or "" for one in page.all("img")]
    assert len(dark) == len(light) == 3
    for address in (*dark, *light):
        svg = base64.b64decode(address.partition(",")[2])
        assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert set(dark).isdisjoint(light)
    assert all(len(one["alt"] or "") > 40 for one in page.all("img"))


def test_a_page_of_many_bricks_says_what_it_leaves_out() -> None:
    infos = tuple(BrickInfo(f"b{number:05}", 1, 100 + number, 1) for number in range(2000))
    recording = replace(made(), brick_infos=infos)
    page = page_of(recording)
    text = "".join(data for _, data in page.texts)
    assert f"The {MAX_BRICKS} bricks of most wall time, of 2,000" in text


def test_columns_can_be_sorted_by_what_they_bring_along() -> None:
    page = page_of(made(healthy_tiles(30.0)))
    heads = [one for one in page.all("th") if one.get("scope") == "col"]
    assert len(page.all("button")) == len(heads) > 0
    for one in page.all("button"):
        assert one["type"] == "button" and len(one["title"] or "") > 20
    numbers = [one["data-value"] or "" for one in page.all("td") if "data-value" in one]
    assert all(re.fullmatch(r"[0-9.e+-]+", number) for number in numbers)
