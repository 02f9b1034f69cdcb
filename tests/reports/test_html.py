"""The HTML page is whole, loads nothing, and its figures are those of the report."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from support.entry_points import MICRO, pointer_of, tile_library
from support.made_recordings import ROOFS, healthy_tiles, made
from support.report_cases import RECORDINGS
from support.strategies import recordings

import brickprof as bp
from brickprof.core.levels import TileLevel
from brickprof.diagnose import Finding
from brickprof.recording import BrickInfo, Recording, TileEvent
from brickprof.reports import RENDERERS, Report, html_time_line, render
from brickprof.reports.anchors import MAX_BRICKS, finding_anchor, level_anchor
from brickprof.reports.finding_groups import grouped
from brickprof.reports.html_findings import MAX_FINDINGS, finding_items
from brickprof.reports.html_time_line import time_line
from brickprof.reports.picture_tables import table_behind
from brickprof.reports.pictures import PICTURES
from brickprof.reports.pictures.names import distinct_names

VOID = {"meta", "link", "br"}
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

    def links(self) -> list[str]:
        """Return what all links point to, those of pictures too."""
        return [one.get("href") or one.get("xlink:href") or "" for one in self.all("a")]

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
        for name in ("src", "srcset", "href", "xlink:href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("#"), tag
        assert not any(name.startswith("on") for name in attributes)
    ids = page.ids()
    assert len(set(ids)) == len(ids)
    assert all(target.removeprefix("#") in ids for target in page.links())
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
    about = [finding for finding in report.findings if finding.level is not None]
    assert about
    for finding in about:
        assert finding.level is not None
        row = level_anchor(0, finding.level.label)
        assert f"#{row}" in page.links()
        assert f"#{finding_anchor(report.findings.index(finding) + 1)}" in page.links()
        assert ("code", finding.code) in page.texts


def test_findings_rows_and_marks_point_to_each_other() -> None:
    recording = RECORDINGS["compute-bound"]
    page = page_of(recording)
    in_pictures = [one.get("xlink:href") for one in page.all("a") if "xlink:href" in one]
    levels = [level_anchor(0, level) for level in ("Macro", "Midi", "Micro")]
    for level in levels:
        assert in_pictures.count(f"#{level}") == 4  # roofline and bars, light and dark
    to_marks = [one["data-mark"] for one in page.all("a") if "data-mark" in one]
    assert to_marks and set(to_marks) <= set(levels)
    described = [
        one for one in page.all("path") if (one.get("aria-label") or "").startswith("gemm")
    ]
    assert any("GFLOP/s at" in (one["aria-label"] or "") for one in described)


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
        events=(TileEvent(10, 20, 0, TileLevel.MICRO, 1, 2, name),),
    )
    page = page_of(hostile)
    assert len(page.all("script")) == 2  # the page's, and the numbers of the time line
    assert not page.all("img")
    (numbers,) = [
        data
        for (tag, data), kind in zip(
            [one for one in page.texts if one[0] == "script"], page.all("script"), strict=True
        )
        if kind.get("type") == "application/json"
    ]
    assert len(json.loads(numbers)["bricks"]) == 1
    assert not set("<&") & set(numbers)
    text = "".join(data for tag, data in page.texts if tag not in ("script", "style"))
    assert all(char == "\n" or char.isprintable() for char in text)


def test_pictures_are_there_in_light_and_dark_with_a_text_in_their_place() -> None:
    shown = render("html", made(healthy_tiles(30.0)))
    assert isinstance(shown, str)
    page = Page(shown)
    drawn = re.findall(r'<div class="(light|dark)">(<svg.*?</svg>)', shown, re.DOTALL)
    assert [theme for theme, _ in drawn] == ["light", "dark"] * 3
    light, dark = (
        [ElementTree.fromstring(svg) for theme, svg in drawn if theme == wanted]
        for wanted in ("light", "dark")
    )
    for one, other in zip(light, dark, strict=True):
        assert one.tag.endswith("svg")
        assert ElementTree.tostring(one) != ElementTree.tostring(other)
    assert all(len(one["aria-label"] or "") > 40 for one in page.all("figure"))


def unpacked(lane: str) -> list[tuple[int, ...]]:
    """Return start, time, brick and level, row and column of a lane's tiles."""
    numbers, value, shift = [], 0, 0
    for byte in base64.b64decode(lane):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    assert shift == 0
    found, start = [], 0
    for after, *rest in zip(*[iter(numbers)] * 5, strict=True):
        start += after
        found.append((start, *rest))
    return found


@given(recordings())
def test_the_time_line_holds_every_tile_to_the_nanosecond(recording: Recording) -> None:
    section = "".join(time_line(Report.of(recording)))
    if not recording.events:
        assert section == ""
        return
    (content,) = re.findall(r'<script type="application/json">(.*?)</script>', section)
    data = json.loads(content)
    origin = min(event.start_ns for event in recording.events)
    drawn = {event.brick for event in recording.events}
    bricks = [brick.info.name for brick in Report.of(recording).summary.bricks]
    order = [name for name in bricks if name in drawn]
    names = distinct_names(order)
    found = [
        (
            names.index(data["bricks"][kind // 3]),
            kind % 3,
            row,
            col,
            int(lane["name"].split()[1].strip(",")),
            start,
            ns,
        )
        for lane in data["lanes"]
        for start, ns, kind, row, col in unpacked(lane["tiles"])
    ]
    assert sorted(found) == sorted(
        (
            order.index(event.brick),
            event.level.value,
            event.row,
            event.col,
            event.thread,
            event.start_ns - origin,
            max(event.stop_ns - event.start_ns, 0),
        )
        for event in recording.events
    )


def test_of_many_events_the_longest_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_time_line, "MAX_EVENTS", 3)
    events = tuple(TileEvent(100 * i, 101 * i, 0, TileLevel.MICRO, i, 0, "k") for i in range(9))
    page = Page("".join(time_line(Report.of(replace(made(), events=events)))))
    text = " ".join(data for _, data in page.texts)
    assert "3 tiles, by thread, the longest of 9." in text
    (numbers,) = [data for tag, data in page.texts if tag == "script"]
    (lane,) = json.loads(numbers)["lanes"]
    assert [tile[3] for tile in unpacked(lane["tiles"])] == [6, 7, 8]


def test_a_page_of_many_bricks_says_what_it_leaves_out() -> None:
    infos = tuple(BrickInfo(f"b{number:05}", 1, 100 + number, 1) for number in range(2000))
    recording = replace(made(), brick_infos=infos)
    page = page_of(recording)
    text = "".join(data for _, data in page.texts)
    assert f"The {MAX_BRICKS} bricks of most wall time, of 2,000" in text


def test_a_page_of_many_findings_says_what_it_leaves_out() -> None:
    findings = tuple(
        Finding(
            code="neither-roof",
            brick=None,
            level=None,
            symptom="slow",
            evidence="seen",
            figures=(),
            cause="Something.",
            action=f"Mend {letter}.",
            weight=1.0,
        )
        for letter in map(chr, range(0x4E00, 0x4E00 + MAX_FINDINGS + 20))
    )
    found = len(findings)
    page = Page(RENDERERS["html"].render(replace(Report.of(made()), findings=findings)))
    ids = page.ids()
    assert finding_anchor(MAX_FINDINGS) in ids and finding_anchor(MAX_FINDINGS + 1) not in ids
    assert all(link.removeprefix("#") in ids for link in page.links())
    text = "".join(data for _, data in page.texts)
    assert f"The first {MAX_FINDINGS} of {found}" in text


def test_findings_of_many_bricks_that_say_the_same_are_one_that_lists_them() -> None:
    many = [f"k{number:03}" for number in range(60)]
    tiles = tuple(one for name in many for one in healthy_tiles(2.0, brick=name))
    infos = tuple(BrickInfo(name, 1, 10**9, 1, dtypes=("float32",)) for name in many)
    page, report = (
        page_of(made(tiles, brick_infos=infos)),
        Report.of(made(tiles, brick_infos=infos)),
    )
    groups = grouped(report.findings)
    assert len(groups) < len(report.findings) / 10
    items = [one["id"] for one in page.all("li") if "id" in one]
    assert items == [finding_anchor(number + 1) for number in range(len(groups))]
    text = "".join(data for _, data in page.texts)
    assert "60 bricks" in text and "and 57 more" in text


def test_a_finding_about_a_whole_brick_points_to_its_first_row() -> None:
    finding = Report.of(RECORDINGS["compute-bound"]).findings[0]
    report = Report.of(RECORDINGS["compute-bound"])
    report = replace(report, findings=(replace(finding, level=None),))
    row = level_anchor(0, report.summary.bricks[0].levels[0].level.label)
    (item,) = finding_items(report)
    assert f'href="#{row}"' in item


def test_there_is_a_table_behind_each_picture() -> None:
    prof = bp.BrickProfiler(clock="manual", grid=4, events=9)
    prof.enable_tile_profiling()
    with prof.recorders("k", 2) as handles:
        for number, handle in enumerate(handles):
            address = pointer_of(handle)
            for row in range(3):
                tile_library().start(address, MICRO, row, 2)
                prof.advance(1000 * (1 + row + 10 * number))
                tile_library().stop(address, 1, 1, 1)
    report = Report.of(prof.recording())
    for picture in set(PICTURES) - {"roofline"}:
        behind = table_behind(report, picture)
        assert behind is not None, picture
        described = [
            row
            for part in _parts(PICTURES[picture](report))
            for row in part.get("data", {}).get("values", ())
        ]
        assert described, picture
    shown = {name: Page(table_behind(report, name) or "") for name in PICTURES}
    cells = {name: [data for _, data in page.texts] for name, page in shown.items()}
    assert {"k", "Micro", "42.0 µs", "100 %"} <= set(cells["times"])
    assert {"36.0 µs", "6.00 µs"} <= set(cells["thread-times"])
    assert {"85.7 %", "14.3 %"} <= set(cells["threads"])
    assert {"6.00", "7.00", "8.00"} <= set(cells["grids"])
    assert 5 <= cells["histograms"].count("k Micro") <= 6


def _parts(picture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a picture and all that it is made up of."""
    yield picture
    for kind in ("layer", "concat", "vconcat"):
        for part in picture.get(kind, ()):
            yield from _parts(part)


def test_figures_say_where_they_come_from() -> None:
    page = page_of(RECORDINGS["compute-bound"])
    figures = [one for one in page.all("span") if one.get("class") == "figure"]
    assert len(figures) > 8
    assert all(one["tabindex"] == "0" and (one["title"] or "").endswith(".") for one in figures)
    assert any("unrounded: gflops = " in (one["title"] or "") for one in figures)


def test_all_roofs_that_bricks_are_held_against_have_tables() -> None:
    ceilings = {"float32 no-fma": 40.0}
    roofs = replace(ROOFS, ceilings_gflops=ceilings, traffic_gbs={"L1 copy": 123.0})
    text = "".join(data for _, data in page_of(made(healthy_tiles(2.0), roofs=roofs)).texts)
    assert "no-fma" in text and "123" in text and "Ceilings inside the core" in text


def test_columns_can_be_sorted_by_what_they_bring_along() -> None:
    page = page_of(made(healthy_tiles(30.0)))
    heads = [one for one in page.all("th") if one.get("scope") == "col"]
    assert len(heads) > len(page.all("button")) > 10  # tables of roofs have none
    assert all(one["type"] == "button" for one in page.all("button"))
    assert all(len(one["title"] or "") > 9 for one in heads)
    numbers = [one["data-value"] or "" for one in page.all("td") if "data-value" in one]
    assert all(re.fullmatch(r"[0-9.e+-]+", number) for number in numbers)
