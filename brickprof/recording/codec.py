"""Recordings as JSON: the schema, its strict reader, and files that are replaced atomically.

Schema version 1 is an object of the fields of `Recording` under their own names, except that the
library's version is ``library_version`` and that ``schema`` and ``version`` say what the file is.
Levels are ``"MACRO"``, ``"MIDI"``, ``"MICRO"``; a histogram is a list of ``[bucket, count]``.
Unknown fields are ignored, so that a later minor writer may add some: ``teams``,
``footprint_bytes`` and ``isas`` of a brick are such, and may be missing.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from dataclasses import fields, is_dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

from brickprof.core.errors import MachineError, RecordingError, RoofsError
from brickprof.core.histograms import BUCKETS, Histogram
from brickprof.core.json_reader import Node
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording import (
    BrickInfo,
    ClockInfo,
    Overhead,
    Recording,
    TeamTimes,
    TileEvent,
)
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import Roofs

SCHEMA = "brickprof-recording"
"""What the field ``schema`` of every saved recording says."""

VERSION = 1
"""The newest schema version that this library writes and reads."""


def to_json(recording: Recording) -> dict[str, Any]:
    """Return a recording as a dict of JSON values.

    Parameters
    ----------
    recording : Recording
        What to describe.

    Returns
    -------
    dict
        Made of dicts, lists, strings, numbers, booleans and None alone.

    Raises
    ------
    TypeError
        If `recording` is no Recording.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {type(recording).__name__}")
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "library_version": recording.version,
        "created": recording.created,
        "clock": _plain(recording.clock),
        "overhead": _plain(recording.overhead),
        "machine": recording.machine and recording.machine.to_json(),
        "roofs": recording.roofs and recording.roofs.to_json(),
        "sample_every": recording.sample_every,
        "open_tiles": recording.open_tiles,
        "abandoned_tiles": recording.abandoned_tiles,
        "brick_infos": [_plain(info) for info in recording.brick_infos],
        "tiles": [_plain(tile) for tile in recording.tiles],
        "events": [_plain(event) for event in recording.events],
        "events_dropped": recording.events_dropped,
    }


def from_json(data: object) -> Recording:
    """Return the recording that `to_json` described.

    Parameters
    ----------
    data : object
        What `to_json` returned, after any number of trips through JSON.

    Returns
    -------
    Recording
        Equal to the one that was described.

    Raises
    ------
    RecordingError
        If a field is missing, of the wrong type, out of range or at odds with another, or the
        schema is unknown; the message names the field.
    """
    root = Node(data, "")
    _check_schema(root)
    infos = tuple(_brick_info(node) for node in root["brick_infos"].items())
    known = {info.name for info in infos}
    if len(known) < len(infos):
        root["brick_infos"].fail("distinct names")
    return Recording(
        tiles=_tiles(root["tiles"], known),
        brick_infos=infos,
        clock=_clock(root["clock"]),
        overhead=_overhead(root["overhead"]),
        machine=_machine(root["machine"]),
        roofs=_roofs(root["roofs"]),
        sample_every=root["sample_every"].integer(1),
        open_tiles=root["open_tiles"].integer(),
        abandoned_tiles=root["abandoned_tiles"].integer(),
        events=tuple(_event(node, known) for node in root["events"].items()),
        events_dropped=root["events_dropped"].integer(),
        created=root["created"].text(empty=True),
        version=root["library_version"].text(empty=True),
    )


def save_recording(recording: Recording, path: str | PathLike[str]) -> Path:
    """Write a recording to a file in one step, so that a reader sees the old or the new one.

    Parameters
    ----------
    recording : Recording
        What to save.
    path : str or PathLike
        The file; its folder must exist.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        If `recording` is no Recording.
    RecordingError
        If the recording could not be loaded again; the message names the field.
    OSError
        If the file cannot be written. In all these cases an older file is left as it was.
    """
    data = to_json(recording)
    from_json(data)
    content = json.dumps(data, allow_nan=False).encode() + b"\n"
    target = Path(path)
    temporary = target.parent / f".brickprof-{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            # The reader knows the target, not the temporary file beside it.
            raise OSError(error.errno, error.strerror or str(error), str(target)) from error
        raise
    return target


def read_recording(path: str | PathLike[str]) -> Recording:
    """Read a recording from a file.

    Parameters
    ----------
    path : str or PathLike
        The file.

    Returns
    -------
    Recording
        Equal to the one that was saved.

    Raises
    ------
    RecordingError
        If the file is damaged, or is no recording of a known schema; the message names the file
        and the field.
    OSError
        If the file cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return from_json(json.loads(content.decode(), parse_constant=_refuse_constant))
    except RecordingError as error:
        raise RecordingError(f"{os.fspath(path)}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{os.fspath(path)}: not a JSON text: {error}") from error


def _refuse_constant(literal: str) -> NoReturn:
    """Refuse the literals NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{literal} is no JSON number")


def _plain(part: Any) -> dict[str, Any]:
    """Return a dataclass as a dict of JSON values."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    for name, value in values.items():
        if isinstance(value, TileLevel):
            values[name] = value.name
        elif name == "histogram":
            values[name] = [list(pair) for pair in value]
        elif isinstance(value, tuple):
            values[name] = [_plain(one) if is_dataclass(one) else one for one in value]
    return values


def _check_schema(root: Node) -> None:
    """Raise RecordingError unless this is a recording of a version that can be read."""
    schema, version = root["schema"], root["version"]
    if schema.value != SCHEMA:
        schema.fail(repr(SCHEMA))
    number = version.integer(1)
    if number > VERSION:
        raise RecordingError(
            f"version: schema version {number} was written by a newer brickprof; "
            f"this one reads up to version {VERSION}"
        )


def _clock(node: Node) -> ClockInfo:
    """Read the clock."""
    return ClockInfo(
        source=node["source"].text(),
        ns_per_tick=node["ns_per_tick"].real(),
        reason=node["reason"].text(empty=True),
    )


def _overhead(node: Node) -> Overhead:
    """Read the cost of the timer."""
    return Overhead(**{field.name: node[field.name].real() for field in fields(Overhead)})


def _machine(node: Node) -> Machine | None:
    """Read the machine, if there is one."""
    try:
        return None if node.value is None else Machine.from_json(node.value)
    except MachineError as error:
        raise RecordingError(f"machine: {error}") from error


def _roofs(node: Node) -> Roofs | None:
    """Read the roofs, if there are any."""
    try:
        return None if node.value is None else Roofs.from_json(node.value)
    except RoofsError as error:
        raise RecordingError(f"roofs: {error}") from error


def _brick_info(node: Node) -> BrickInfo:
    """Read what is known of a brick."""
    return BrickInfo(
        name=node["name"].text(),
        calls=node["calls"].integer(),
        wall_ns=node["wall_ns"].integer(),
        threads=node["threads"].integer(),
        dtypes=tuple(dtype.text() for dtype in node["dtypes"].items()),
        teams=_teams(node.optional("teams", [])),
        footprint_bytes=_footprints(node.optional("footprint_bytes", [0] * len(TileLevel))),
        isas=tuple(isa.text() for isa in node.optional("isas", []).items()),
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


def _tiles(node: Node, known: set[str]) -> tuple[TileStats, ...]:
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


def _event(node: Node, known: set[str]) -> TileEvent:
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
