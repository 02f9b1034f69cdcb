"""Merges recordings: sums, minima, maxima and histograms; what they disagree on is dropped.

Recordings are taken one at a time and merged by the batch, and so are the sums: as the merge is
associative the result is that of all at once, in memory for a few batches of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import reduce
from itertools import zip_longest
from typing import TypeVar

from brickprof.core.checks import checked_items
from brickprof.core.histograms import merge_histograms
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording.brick_paths import merge_brick_paths
from brickprof.recording.budgets import merge_budgets
from brickprof.recording.call_times import merge_call_times
from brickprof.recording.checksums import merge_checksums
from brickprof.recording.parts import (
    DEFAULT_BRICK,
    MIXED,
    BrickInfo,
    ClockInfo,
    Overhead,
    TeamTimes,
    ThreadUsage,
    TileEvent,
)
from brickprof.recording.recording import Recording
from brickprof.recording.tile_stats import TileStats, sum_tile_stats
from brickprof.roofline import Roofs

_T = TypeVar("_T")

MAX_EVENTS = 2**18
"""Tiles on the time line of a merge: the earliest ones of all recordings, 50 MB of them."""

_BATCH = 64
"""Recordings, and sums of them, that are merged at a time."""


def merge_recordings(recordings: Iterable[Recording]) -> Recording:
    """Merge recordings: sums, minima, maxima and histograms; rates are never averaged.

    Associative and commutative bit for bit. Clocks agree when their source does, machines when
    their fingerprint does, roofs when machine, threads, instruction set and element type do; of
    those that agree one stands for all (the shortest tick, the machine with most usable cores,
    the latest roofs). What recordings disagree on is dropped rather than guessed, but for roofs:
    those of all kinds are in `Recording.more_roofs`. The time line keeps the earliest
    `MAX_EVENTS` tiles; the others are counted in `Recording.events_dropped`.

    Parameters
    ----------
    recordings : iterable of Recording
        At least one. Each is let go soon after it was taken, so that a generator such as
        ``map(brickprof.load_recording, paths)`` needs no more memory for more files.

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
    total = RunningMerge()
    for part in checked_items("recordings", recordings):
        total.add(part)
    if not total.count:
        raise ValueError("recordings must hold at least one Recording")
    return total.recording()


class RunningMerge:
    """A merge that recordings are added to one by one; see `merge_recordings`."""

    def __init__(self) -> None:
        self.count = 0
        self._sums: list[list[Recording]] = [[]]
        self._events = _TimeLine()

    def add(self, part: Recording) -> None:
        """Add a recording.

        Raises
        ------
        TypeError
            If it is none.
        """
        if not isinstance(part, Recording):
            raise TypeError(f"recordings must hold Recordings, got {type(part).__name__}")
        self.count += 1
        self._events.add(part)
        # Level n holds sums of _BATCH**n recordings: each recording is in one merge for each level.
        for level in range(len(self._sums)):
            self._sums[level].append(part)
            if len(self._sums[level]) < _BATCH:
                return
            part = _sum(self._sums[level])
            self._sums[level] = []
        self._sums.append([part])

    def recording(self) -> Recording:
        """Return the sum of what was added so far.

        Raises
        ------
        ValueError
            If that is nothing.
        """
        parts = [part for level in self._sums for part in level]
        if not parts:
            raise ValueError("nothing was added to the merge yet")
        events, dropped = self._events.earliest(None if self.count == 1 else MAX_EVENTS)
        return replace(_sum(parts), events=events, events_dropped=dropped)


class _TimeLine:
    """The earliest tiles of the time lines of many recordings."""

    def __init__(self) -> None:
        self._events: list[TileEvent] = []
        self._dropped = 0
        self._last: TileEvent | None = None

    def add(self, part: Recording) -> None:
        """Add the time line of a recording."""
        if len(self._events) > 2 * MAX_EVENTS:
            self._cut(MAX_EVENTS)
            self._last = self._events[-1]
        last, events = self._last, part.events
        early = events if last is None else [event for event in events if event <= last]
        self._events.extend(early)
        self._dropped += part.events_dropped + len(events) - len(early)

    def earliest(self, limit: int | None) -> tuple[tuple[TileEvent, ...], int]:
        """Return the earliest tiles, sorted, and how many others there were."""
        self._cut(limit)
        return tuple(self._events), self._dropped

    def _cut(self, limit: int | None) -> None:
        """Sort the tiles, and drop those beyond a limit."""
        self._events.sort()
        if limit is not None:
            self._dropped += len(self._events[limit:])
            del self._events[limit:]


def _sum(parts: Sequence[Recording]) -> Recording:
    """Merge recordings but for their time lines, which are left out."""
    infos: dict[str, list[BrickInfo]] = {}
    tiles: dict[tuple[str, TileLevel], list[TileStats]] = {}
    for part in parts:
        for info in part.brick_infos:
            infos.setdefault(info.name, []).append(info)
        for tile in part.tiles:
            tiles.setdefault((tile.brick or DEFAULT_BRICK, tile.level), []).append(tile)
    roofs, more_roofs = _merge_roofs(parts)
    return Recording(
        tiles=tuple(sum_tile_stats(tiles[key], key[1], key[0]) for key in sorted(tiles)),
        brick_infos=tuple(_merge_infos(infos[name]) for name in sorted(infos)),
        clock=_merge_clocks([p.clock for p in parts]),
        overhead=_merge_overheads([p.overhead for p in parts]),
        machine=_merge_machines([p.machine for p in parts]),
        roofs=roofs,
        more_roofs=more_roofs,
        sample_every=max(p.sample_every for p in parts),
        open_tiles=sum(p.open_tiles for p in parts),
        abandoned_tiles=sum(p.abandoned_tiles for p in parts),
        abandoned_by=_merge_counts(p.abandoned_by for p in parts),
        brickless_threads=sum(p.brickless_threads for p in parts),
        clock_steps_back=sum(p.clock_steps_back for p in parts),
        steal_ns=sum(p.steal_ns for p in parts),
        throttled_ns=sum(p.throttled_ns for p in parts),
        brick_paths=merge_brick_paths(path for p in parts for path in p.brick_paths),
        brick_paths_dropped=sum(p.brick_paths_dropped for p in parts),
        budgets=merge_budgets(budget for p in parts for budget in p.budgets),
        checksums=merge_checksums(checksum for p in parts for checksum in p.checksums),
        checksums_dropped=sum(p.checksums_dropped for p in parts),
        created=min(p.created for p in parts),
        version=_agreed((p.version for p in parts), MIXED),
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


def _merge_counts(parts: Iterable[tuple[tuple[str, int], ...]]) -> tuple[tuple[str, int], ...]:
    """Add up counts by name."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(dict(part))
    return tuple(sorted(total.items()))


def _agreed(values: Iterable[_T], otherwise: _T) -> _T:
    """Return the value that all share, or `otherwise`, which absorbs all others."""
    distinct = list(values)
    return distinct[0] if all(value == distinct[0] for value in distinct) else otherwise


def _merge_clocks(clocks: list[ClockInfo]) -> ClockInfo:
    """Return the shortest tick and the longest step of clocks of one source.

    Their lengths are measured anew each time.
    """
    sources = {clock.source for clock in clocks}
    if len(sources) == 1 and MIXED not in sources:
        # The tick of one without tiles was not measured.
        shortest = min(
            clocks, key=lambda clock: (not clock.ns_per_tick, clock.ns_per_tick, clock.reason)
        )
        return replace(shortest, step_ns=max(clock.step_ns for clock in clocks))
    return _agreed(clocks, ClockInfo(MIXED, 0.0, "merged recordings"))


def _merge_machines(machines: list[Machine | None]) -> Machine | None:
    """Return one machine's facts, those of the run that might use most of its cores."""
    known = [machine for machine in machines if machine is not None]
    if len(known) < len(machines) or len({machine.fingerprint() for machine in known}) > 1:
        return None
    most = max(machine.usable_cores for machine in known)
    return reduce(_first, (machine for machine in known if machine.usable_cores == most))


def _merge_roofs(parts: Sequence[Recording]) -> tuple[Roofs | None, tuple[Roofs, ...]]:
    """Return the latest roofs of the kind that all recordings have, and those of other kinds."""
    latest: dict[tuple[str, int, str, str], Roofs] = {}
    for one in (roofs for part in parts for roofs in (part.roofs, *part.more_roofs) if roofs):
        kind = one.kind
        latest[kind] = _later(latest.get(kind, one), one)
    kinds = {part.roofs and part.roofs.kind for part in parts}
    shared = kinds.pop() if len(kinds) == 1 else None
    roofs = latest.pop(shared) if shared else None
    return roofs, tuple(latest[kind] for kind in sorted(latest))


def _first(a: Machine, b: Machine) -> Machine:
    """Return the one whose JSON text is the first in order."""
    return a if a is b or a == b else min(a, b, key=_canonical)


def _later(a: Roofs, b: Roofs) -> Roofs:
    """Return the roofs that were measured later; of the same time, by their JSON text."""
    if a is b or a == b:
        return a
    return max(a, b, key=lambda roofs: (roofs.measured, _canonical(roofs)))


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
        usage=_merge_usage([info.usage for info in infos]),
        thread_self_ns=_merge_thread_times([info.thread_self_ns for info in infos]),
        call_times=merge_histograms(info.call_times for info in infos),
        call_paces=merge_histograms(info.call_paces for info in infos),
        parts_of_calls=merge_call_times(info.parts_of_calls for info in infos),
        min_call_flops=min(
            (info.min_call_flops for info in infos if info.parts_of_calls), default=0
        ),
        max_call_flops=max(info.max_call_flops for info in infos),
        threads_inside=max(info.threads_inside for info in infos),
        work_sources=tuple(sorted({source for info in infos for source in info.work_sources})),
    )


def _merge_usage(usages: list[tuple[ThreadUsage, ...]]) -> tuple[ThreadUsage, ...]:
    """Add up the threads of several runs rank by rank, the busiest ones first."""
    names = [field.name for field in fields(ThreadUsage)]
    ranks = zip_longest(*usages, fillvalue=ThreadUsage(0, 0))
    return tuple(
        ThreadUsage(**{name: sum(getattr(one, name) for one in rank) for name in names})
        for rank in ranks
    )


def _merge_thread_times(
    times: list[tuple[tuple[int, ...], ...]],
) -> tuple[tuple[int, ...], ...]:
    """Add up the self times of the threads of several runs rank by rank, level by level."""
    ranks = zip_longest(*times, fillvalue=(0,) * len(TileLevel))
    return tuple(tuple(map(sum, zip(*rank, strict=True))) for rank in ranks)


def _merge_overheads(overheads: list[Overhead]) -> Overhead:
    """Take the largest of each cost."""
    names = [field.name for field in fields(Overhead)]
    return Overhead(**{name: max(getattr(one, name) for one in overheads) for name in names})
