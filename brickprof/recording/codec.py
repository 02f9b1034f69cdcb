"""The parts of a recording to and from JSON values.

Levels are ``"MACRO"``, ``"MIDI"``, ``"MICRO"``; a histogram is a list of ``[bucket, count]``. The
fields ``teams`` and ``footprint_bytes`` of a brick are newer than the others and may be missing.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from brickprof.core.errors import MachineError, RecordingError, RoofsError
from brickprof.core.histograms import BUCKETS, Histogram
from brickprof.core.json_reader import Node
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording.parts import BrickInfo, ClockInfo, Overhead, TeamTimes, TileEvent
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import Roofs


def plain(part: Any) -> dict[str, Any]:
    """Return a dataclass as a dict of JSON values."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    for name, value in values.items():
        if isinstance(value, TileLevel):
            values[name] = value.name
        elif name == "histogram":
            values[name] = [list(pair) for pair in value]
        elif isinstance(value, tuple):
            values[name] = [plain(one) if is_dataclass(one) else one for one in value]
    return values


def read_clock(node: Node) -> ClockInfo:
    """Read the clock."""
    return ClockInfo(
        source=node["source"].text(),
        ns_per_tick=node["ns_per_tick"].real(),
        reason=node["reason"].text(empty=True),
    )


def read_overhead(node: Node) -> Overhead:
    """Read the cost of the timer."""
    return Overhead(**{field.name: node[field.name].real() for field in fields(Overhead)})


def read_machine(node: Node) -> Machine | None:
    """Read the machine, if there is one."""
    try:
        return None if node.value is None else Machine.from_json(node.value)
    except MachineError as error:
        raise RecordingError(f"machine: {error}") from error


def read_roofs(node: Node) -> Roofs | None:
    """Read the roofs, if there are any."""
    try:
        return None if node.value is None else Roofs.from_json(node.value)
    except RoofsError as error:
        raise RecordingError(f"roofs: {error}") from error


def read_brick_info(node: Node) -> BrickInfo:
    """Read what is known of a brick."""
    return BrickInfo(
        name=node["name"].text(),
        calls=node["calls"].integer(),
        wall_ns=node["wall_ns"].integer(),
        threads=node["threads"].integer(),
        dtypes=tuple(dtype.text() for dtype in node["dtypes"].items()),
        teams=_teams(node.optional("teams", [])),
        footprint_bytes=_footprints(node.optional("footprint_bytes", [0] * len(TileLevel))),
    )


def _teams(node: Node) -> tuple[TeamTimes, ...]:
    """Read how busy the threads of a brick were, for each number of them."""
    teams: list[TeamTimes] = []
    for part in node.items():
        busy = tuple(time.integer() for time in part["busy_ns"].items())
        if len(busy) < 2 or busy != tuple(sorted(busy, reverse=True)):
            part["busy_ns"].fail("two times or more, longest first")
        if teams and len(busy) <= teams[-1].threads:
            part["busy_ns"].fail(f"more than {teams[-1].threads} times")
        teams.append(TeamTimes(part["calls"].integer(1), part["wall_ns"].integer(), busy))
    return tuple(teams)


def _footprints(node: Node) -> tuple[int, ...]:
    """Read what tiles hold in their caches, by level."""
    footprints = tuple(one.integer() for one in node.items())
    if len(footprints) != len(TileLevel):
        node.fail(f"a number for each of {len(TileLevel)} levels")
    return footprints


def read_tiles(node: Node, known: set[str]) -> tuple[TileStats, ...]:
    """Read all statistics, one at most for each brick and level."""
    tiles: dict[tuple[str | None, TileLevel], TileStats] = {}
    for part in node.items():
        tile = _tile(part, known)
        if (tile.brick, tile.level) in tiles:
            part.fail(f"one entry only for {tile.brick!r} {tile.level.name}")
        tiles[tile.brick, tile.level] = tile
    return tuple(tiles.values())


def _tile(node: Node, known: set[str]) -> TileStats:
    """Read the statistics of one brick and level."""
    sums = ("total_ns", "self_ns", "raw_total_ns", "raw_self_ns", "elements", "flops", "nbytes")
    count, timed = node["count"].integer(), node["timed"].integer()
    if timed > count:
        node["timed"].fail(f"an integer <= count ({count})")
    lowest, highest = node["min_ns"].integer(), node["max_ns"].integer()
    if lowest > highest:
        node["min_ns"].fail(f"an integer <= max_ns ({highest})")
    undeclared = node["undeclared"].integer()
    if undeclared > count:
        node["undeclared"].fail(f"an integer <= count ({count})")
    return TileStats(
        level=node["level"].level(),
        brick=node["brick"].brick(known),
        count=count,
        timed=timed,
        min_ns=lowest,
        max_ns=highest,
        undeclared=undeclared,
        histogram=_histogram(node["histogram"], timed),
        **{name: node[name].integer() for name in sums},
    )


def _histogram(node: Node, timed: int) -> Histogram:
    """Read a histogram of `timed` times."""
    pairs: list[tuple[int, int]] = []
    for pair in node.items():
        parts = pair.items()
        if len(parts) != 2:
            pair.fail("a pair of bucket and count")
        bucket, count = parts[0].integer(), parts[1].integer(1)
        if bucket >= BUCKETS:
            parts[0].fail(f"a bucket below {BUCKETS}")
        if pairs and bucket <= pairs[-1][0]:
            parts[0].fail(f"a bucket above {pairs[-1][0]}")
        pairs.append((bucket, count))
    if sum(count for _, count in pairs) != timed:
        node.fail(f"counts that sum to timed ({timed})")
    return tuple(pairs)


def read_event(node: Node, known: set[str]) -> TileEvent:
    """Read one tile on the time line."""
    start, stop = node["start_ns"].integer(), node["stop_ns"].integer()
    if stop < start:
        node["stop_ns"].fail(f"an integer >= start_ns ({start})")
    return TileEvent(
        start_ns=start,
        stop_ns=stop,
        thread=node["thread"].integer(),
        level=node["level"].level(),
        row=node["row"].integer(None),
        col=node["col"].integer(None),
        brick=node["brick"].brick(known),
    )
