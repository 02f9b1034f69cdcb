"""Recording: the frozen result of profiling, and the contract between profiler and reports.

In JSON, schema version 1 is an object of the fields of `Recording` under their own names, except
that the library's version is ``library_version`` and that ``schema`` and ``version`` say what the
file is. Unknown fields are ignored, so that a later minor version may add some.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from brickprof.core import units
from brickprof.core.checks import checked_path, short_repr
from brickprof.core.errors import RecordingError
from brickprof.core.files import read_json, write_json
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel, checked_level
from brickprof.core.notebook import ShownInNotebooks
from brickprof.core.plain_text import one_line
from brickprof.machine import Machine
from brickprof.recording.brick_paths import BrickPath
from brickprof.recording.budgets import Budget
from brickprof.recording.checksums import Checksum
from brickprof.recording.codec import (
    plain,
    read_abandoned_by,
    read_brick_info,
    read_clock,
    read_created,
    read_event,
    read_machine,
    read_more_roofs,
    read_overhead,
    read_roofs,
    read_tiles,
)
from brickprof.recording.consistency import (
    check_clock,
    check_events,
    check_order,
    check_sampling,
    check_thread_times,
)
from brickprof.recording.parts import DEFAULT_BRICK, BrickInfo, ClockInfo, Overhead, TileEvent
from brickprof.recording.program_codec import (
    check_brick_paths,
    check_budgets,
    check_checksums,
    read_brick_path,
    read_budget,
    read_checksum,
)
from brickprof.recording.tile_stats import TileStats, sum_tile_stats
from brickprof.roofline import Roofs

TileKey = tuple[str | None, TileLevel]
"""A brick, or None for all, and a level."""

SCHEMA = "brickprof-recording"
"""What the field ``schema`` of every saved recording says."""

VERSION = 1
"""The newest schema version that this library writes and reads."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recording(ShownInNotebooks):
    """What a profiler saw, compared by value.

    Parameters
    ----------
    tiles : tuple of TileStats
        One for each brick and level with tiles, sorted by brick and level.
    brick_infos : tuple of BrickInfo
        The bricks, sorted by name.
    clock : ClockInfo
        What timed it.
    overhead : Overhead
        What the timer cost, as calibrated.
    machine : Machine or None
        Where it ran; None when unknown or after a merge across machines.
    roofs : Roofs or None
        Measured roofs to hold it against.
    more_roofs : tuple of Roofs
        Those of other thread counts, instruction sets and machines that its bricks ran with.
    sample_every : int
        One tile in this many was timed.
    open_tiles : int
        Tiles that were still open, and are in no figure.
    abandoned_tiles : int
        Tiles that were never stopped (their thread ended, or an exception left them) and are in
        no figure.
    abandoned_by : tuple of (str, int)
        Why they were never stopped, such as ``"left by ValueError"``, sorted, with how many.
    brickless_threads : int
        Threads that began outside of any brick while another thread was in one.
    clock_steps_back : int
        Tiles during which the clock stepped back: that stopped before their start, and count as
        0 ns, or are shorter than the tiles inside.
    events : tuple of TileEvent
        The bounded list of single tiles, sorted by time.
    events_dropped : int
        Tiles that did not fit into that list.
    steal_ns, throttled_ns : int
        Time in nanoseconds, over all processors, that the host of a virtual machine gave to others,
        and that the control group's quota stopped its threads.
    brick_paths : tuple of BrickPath
        Calls of bricks by the path of those that they were entered inside, sorted.
    brick_paths_dropped : int
        Times that a brick was entered where there were too many paths, or too many bricks around
        it; its time is in the self time of what is around it.
    budgets : tuple of Budget
        Limits that bricks and categories are held to, sorted.
    checksums : tuple of Checksum
        What arrays held, in the order in which it was asked for.
    checksums_dropped : int
        Checksums that did not fit into that list.
    created : str
        ISO 8601 time, UTC.
    version : str
        Version of the library that made it.
    """

    tiles: tuple[TileStats, ...]
    brick_infos: tuple[BrickInfo, ...]
    clock: ClockInfo
    overhead: Overhead
    machine: Machine | None = None
    roofs: Roofs | None = None
    more_roofs: tuple[Roofs, ...] = ()
    sample_every: int = 1
    open_tiles: int = 0
    abandoned_tiles: int = 0
    abandoned_by: tuple[tuple[str, int], ...] = ()
    brickless_threads: int = 0
    clock_steps_back: int = 0
    events: tuple[TileEvent, ...] = ()
    events_dropped: int = 0
    steal_ns: int = 0
    throttled_ns: int = 0
    brick_paths: tuple[BrickPath, ...] = ()
    brick_paths_dropped: int = 0
    budgets: tuple[Budget, ...] = ()
    checksums: tuple[Checksum, ...] = ()
    checksums_dropped: int = 0
    created: str = ""
    version: str = ""
    _tiles_of: dict[TileKey, list[TileStats]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[TileKey, list[TileStats]] = {}
        for tile in self.tiles:
            if not isinstance(tile, TileStats):
                raise TypeError(f"tiles must be of TileStats, got {short_repr(tile)}")
            for brick in {tile.brick, None}:
                index.setdefault((brick, tile.level), []).append(tile)
        object.__setattr__(self, "_tiles_of", index)

    @property
    def bricks(self) -> tuple[str, ...]:
        """Names of the bricks, sorted."""
        return tuple(info.name for info in self.brick_infos)

    @property
    def isas(self) -> tuple[str, ...]:
        """Instruction sets that the bricks ran with, sorted; empty where none tells."""
        return tuple(sorted({isa for info in self.brick_infos for isa in info.isas}))

    def brick_info(self, brick: str) -> BrickInfo:
        """Return what is known of a brick as a whole.

        Raises
        ------
        KeyError
            If there is no such brick.
        """
        for info in self.brick_infos:
            if info.name == brick:
                return info
        raise KeyError(brick)

    def tile_stats(self, level: TileLevel, brick: str | None = None) -> TileStats:
        """Return the statistics of a level, of one brick or summed over all.

        A level without tiles gives empty statistics.

        Raises
        ------
        TypeError
            If `level` is no TileLevel, or `brick` no string.
        KeyError
            If no brick of that name was recorded.
        """
        checked_level(level)
        if brick is not None and not isinstance(brick, str):
            raise TypeError(f"brick must be a string or None, got {short_repr(brick)}")
        known = (brick, level) in self._tiles_of or brick in (None, DEFAULT_BRICK, *self.bricks)
        if not known:
            raise KeyError(brick)
        return sum_tile_stats(self._tiles_of.get((brick, level), ()), level, brick)

    def __repr__(self) -> str:
        """Return three lines: what ran, how many tiles, and what they may be held against."""
        wall_ns = max((info.wall_ns for info in self.brick_infos), default=0)
        names = units.listed([short_repr(name) for name in self.bricks[:3]])
        more = f" and {len(self.bricks) - 3} more" if len(self.bricks) > 3 else ""
        tiles = units.format_count(sum(tile.count for tile in self.tiles))
        machine = "unknown machine" if self.machine is None else short_repr(self.machine.cpu)
        roofs = "no roofs" if self.roofs is None else f"roofs of {self.roofs.measured_at}"
        return (
            f"<Recording of {names or 'no brick'}{more}, {self.created or 'of unknown time'}\n"
            f" {tiles} tiles, longest brick {units.format_ns(wall_ns)}\n"
            f" {machine}, {roofs}>"
        )

    def with_roofs(self, roofs: Roofs | None) -> Recording:
        """Return the same recording held against other roofs."""
        return replace(self, roofs=roofs, more_roofs=())

    def to_json(self) -> dict[str, Any]:
        """Return the recording as a dict of JSON values.

        Returns
        -------
        dict
            Made of dicts, lists, strings, numbers, booleans and None alone.
        """
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "library_version": self.version,
            "created": self.created,
            "clock": plain(self.clock),
            "overhead": plain(self.overhead),
            "machine": self.machine and self.machine.to_json(),
            "roofs": self.roofs and self.roofs.to_json(),
            "more_roofs": [roofs.to_json() for roofs in self.more_roofs],
            "sample_every": self.sample_every,
            "open_tiles": self.open_tiles,
            "abandoned_tiles": self.abandoned_tiles,
            "abandoned_by": [list(reason) for reason in self.abandoned_by],
            "brickless_threads": self.brickless_threads,
            "clock_steps_back": self.clock_steps_back,
            "brick_infos": [plain(info) for info in self.brick_infos],
            "tiles": [plain(tile) for tile in self.tiles],
            "events": [plain(event) for event in self.events],
            "events_dropped": self.events_dropped,
            "steal_ns": self.steal_ns,
            "throttled_ns": self.throttled_ns,
            "brick_paths": [plain(path) for path in self.brick_paths],
            "brick_paths_dropped": self.brick_paths_dropped,
            "budgets": [plain(budget) for budget in self.budgets],
            "checksums": [plain(checksum) for checksum in self.checksums],
            "checksums_dropped": self.checksums_dropped,
        }

    @classmethod
    def from_json(cls, data: object) -> Recording:
        """Return the recording that `to_json` described.

        Parameters
        ----------
        data : object
            What `to_json` returned, after any number of trips through JSON. Unknown fields are
            ignored at every depth.

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
        root = JsonValue.of(data, "recording", RecordingError)
        root.check_schema(SCHEMA, VERSION)
        infos = tuple(read_brick_info(info) for info in root["brick_infos"].items())
        known = {info.name for info in infos}
        abandoned = root["abandoned_tiles"].integer()
        recording = cls(
            tiles=read_tiles(root["tiles"], known),
            brick_infos=infos,
            clock=read_clock(root["clock"]),
            overhead=read_overhead(root["overhead"]),
            machine=read_machine(root["machine"]),
            roofs=read_roofs(root["roofs"]),
            more_roofs=read_more_roofs(root.optional("more_roofs", [])),
            sample_every=root["sample_every"].integer(1),
            open_tiles=root["open_tiles"].integer(),
            abandoned_tiles=abandoned,
            abandoned_by=read_abandoned_by(root.optional("abandoned_by", []), abandoned),
            brickless_threads=root.optional("brickless_threads", 0).integer(),
            clock_steps_back=root.optional("clock_steps_back", 0).integer(),
            events=tuple(read_event(event, known) for event in root["events"].items()),
            events_dropped=root["events_dropped"].integer(),
            steal_ns=root.optional("steal_ns", 0).integer(),
            throttled_ns=root.optional("throttled_ns", 0).integer(),
            brick_paths=tuple(
                read_brick_path(path, known) for path in root.optional("brick_paths", []).items()
            ),
            brick_paths_dropped=root.optional("brick_paths_dropped", 0).integer(),
            budgets=tuple(map(read_budget, root.optional("budgets", []).items())),
            checksums=tuple(map(read_checksum, root.optional("checksums", []).items())),
            checksums_dropped=root.optional("checksums_dropped", 0).integer(),
            created=read_created(root["created"]),
            version=root["library_version"].text(empty=True, longest=100),
        )
        recording._check(root)
        return recording

    def _check(self, root: JsonValue) -> None:
        """Refuse parts of a recording as read from `root` that contradict each other."""
        names = [info.name for info in self.brick_infos]
        check_order(root["brick_infos"], names, "distinct names, sorted", distinct=True)
        rows = [(tile.brick, tile.level) for tile in self.tiles]
        check_order(root["tiles"], rows, "one entry only for each, sorted", distinct=True)
        check_events(root["events"], self.events, self.tiles)
        check_thread_times(root["brick_infos"], self.brick_infos, self.tiles)
        check_brick_paths(root.optional("brick_paths", []), self.brick_paths, self.brick_infos)
        check_budgets(root.optional("budgets", []), self.budgets)
        check_checksums(root.optional("checksums", []), self.checksums)
        check_clock(root["clock"], self.clock, used=bool(self.tiles))
        if self.sample_every >= 1 << 64:
            root["sample_every"].fail("an integer below 2**64")
        check_sampling(root["tiles"], self.tiles, self.sample_every, self.clock_steps_back)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the recording as JSON in one step, so that a reader sees the old file or the new.

        Parameters
        ----------
        path : str or PathLike
            The file; its folder must exist.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RecordingError
            If the recording could not be loaded again; the message names the field.
        OSError
            If the file cannot be written. In either case an older file is left as it was.
        """
        data = self.to_json()
        self.from_json(data)
        return write_json(checked_path("path", path), data)


def load_recording(path: str | PathLike[str]) -> Recording:
    """Load a recording that was saved by `Recording.save`.

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
    file = checked_path("path", path)
    try:
        return Recording.from_json(read_json(file, RecordingError))
    except RecordingError as error:
        raise RecordingError(one_line(f"{os.fspath(path)}: {error}")) from error
