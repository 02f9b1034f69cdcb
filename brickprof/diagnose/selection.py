"""Selection: one finding for one cause, with what it would gain, most important first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from brickprof.core import metrics
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.summary import BrickSummary

EXPLAINS = 0.2
"""Share of a brick's time from which a cause explains what follows from it."""

HIDES = 0.4
"""Share of the time that was taken from threads from which rates tell nothing of their code, unless
its tiles are so short and many that the typical one is between two interruptions."""

BETWEEN_NS = 300_000
"""Nanoseconds of such a tile at most: a tenth of the scheduler's base slice."""

BETWEEN_TILES = 64
"""Timed tiles from which their median is that of tiles that were not interrupted."""

COUNTS = 0.1
"""Share of a brick's time from which what threads lose around tiles comes before their bounds."""

_BOUNDS = frozenset(
    {
        "compute-bound",
        "core-ceiling",
        "library-call",
        "memory-bound",
        "near-roof",
        "neither-roof",
        "store-bound",
    }
)

_CONSEQUENCES = {
    "above-roof": _BOUNDS,
    "footprint": _BOUNDS - {"near-roof"},
    "oversubscription": frozenset({"noisy-machine", "preempted", "thread-imbalance"}),
    "page-faults": _BOUNDS | {"noisy-machine", "outer-self-time", "variable-latency"},
    "preempted": frozenset({"noisy-machine", "variable-latency"}),
    "quota-ignored": frozenset({"noisy-machine", "preempted", "thread-imbalance"}),
    "tiles-too-short": _BOUNDS | {"noisy-machine", "outer-self-time", "variable-latency"},
    "thread-imbalance": frozenset({"waiting"}),
    "thread-overhead": frozenset({"waiting"}),
    "waiting": _BOUNDS | {"noisy-machine", "outer-self-time", "variable-latency"},
}
"""What each cause explains in the same brick, where it is about much of the time."""

_AROUND_TILES = frozenset(
    {
        "oversubscription",
        "page-faults",
        "quota-ignored",
        "thread-imbalance",
        "thread-overhead",
        "waiting",
    }
)
"""What threads lose around the tiles rather than in their loops."""

_IN_DOUBT = frozenset({"above-roof", "tiles-too-short"})
"""Findings that make the figures themselves doubtful, so that nothing else can be said of them."""

_OF_THE_MACHINE = frozenset({"noisy-machine", "noisy-roofs", "preempted"})
"""What the machine takes from a kernel; it comes after what the kernel itself loses."""

_OF_LIBRARIES = frozenset({"above-roof", "library-call", "page-faults"}) | _OF_THE_MACHINE
"""What is said of calls of a library, whose loops and threads are not the user's."""

_NO_ESTIMATE = frozenset({"above-roof", "near-roof", "noisy-roofs", "tiles-too-short"})
"""Findings whose weight is no time that could be saved."""


def select(findings: Sequence[Finding], brick: BrickSummary, steady: bool) -> list[Finding]:
    """Return the findings about a brick that no other one explains, with their gains.

    Parameters
    ----------
    findings : sequence of Finding
        What the rules found.
    brick : BrickSummary
        What they are about.
    steady : bool
        Whether the roofs can be trusted; otherwise nothing is near one.
    """
    if brick.info.threads_inside:
        findings = [finding for finding in findings if finding.code in _OF_LIBRARIES]
    time_ns = _time_of(brick)
    explained = {
        code
        for finding in findings
        if finding.weight >= EXPLAINS * time_ns or finding.code in _IN_DOUBT
        for code in _CONSEQUENCES.get(finding.code, ())
    }
    preempted = any(one.code == "preempted" and one.weight >= HIDES * time_ns for one in findings)
    kept = [
        finding
        for finding in findings
        if finding.code not in explained
        and (steady or finding.code != "near-roof")
        and not (preempted and finding.code in _BOUNDS and not _is_between(finding, brick))
    ]
    kept = [_behind(finding, kept, time_ns) for finding in kept]
    if len({finding.code for finding in kept}) > 1:
        kept = [finding for finding in kept if finding.code != "near-roof"]
    return [_with_gain(finding, time_ns) for finding in kept]


def _is_between(finding: Finding, brick: BrickSummary) -> bool:
    """Tell whether the typical tile of a finding's level is one that nothing interrupted."""
    return any(
        row.typical_ns <= BETWEEN_NS and row.stats.timed >= BETWEEN_TILES
        for row in brick.levels
        if row.level is finding.level
    )


def _behind(finding: Finding, others: Sequence[Finding], time_ns: float) -> Finding:
    """Return a bound of the tiles with no more weight than what threads lose around them.

    Threads that wait, or that do not run, lose their time whatever the tiles are bound by.
    """
    outer = [
        one.weight for one in others if one.code in _AROUND_TILES and one.weight >= COUNTS * time_ns
    ]
    if finding.code not in _BOUNDS or not outer:
        return finding
    return replace(finding, weight=min(finding.weight, 0.9 * min(outer)))


def importance(finding: Finding) -> tuple[bool, float, str, str, int]:
    """Return the key by which findings are sorted: the kernels' own first, then by time."""
    level = -1 if finding.level is None else int(finding.level)
    of_the_machine = finding.code in _OF_THE_MACHINE
    return of_the_machine, -finding.weight, finding.brick or "", finding.code, level


def _time_of(brick: BrickSummary) -> float:
    """Return the time of a brick on all of its threads, in nanoseconds."""
    in_tiles = sum(row.stats.self_ns for row in brick.levels)
    observed = sum(one.wall_ns for one in brick.info.usage)
    return float(max(in_tiles, observed, brick.info.wall_ns))


def _with_gain(finding: Finding, time_ns: float) -> Finding:
    """Return a finding with how many times as fast its brick would be without it."""
    left = time_ns - finding.weight
    if finding.code in _NO_ESTIMATE or left <= 0 or finding.weight <= 0:
        return finding
    return replace(finding, gain=metrics.share(time_ns, left))
