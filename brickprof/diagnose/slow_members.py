"""Which hosts or processes of a run take longer for the same calls than the others, and why.

Each group's calls of a brick are held against those of all other groups with the same processor, by
the intervals of `brickprof.diagnose.change`. Other than between two builds, disturbances are what
is looked for: the mean is of all calls, not of the fastest, and the reference work that is timed
between calls makes no difference uncertain, but tells whether the cores are slower.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, median

from brickprof.core import metrics, units
from brickprof.core.histograms import Histogram, bucket_bounds
from brickprof.diagnose.change import Change, Verdict, change_of_difference, difference_of
from brickprof.diagnose.samples import RUN_STD, Sample, joined_samples
from brickprof.diagnose.usage import Usage
from brickprof.recording import BrickInfo, CallTimes, Recording
from brickprof.recording.call_times import REFERENCE, log_ns

MIN_SLOWER = 0.1
"""How much slower a group must be at least to be named: the whole interval is above it."""

MIN_SHARE = 0.02
"""Share of a group's wall time from which a brick is looked at."""

MIN_CALLS = 8
"""Calls of a brick from which a group is compared."""

_TOGETHER = 2.0
"""How much less calls tell than if each were disturbed on its own."""

_ALIKE_WORK = 1.1
"""Factor up to which the flops or elements of an average call count as the same work."""

_WAITED = 0.05
"""Share of its time that a thread waited for a processor beyond the others, to be a cause."""

_STOPPED = 0.02
"""Time that a quota stopped threads, or the host gave to others, over the wall time of bricks."""

_SLOWER_CORES = 0.05
"""How much longer the reference work took, to be a cause."""

Key = tuple[str, str]
"""A host and a process on it, or "" for all of the host."""


@dataclass(frozen=True, slots=True)
class Slow:
    """A brick of a host or a process that takes longer than on the others.

    Parameters
    ----------
    host : str
        The host.
    name : str
        The process; empty where all of the host is meant.
    brick : str
        The brick.
    change : Change
        Its time for a call over that of the others, with the interval.
    lost_ns : float
        Wall time in nanoseconds that it would have saved at the others' rate.
    causes : tuple of str
        What the recordings show of why, in clauses; empty where they do not tell.
    """

    host: str
    name: str
    brick: str
    change: Change
    lost_ns: float
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A brick of a group."""

    key: Key
    info: BrickInfo
    recording: Recording
    sample: Sample
    work: float
    per_flop: bool


def slow_groups(groups: Mapping[Key, Recording]) -> list[Slow]:
    """Return the bricks of groups that take longer than those of the other groups.

    Parameters
    ----------
    groups : mapping
        Recordings by host and process.
    """
    kinds: dict[str | None, dict[Key, Recording]] = {}
    for key, recording in groups.items():
        kind = None if recording.machine is None else recording.machine.fingerprint()
        kinds.setdefault(kind, {})[key] = recording
    bricks = [parts for kind in kinds.values() for parts in _comparable(kind)]
    tests = sum(len(parts) for parts in bricks)
    return [found for parts in bricks for found in _slow(parts, tests)]


def _comparable(groups: Mapping[Key, Recording]) -> Iterator[list[_Part]]:
    """Yield the parts of each brick that did the same work, where there are two or more."""
    by_brick: dict[str, list[_Part]] = {}
    for key, recording in groups.items():
        whole = sum(info.wall_ns for info in recording.brick_infos)
        for info in recording.brick_infos:
            if metrics.share(info.wall_ns, whole) < MIN_SHARE:
                continue
            part = _part(key, info, recording)
            if part is not None:
                by_brick.setdefault(info.name, []).append(part)
    for parts in by_brick.values():
        usual = median(part.work for part in parts)
        alike = [
            part
            for part in parts
            if usual / _ALIKE_WORK <= part.work <= usual * _ALIKE_WORK
            and part.per_flop == parts[0].per_flop
        ]
        if len(alike) > 1:
            yield alike


def _part(key: Key, info: BrickInfo, recording: Recording) -> _Part | None:
    """Return a brick of a group; None where its calls were too few."""
    paces = sum(count for _, count in info.call_paces)
    per_flop = paces == info.calls
    times = info.call_paces if per_flop else info.call_times
    calls = sum(count for _, count in times)
    if calls < MIN_CALLS:
        return None
    tiles = [tile for tile in recording.tiles if tile.brick == info.name]
    work = max((tile.flops or tile.elements for tile in tiles), default=0)
    return _Part(key, info, recording, _sample(times, calls), work / info.calls, per_flop)


def _sample(times: Histogram, calls: int) -> Sample:
    """Return the mean logarithm of calls as one run, which differs from others as runs do."""
    logs = [(math.log(max(sum(bucket_bounds(bucket)) / 2, 0.5)), n) for bucket, n in times]
    mean = sum(log * n for log, n in logs) / calls
    squares = sum(n * (log - mean) ** 2 for log, n in logs)
    error = math.sqrt(squares / (calls - 1) / calls)
    return Sample(((mean, 1),), math.hypot(RUN_STD, _TOGETHER * error))


def _slow(parts: list[_Part], tests: int) -> Iterator[Slow]:
    """Yield the parts of a brick that are slower than the others."""
    for part in parts:
        others = [one for one in parts if one is not part]
        basis = "time per flop" if part.per_flop else "time"
        difference = difference_of(joined_samples([one.sample for one in others]), part.sample)
        change = change_of_difference(difference, basis, tests)
        if change.verdict is not Verdict.SLOWER or not change.low or not change.ratio:
            continue
        if change.low <= 1 + MIN_SLOWER:
            continue
        lost_ns = part.info.wall_ns * (1 - 1 / change.ratio)
        yield Slow(*part.key, part.info.name, change, lost_ns, tuple(_causes(part, others)))


def _causes(part: _Part, others: list[_Part]) -> Iterator[str]:
    """Yield what the recordings show of why a part is slower."""
    waited, usually = _waited(part), median(map(_waited, others))
    if waited > usually + _WAITED:
        yield (
            f"its threads waited for a processor in {units.format_percent(waited)} of the time "
            f"(elsewhere {units.format_percent(usually)}): more threads run there than it has cores"
        )
    for name, text in (
        ("throttled_ns", "its control group's quota stopped its threads for"),
        ("steal_ns", "its virtual machine's host gave to others"),
    ):
        stopped, usually = _stopped(part, name), median(_stopped(one, name) for one in others)
        if stopped > usually + _STOPPED:
            yield f"{text} {units.format_ns(getattr(part.recording, name))}"
    ours, theirs = _reference(part), [one for one in map(_reference, others) if one is not None]
    if ours is not None and theirs:
        slower = metrics.share(ours, median(theirs))
        if slower > 1 + _SLOWER_CORES:
            yield (
                f"a fixed piece of work between its calls took {units.format_ratio(slower)} as "
                "long too: its cores are slower, by their frequency or by what shares them"
            )


def _waited(part: _Part) -> float:
    """Return the share of its time that a brick's threads waited for a processor."""
    usage = Usage.of(part.info)
    return usage.share(usage.preempted_ns) if usage else 0.0


def _stopped(part: _Part, name: str) -> float:
    """Return a time that a group's threads could not run over the wall time of its bricks."""
    whole = sum(info.wall_ns for info in part.recording.brick_infos)
    stopped: int = getattr(part.recording, name)
    return metrics.share(stopped, whole)


def _reference(part: _Part) -> float | None:
    """Return what the reference work took, as a number to compare; None where it was not timed."""
    times = _part_of(part.info, REFERENCE)
    if times is None:
        return None
    logs = [log_ns(bucket) for bucket, runs in times.times for _ in range(runs)]
    return math.exp(fmean(logs))


def _part_of(info: BrickInfo, part: str) -> CallTimes | None:
    """Return what a part of a brick's calls took."""
    return next((one for one in info.parts_of_calls if one.part == part), None)
