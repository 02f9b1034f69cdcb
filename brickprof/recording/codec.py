"""The parts of a recording to and from JSON values.

Levels are ``"MACRO"``, ``"MIDI"``, ``"MICRO"``; a histogram is a list of ``[bucket, count]``.
Fields that are read by `JsonValue.optional` are newer than the others and may be missing.
"""

from __future__ import annotations

import marshal
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from brickprof.core.dtypes import DTYPE_NAMES
from brickprof.core.errors import RoofsError
from brickprof.core.histograms import BUCKETS, Histogram
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_INTEGER
from brickprof.core.times import is_utc_time
from brickprof.machine import Machine
from brickprof.recording.call_times import LOG_BUCKETS, PARTS, CallTimes
from brickprof.recording.consistency import check_brick, check_row
from brickprof.recording.parts import (
    WORK_SOURCES,
    BrickInfo,
    ClockInfo,
    Overhead,
    TeamTimes,
    ThreadUsage,
    TileEvent,
)
from brickprof.recording.tile_grid import GridCell, SlowTile, TileGrid
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import Roofs

_MAX_ROOFS = 65536
"""Bytes of roofs that are kept to be recognized."""

_LEVELS = {level.name: level for level in TileLevel}


def plain(part: Any) -> dict[str, Any]:
    """Return a dataclass as a dict of JSON values."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    for name, value in values.items():
        if isinstance(value, TileLevel):
            values[name] = value.name
        elif isinstance(value, tuple):
            values[name] = [_plain_item(one) for one in value]
        elif is_dataclass(value):
            values[name] = plain(value)
    return values


def _plain_item(item: Any) -> Any:
    """Return an item of a tuple as a JSON value: a part, a pair of a histogram, or as it is."""
    if isinstance(item, tuple):
        return list(map(_plain_item, item))
    return plain(item) if is_dataclass(item) else item


def read_clock(value: JsonValue) -> ClockInfo:
    """Read the clock."""
    return ClockInfo(
        source=value["source"].text(),
        ns_per_tick=value["ns_per_tick"].real(),
        reason=value["reason"].text(empty=True),
        step_ns=value.optional("step_ns", 0.0).real(),
    )


def read_overhead(value: JsonValue) -> Overhead:
    """Read the cost of the timer."""
    costs = {}
    for name in (field.name for field in fields(Overhead)):
        newer = name.endswith("_error")
        costs[name] = (value.optional(name, 0.0) if newer else value[name]).real()
    return Overhead(**costs)


def read_created(value: JsonValue) -> str:
    """Read when a recording was made, if that is known."""
    text = value.text(empty=True)
    if text and not is_utc_time(text):
        value.fail("an ISO 8601 time in UTC")
    return text


def read_machine(value: JsonValue) -> Machine | None:
    """Read the machine, if there is one."""
    return None if value.value is None else Machine.from_json(value)


def read_abandoned_by(value: JsonValue, abandoned: int) -> tuple[tuple[str, int], ...]:
    """Read how many tiles were never stopped for each reason."""
    found = []
    for item in value.items():
        if len(item.values()) != 2:
            item.fail("[reason, tiles]")
        reason, tiles = item.items()
        found.append((reason.text(), tiles.integer(1)))
    if found != sorted(dict(found).items()):
        value.fail("distinct reasons, sorted")
    if sum(tiles for _, tiles in found) > abandoned:
        value.fail(f"at most abandoned_tiles ({abandoned}) in all")
    return tuple(found)


def read_roofs(value: JsonValue) -> Roofs | None:
    """Read the roofs, if there are any."""
    return None if value.value is None else _roofs(value)


def _roofs(value: JsonValue) -> Roofs:
    """Read roofs, which are the same in thousands of recordings of one machine."""
    with suppress(ValueError, RoofsError):  # which would not name the place of what is damaged
        # Unlike ==, it tells 1 from 1.0 and from True.
        text = marshal.dumps(value.value, 2)  # type: ignore[arg-type]  # what is no JSON raises
        if len(text) <= _MAX_ROOFS:
            return _roofs_of(text)
    return Roofs.from_json(value)


@lru_cache(maxsize=16)
def _roofs_of(text: bytes) -> Roofs:
    """Return the roofs that JSON values, which were read before, describe."""
    return Roofs.from_json(marshal.loads(text))


def read_more_roofs(value: JsonValue) -> tuple[Roofs, ...]:
    """Read the roofs of other thread counts, instruction sets and machines."""
    roofs = tuple(map(_roofs, value.items()))
    if len({one.kind for one in roofs}) < len(roofs):
        value.fail("roofs of distinct kinds")
    return roofs


def read_level(value: JsonValue) -> TileLevel:
    """Read the name of a tile level."""
    if not isinstance(value.value, str) or value.value not in _LEVELS:
        value.fail(f"one of {', '.join(_LEVELS)}")
    return _LEVELS[value.value]


def read_brick(value: JsonValue, known: set[str]) -> str:
    """Read the name of a known brick."""
    name = value.text()
    if name not in known:
        value.fail("the name of a brick in brick_infos")
    return name


def read_brick_info(value: JsonValue) -> BrickInfo:
    """Read what is known of a brick."""
    info = BrickInfo(
        name=value["name"].text(),
        calls=value["calls"].integer(),
        wall_ns=value["wall_ns"].integer(),
        threads=value["threads"].integer(1),
        dtypes=tuple(map(_dtype, value["dtypes"].items())),
        teams=_teams(value.optional("teams", [])),
        footprint_bytes=_by_level(value.optional("footprint_bytes", [0] * len(TileLevel))),
        isas=tuple(isa.text() for isa in value.optional("isas", []).items()),
        usage=tuple(map(_usage, value.optional("usage", []).items())),
        thread_self_ns=tuple(map(_by_level, value.optional("thread_self_ns", []).items())),
        call_times=_histogram(value.optional("call_times", [])),
        call_paces=_histogram(value.optional("call_paces", [])),
        parts_of_calls=tuple(map(_call_times, value.optional("parts_of_calls", []).items())),
        min_call_flops=value.optional("min_call_flops", 0).integer(),
        max_call_flops=value.optional("max_call_flops", 0).integer(),
        threads_inside=value.optional("threads_inside", 0).integer(),
        work_sources=tuple(map(_work_source, value.optional("work_sources", []).items())),
    )
    check_brick(value, info)
    return info


def _call_times(value: JsonValue) -> CallTimes:
    """Read how long one part of a brick's calls took."""
    if value["part"].value not in PARTS:
        value["part"].fail(f"one of {', '.join(PARTS)}")
    return CallTimes(
        part=value["part"].text(),
        times=_histogram(value["times"], LOG_BUCKETS),
        spread=value["spread"].integer(),
        paces=_histogram(value["paces"], LOG_BUCKETS),
        pace_spread=value["pace_spread"].integer(),
    )


def _dtype(value: JsonValue) -> str:
    """Read the name of an element type."""
    name = value.text()
    if name not in DTYPE_NAMES:
        value.fail(f"one of {', '.join(DTYPE_NAMES)}")
    return name


def _work_source(value: JsonValue) -> str:
    """Read where flops and bytes come from."""
    source = value.text()
    if source not in WORK_SOURCES:
        value.fail(f"one of {', '.join(WORK_SOURCES)}")
    return source


def _usage(value: JsonValue) -> ThreadUsage:
    """Read what the operating system saw of a thread."""
    names = [field.name for field in fields(ThreadUsage)]
    return ThreadUsage(**{name: value[name].integer() for name in names})


def _teams(value: JsonValue) -> tuple[TeamTimes, ...]:
    """Read how busy the threads of a brick were, for each number of them."""
    teams: list[TeamTimes] = []
    for part in value.items():
        busy = tuple(time.integer() for time in part["busy_ns"].items())
        if len(busy) < 2 or busy != tuple(sorted(busy, reverse=True)):
            part["busy_ns"].fail("two times or more, longest first")
        if teams and len(busy) <= teams[-1].threads:
            part["busy_ns"].fail(f"more than {teams[-1].threads} times")
        teams.append(TeamTimes(part["calls"].integer(1), part["wall_ns"].integer(), busy))
    return tuple(teams)


def _by_level(value: JsonValue) -> tuple[int, ...]:
    """Read a number for each level."""
    numbers = tuple(one.integer() for one in value.items())
    if len(numbers) != len(TileLevel):
        value.fail(f"a number for each of {len(TileLevel)} levels")
    return numbers


def read_tiles(value: JsonValue, known: set[str]) -> tuple[TileStats, ...]:
    """Read all statistics."""
    return tuple(_tile(part, known) for part in value.items())


_SUMS = (
    *("count", "timed", "total_ns", "self_ns", "raw_total_ns", "raw_self_ns", "min_ns", "max_ns"),
    *("elements", "flops", "nbytes", "undeclared"),
)
_NEWER_SUMS = (
    "total_error_ns",
    "self_error_ns",
    "loaded_bytes",
    "stored_bytes",
    "split",
    "min_work",
    "max_work",
)


def _tile(value: JsonValue, known: set[str]) -> TileStats:
    """Read the statistics of one brick and level."""
    tile = TileStats(
        level=read_level(value["level"]),
        brick=read_brick(value["brick"], known),
        histogram=_histogram(value["histogram"]),
        grid=_grid(value.optional("grid", None)),
        **{name: value[name].integer() for name in _SUMS},
        **{name: value.optional(name, 0).integer() for name in _NEWER_SUMS},
    )
    check_row(value, tile)
    return tile


def _grid(value: JsonValue) -> TileGrid | None:
    """Read tiles by row and column, if they were kept."""
    if value.value is None:
        return None
    return TileGrid(
        size=value["size"].integer(2),
        rows_per_cell=value["rows_per_cell"].integer(1),
        cols_per_cell=value["cols_per_cell"].integer(1),
        cells=tuple(GridCell(*_integers(cell, GridCell)) for cell in value["cells"].items()),
        slowest=tuple(SlowTile(*_integers(tile, SlowTile)) for tile in value["slowest"].items()),
    )


def _integers(value: JsonValue, kind: type[GridCell] | type[SlowTile]) -> tuple[int, ...]:
    """Read the fields of a named tuple."""
    if len(value.values()) != len(kind._fields):
        value.fail(f"[{', '.join(kind._fields)}]")
    return tuple(item.integer() for item in value.items())


def _histogram(value: JsonValue, buckets: int = BUCKETS) -> Histogram:
    """Read a histogram."""
    pairs, last = value.value, -1
    if type(pairs) is not list or not all(map(_is_pair, pairs)):
        return _histogram_by_parts(value, buckets)
    for bucket, count in pairs:
        if not (last < bucket < buckets and 0 < count <= MAX_INTEGER):
            return _histogram_by_parts(value, buckets)
        last = bucket
    return tuple(map(tuple, pairs))


def _is_pair(pair: object) -> bool:
    """Tell whether a JSON value is a list of two integers."""
    return type(pair) is list and [type(part) for part in pair] == [int, int]


def _histogram_by_parts(value: JsonValue, buckets: int) -> Histogram:
    """Read a histogram part by part, which is slow, so that an error names the part."""
    pairs: list[tuple[int, int]] = []
    for pair in value.items():
        if len(pair.values()) != 2:
            pair.fail("a pair of bucket and count")
        parts = tuple(pair.items())
        bucket, count = parts[0].integer(), parts[1].integer(1)
        if bucket >= buckets:
            parts[0].fail(f"a bucket below {buckets}")
        if pairs and bucket <= pairs[-1][0]:
            parts[0].fail(f"a bucket above {pairs[-1][0]}")
        pairs.append((bucket, count))
    return tuple(pairs)


def read_event(value: JsonValue, known: set[str]) -> TileEvent:
    """Read one tile on the time line."""
    start, stop = value["start_ns"].integer(), value["stop_ns"].integer()
    if stop < start:
        value["stop_ns"].fail(f"an integer >= start_ns ({start})")
    return TileEvent(
        start_ns=start,
        stop_ns=stop,
        thread=value["thread"].integer(),
        level=read_level(value["level"]),
        row=value["row"].integer(),
        col=value["col"].integer(),
        brick=read_brick(value["brick"], known),
    )
