"""The time line of the HTML page: single tiles, drawn by the page's script from packed numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest

from brickprof.core import units
from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import printable
from brickprof.recording import TileEvent
from brickprof.reports.base import Report
from brickprof.reports.markup import Cell, Column, Markup, element, name_text, table
from brickprof.reports.pictures.names import distinct_names
from brickprof.reports.pictures.vega import PALETTE
from brickprof.reports.tracks import Track, time_line_note, tracks

MAX_EVENTS = 100_000
"""Tiles that are drawn, the longest: of more, a page takes over a megabyte."""

MAX_NAMES = 200
"""Bricks that have a name in the time line; the others share one."""

_LONGEST = 50
"""Tiles in the table behind the picture."""

_COLUMNS = (
    Column("Brick", "The kernel, as it was entered by name.", number=False),
    Column("Level", "The level of the tile.", number=False),
    Column("Row, column", "Its place in the tile around it, as declared.", number=False),
    Column("Time", "From its start to its stop by the clock; the timer's cost is in it."),
    Column("Thread", "Number of the thread, or task, that it ran in."),
    Column("Started at", "Since the first event."),
)

_LABEL = (
    "Time line of single tiles, a lane for each thread. Left and right go from tile to tile, up "
    "and down to the tile around and inside, page up and down to other lanes; plus and minus zoom, "
    "Home shows all. The tiles that took longest are in the table below."
)


def time_line(report: Report) -> Iterator[Markup]:
    """Yield the time line of a report's events; nothing where none were kept.

    Parameters
    ----------
    report : Report
        The report.
    """
    events = report.recording.events
    if not events:
        return
    shown = nlargest(MAX_EVENTS, events, key=_ns) if len(events) > MAX_EVENTS else events
    seen = {event.brick for event in shown}
    names = [brick.info.name for brick in report.summary.bricks if brick.info.name in seen]
    names += sorted(seen.difference(names))
    origin = min(event.start_ns for event in shown)
    yield element("h2", "Time line", id="time-line")
    notes = [f"{units.format_counted(len(shown), 'tile')}, by thread"]
    if len(events) > MAX_EVENTS:
        notes.append(f"the longest of {units.format_count(len(events))}")
    note = time_line_note(report.recording)
    yield element("p", f"{', '.join(notes)}. {note}".strip(), class_="dim")
    yield element("p", *_legend(names), class_="legend")
    yield element(
        "div",
        element("div", *map(_button, ("Zoom in", "Zoom out", "Show all")), class_="buttons"),
        element("canvas", tabindex="0", role="img", aria_label=_LABEL),
        element("output", "", aria_live="polite"),
        _data(tracks(shown), names, origin),
        class_="time-line",
    )
    yield longest_table(shown, origin)


def _ns(event: TileEvent) -> int:
    """Return how long a tile took by the clock; 0 where that stepped back."""
    return max(event.stop_ns - event.start_ns, 0)


def _button(title: str) -> Markup:
    """Return a button of the time line."""
    return element("button", title, type="button")


def _legend(names: Sequence[str]) -> Iterator[Markup]:
    """Yield the colors of the first bricks."""
    shown = distinct_names(list(names[: len(PALETTE)]))
    for name, color in zip(shown, PALETTE, strict=False):
        yield element("span", "", class_="swatch", style=f"background: {color}")
        yield Markup(element("span", name) + " ")
    if len(names) > len(shown):
        yield element("span", f"and {units.format_count(len(names) - len(shown))} more")


def _data(lanes: Sequence[Track], names: Sequence[str], origin: int) -> Markup:
    """Return the tiles as JSON that a page can hold."""
    numbers = {name: min(number, MAX_NAMES) for number, name in enumerate(names)}
    bricks = distinct_names(list(names[:MAX_NAMES]))
    if len(names) > MAX_NAMES:
        bricks.append("another brick")
    content = {
        "bricks": [printable(name) for name in bricks],
        "levels": [level.label for level in TileLevel],
        "colors": PALETTE,
        "lanes": [
            {"name": lane.name, "tiles": packed(lane.events, numbers, origin)} for lane in lanes
        ],
    }
    # Of the characters that would end a script or begin a comment, JSON needs none.
    plain = json.dumps(content).replace("<", "\\u003c").replace("&", "\\u0026")
    return element("script", Markup(plain), type="application/json")


def packed(events: Iterable[TileEvent], numbers: dict[str, int], origin: int) -> str:
    """Return a lane's tiles as numbers in base64.

    Each is five of variable length, seven bits in a byte, the lowest first (LEB128): nanoseconds
    since the start of the one before; nanoseconds that it took; three times the number of its
    brick, and its level; its row; its column.

    Parameters
    ----------
    events : iterable of TileEvent
        The tiles by start.
    numbers : dict of str to int
        Number of each brick.
    origin : int
        Nanoseconds that times are counted from.
    """
    content = bytearray()
    last = origin
    for event in events:
        for number in (
            event.start_ns - last,
            _ns(event),
            numbers[event.brick] * len(TileLevel) + event.level,
            event.row,
            event.col,
        ):
            while number >= 0x80:
                content.append(number & 0x7F | 0x80)
                number >>= 7
            content.append(number)
        last = event.start_ns
    return base64.b64encode(content).decode()


def longest_table(events: Sequence[TileEvent], origin: int) -> Markup:
    """Return the table of the tiles that took longest."""
    rows = (
        (
            None,
            (
                Cell(name_text(event.brick)),
                Cell(event.level.label),
                Cell(f"{event.row}, {event.col}"),
                Cell(units.format_ns(_ns(event)), float(_ns(event))),
                Cell(str(event.thread), float(event.thread)),
                Cell(units.format_ns(event.start_ns - origin), float(event.start_ns - origin)),
            ),
        )
        for event in nlargest(_LONGEST, events, key=_ns)
    )
    shown = table("Tiles on the time line that took longest", _COLUMNS, rows)
    return element("details", element("summary", "The tiles that took longest"), shown)
