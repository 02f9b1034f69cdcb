"""Recording: the frozen result of profiling, and the contract between profiler and reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import TypeVar

from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording.tile_stats import TileStats, sum_tile_stats
from brickprof.roofline import Roofs

DEFAULT_BRICK = "default"
"""The brick of tiles that were started outside any named brick."""

MIXED = "mixed"
"""The clock's source after a merge of recordings that were timed by different clocks."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """The clock that timed a recording.

    Parameters
    ----------
    source : str
        ``"tsc"``, ``"cntvct"``, ``"clock_gettime"``, ``"manual"``, or ``"mixed"`` after a merge
        of recordings that were timed differently.
    ns_per_tick : float
        Length of a tick in nanoseconds; 0.0 for ``"mixed"``.
    reason : str
        Why this clock was chosen.
    """

    source: str
    ns_per_tick: float
    reason: str


@dataclass(frozen=True, slots=True)
class Overhead:
    """Calibrated cost of a start/stop pair in nanoseconds, by the entry point that it went through.

    ``pair`` is what a pair costs the code around it, ``inside`` the part that falls between its
    two clock reads: the time that an empty tile shows. ``c`` is nogil code, ``python``
    start_tile/stop_tile, ``block`` ``with prof.tile(...)``.
    """

    c_pair: float = 0.0
    c_inside: float = 0.0
    python_pair: float = 0.0
    python_inside: float = 0.0
    block_pair: float = 0.0
    block_inside: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class TeamTimes:
    """Calls of a brick that shared out recorders to as many threads, added up.

    Parameters
    ----------
    calls : int
        How many they were.
    wall_ns : int
        Wall time from handing out the recorders to taking them back.
    busy_ns : tuple of int
        Time that the threads had tiles open in, as read from the clock, less what they are known
        to have waited in these: that of each call's busiest thread first, then that of its second
        busiest, and so on to the least busy.
    """

    calls: int
    wall_ns: int
    busy_ns: tuple[int, ...]

    @property
    def threads(self) -> int:
        """Number of the threads."""
        return len(self.busy_ns)


@dataclass(frozen=True, slots=True)
class BrickInfo:
    """A kernel that tiles were recorded for.

    Parameters
    ----------
    name : str
        Its name.
    calls : int
        How often it was entered; 0 for the default brick.
    wall_ns : int
        Wall time in nanoseconds between entering and leaving it, time that overlaps counted once;
        for the default brick the summed time of its outermost tiles.
    threads : int
        The most threads that worked on it.
    dtypes : tuple of str
        Element types that it was entered with, sorted.
    teams : tuple of TeamTimes
        Calls with recorders for two threads or more, one for each number of threads, ascending.
        Calls that failed or were sampled are left out.
    footprint_bytes : tuple of int
        By level, the most bytes that a tile was declared to hold in its cache to use again; 0
        where nothing was declared.
    isas : tuple of str
        Instruction sets that it was entered with, sorted; empty where its kernel tells none.
    """

    name: str
    calls: int
    wall_ns: int
    threads: int
    dtypes: tuple[str, ...] = ("float32",)
    teams: tuple[TeamTimes, ...] = ()
    footprint_bytes: tuple[int, ...] = (0,) * len(TileLevel)
    isas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class TileEvent:
    """One tile on the time line, in nanoseconds since the recording's origin."""

    start_ns: int
    stop_ns: int
    thread: int
    level: TileLevel
    row: int
    col: int
    brick: str


def summed_tiles(
    tiles: Iterable[TileStats], level: TileLevel, brick: str | None = None
) -> TileStats:
    """Add up the statistics of a level, of one brick or of all."""
    parts = [tile for tile in tiles if tile.level is level and brick in (None, tile.brick)]
    return sum_tile_stats(parts, level, brick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
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
    sample_every : int
        One tile in this many was timed.
    open_tiles : int
        Tiles that were still open, and are in no figure.
    abandoned_tiles : int
        Tiles that were never stopped (their thread ended, or an exception left them) and are in
        no figure.
    events : tuple of TileEvent
        The bounded list of single tiles, sorted by time.
    events_dropped : int
        Tiles that did not fit into that list.
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
    sample_every: int = 1
    open_tiles: int = 0
    abandoned_tiles: int = 0
    events: tuple[TileEvent, ...] = ()
    events_dropped: int = 0
    created: str = ""
    version: str = ""

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

        A level without tiles, and a brick that was never entered, give empty statistics.

        Raises
        ------
        TypeError
            If `level` is no TileLevel.
        """
        if not isinstance(level, TileLevel):
            raise TypeError(f"level must be a TileLevel, got {level!r}")
        return summed_tiles(self.tiles, level, brick)

    def with_roofs(self, roofs: Roofs | None) -> Recording:
        """Return the same recording held against other roofs."""
        return replace(self, roofs=roofs)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the recording as JSON, atomically, and return the path.

        Raises
        ------
        RecordingError
            If a field is of a type or value that could not be loaded again.
        OSError
            If the file cannot be written. In either case an older file is left as it was.
        """
        from brickprof.recording.codec import save_recording

        return save_recording(self, path)


def _agreed(values: Iterable[_T], otherwise: _T) -> _T:
    """Return the value that all share, or `otherwise`, which absorbs all others."""
    distinct = list(values)
    return distinct[0] if all(value == distinct[0] for value in distinct) else otherwise


def _merge_clocks(clocks: list[ClockInfo]) -> ClockInfo:
    """Return the shortest tick of clocks of one source: its length is calibrated anew each time."""
    sources = {clock.source for clock in clocks}
    if len(sources) == 1 and MIXED not in sources:
        return min(clocks, key=lambda clock: (clock.ns_per_tick, clock.reason))
    return _agreed(clocks, ClockInfo(MIXED, 0.0, "merged recordings"))


def _merge_machines(machines: list[Machine | None]) -> Machine | None:
    """Return one machine's facts, those of the run that might use most of its cores."""
    known = [machine for machine in machines if machine is not None]
    if len(known) < len(machines) or len({machine.fingerprint() for machine in known}) > 1:
        return None
    return min(known, key=lambda machine: (-machine.usable_cores, _canonical(machine)))


def _merge_roofs(roofs: list[Roofs | None]) -> Roofs | None:
    """Return the latest roofs of one machine, thread count, instruction set and element type."""
    known = [one for one in roofs if one is not None]
    kinds = {(one.fingerprint, one.threads, one.isa, one.dtype) for one in known}
    if len(known) < len(roofs) or len(kinds) > 1:
        return None
    return max(known, key=lambda one: (one.measured, _canonical(one)))


def _canonical(part: Machine | Roofs) -> str:
    """Return the one JSON text of a part, by which equals can be put in order."""
    return json.dumps(part.to_json(), sort_keys=True)


def _merge_infos(infos: list[BrickInfo]) -> BrickInfo:
    """Add up one brick's information."""
    return BrickInfo(
        name=infos[0].name,
        calls=sum(info.calls for info in infos),
        wall_ns=sum(info.wall_ns for info in infos),
        threads=max(info.threads for info in infos),
        dtypes=tuple(sorted({dtype for info in infos for dtype in info.dtypes})),
        teams=merge_teams(team for info in infos for team in info.teams),
        footprint_bytes=tuple(
            map(max, zip(*(info.footprint_bytes for info in infos), strict=True))
        ),
        isas=tuple(sorted({isa for info in infos for isa in info.isas})),
    )


def merge_teams(teams: Iterable[TeamTimes]) -> tuple[TeamTimes, ...]:
    """Add up what is known of teams with the same number of threads.

    The busiest threads of all calls are added to each other and so are the others, rank by rank,
    so that the sum over calls of what the busiest took is kept, whichever thread it was.
    """
    alike: dict[int, list[TeamTimes]] = {}
    for team in teams:
        alike.setdefault(team.threads, []).append(team)
    return tuple(
        TeamTimes(
            calls=sum(team.calls for team in alike[threads]),
            wall_ns=sum(team.wall_ns for team in alike[threads]),
            busy_ns=tuple(map(sum, zip(*(team.busy_ns for team in alike[threads]), strict=True))),
        )
        for threads in sorted(alike)
    )


def _merge_overheads(overheads: list[Overhead]) -> Overhead:
    """Take the largest of each cost."""
    names = [field.name for field in fields(Overhead)]
    return Overhead(**{name: max(getattr(one, name) for one in overheads) for name in names})


def merge_recordings(recordings: Iterable[Recording]) -> Recording:
    """Merge recordings: sums, minima, maxima and histograms; rates are never averaged.

    Associative and commutative bit for bit. Clocks agree when their source does, machines when
    their fingerprint does, roofs when machine, threads, instruction set and element type do; of
    those that agree one stands for all (the shortest tick, the machine with most usable cores,
    the latest roofs). What recordings disagree on is dropped rather than guessed.

    Parameters
    ----------
    recordings : iterable of Recording
        At least one.

    Returns
    -------
    Recording
        The sum.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If one is no Recording.
    """
    parts = list(recordings)
    if not parts:
        raise ValueError("recordings must hold at least one Recording")
    for part in parts:
        if not isinstance(part, Recording):
            raise TypeError(f"recordings must hold Recordings, got {type(part).__name__}")
    infos: dict[str, list[BrickInfo]] = {}
    tiles: dict[tuple[str, TileLevel], list[TileStats]] = {}
    for part in parts:
        for info in part.brick_infos:
            infos.setdefault(info.name, []).append(info)
        for tile in part.tiles:
            tiles.setdefault((tile.brick or DEFAULT_BRICK, tile.level), []).append(tile)
    return Recording(
        tiles=tuple(sum_tile_stats(tiles[key], key[1], key[0]) for key in sorted(tiles)),
        brick_infos=tuple(_merge_infos(infos[name]) for name in sorted(infos)),
        clock=_merge_clocks([p.clock for p in parts]),
        overhead=_merge_overheads([p.overhead for p in parts]),
        machine=_merge_machines([p.machine for p in parts]),
        roofs=_merge_roofs([p.roofs for p in parts]),
        sample_every=max(p.sample_every for p in parts),
        open_tiles=sum(p.open_tiles for p in parts),
        abandoned_tiles=sum(p.abandoned_tiles for p in parts),
        events=tuple(sorted(event for p in parts for event in p.events)),
        events_dropped=sum(p.events_dropped for p in parts),
        created=min(p.created for p in parts),
        version=_agreed((p.version for p in parts), MIXED),
    )


def load_recording(path: str | PathLike[str]) -> Recording:
    """Load a recording that was saved by `Recording.save`.

    Raises
    ------
    RecordingError
        If the file is damaged, or is no recording of a known schema; the message names the file
        and the field.
    OSError
        If the file cannot be read.
    """
    from brickprof.recording.codec import read_recording

    return read_recording(path)
