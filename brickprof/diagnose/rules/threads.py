"""Threads of a run: overhead, load imbalance, oversubscription."""

from __future__ import annotations

import math
from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.units import format_threads
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.machine import Machine
from brickprof.recording import DEFAULT_BRICK, TeamTimes

LARGE_WAIT = 0.2
"""Share of the wall time without a tile open on even the busiest thread above which threads cost
too much: with a processor for each thread it is below a sixth in the library's own kernels."""

AT_ONCE = 1.2
"""Wall time of a brick over that of the thread that was in it longest, up to which all of its
threads were in it at the same time."""

LARGE_IMBALANCE = 0.2
"""Share of the threads' time spent waiting for the busiest above which the load is imbalanced: it
is under a twentieth in the library's own kernels, and a fifth where one of two threads has 40 %
less to do than the other."""


MOSTLY_WAITING = 0.5
"""Share of their time that threads wait by their own doing above which they want no processor."""


@rule
def thread_overhead(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Much of the time of calls on several threads is spent outside any tile."""
    costly = [
        (team.threads * (team.wall_ns - team.busy_ns[0]), team)
        for team in _teams(brick, summary)
        if team.wall_ns - team.busy_ns[0] > LARGE_WAIT * team.wall_ns
    ]
    if not costly:
        return
    lost, team = max(costly, key=lambda pair: (pair[0], pair[1].threads))
    outside = team.wall_ns - team.busy_ns[0]
    share = metrics.share(outside, team.wall_ns)
    yield Finding(
        code="thread-overhead",
        brick=brick.info.name,
        level=None,
        symptom=f"{format_threads(team.threads)} in no tile for {units.format_percent(share)} of "
        "the time",
        evidence=f"the busiest had tiles open for {units.format_ns(team.busy_ns[0])} of "
        f"{units.format_ns(team.wall_ns)} in {units.format_counted(team.calls, 'call')}",
        figures=(
            ("threads", float(team.threads)),
            ("calls", float(team.calls)),
            ("wall_ns", float(team.wall_ns)),
            ("busiest_ns", float(team.busy_ns[0])),
            ("outside_share", share),
        ),
        cause="Thread overhead: starting threads, waking them up and waiting for them takes long "
        "beside the work of a call; or work is done outside the tiles, or something else had the "
        "processors.",
        action="Reduce threads (`brickprof sweep` shows how many are best), or give each call "
        "more work: fuse parallel regions.",
        weight=float(lost),
    )


@rule
def thread_imbalance(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """One thread is busy while others are idle."""
    imbalanced = []
    for team in _teams(brick, summary):
        slots = team.threads * team.busy_ns[0]
        idle = slots - sum(team.busy_ns)
        if idle > LARGE_IMBALANCE * slots:
            imbalanced.append((idle, team))
    if not imbalanced:
        return
    idle, team = max(imbalanced, key=lambda pair: (pair[0], pair[1].threads))
    share = metrics.share(idle, team.threads * team.busy_ns[0])
    mean = sum(team.busy_ns) // team.threads
    yield Finding(
        code="thread-imbalance",
        brick=brick.info.name,
        level=None,
        symptom=f"uneven shares for {format_threads(team.threads)}",
        evidence=f"the busiest had tiles open for {units.format_ns(team.busy_ns[0])}, the mean "
        f"thread for {units.format_ns(mean)} in {units.format_counted(team.calls, 'call')}: "
        f"{units.format_percent(share)} of their time went by in wait for it",
        figures=(
            ("threads", float(team.threads)),
            ("calls", float(team.calls)),
            ("busiest_ns", float(team.busy_ns[0])),
            ("mean_ns", float(mean)),
            ("least_ns", float(team.busy_ns[-1])),
            ("idle_share", share),
        ),
        cause="The work is cut into too few or too unequal parts, or a thread was held up.",
        action="Cut the work into more parts than threads and let threads draw them from a shared "
        "counter; largest parts first.",
        weight=float(idle),
    )


@rule
def unequal_threads(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Threads that entered a brick each by itself, and were in it for very different times."""
    walls = [one.wall_ns for one in brick.info.usage]
    if brick.info.teams or len(walls) < 2 or brick.info.name == DEFAULT_BRICK:
        return
    # Threads that wait for each other inside the brick are in it for as long as that takes.
    if brick.usage is not None and brick.usage.share(brick.usage.waiting_ns) > LARGE_WAIT / 2:
        return
    slots, longest = len(walls) * max(walls), max(walls)
    idle = slots - sum(walls)
    # Threads that were in it one after the other wait for nobody.
    if idle <= LARGE_IMBALANCE * slots or brick.info.wall_ns > AT_ONCE * longest:
        return
    share = metrics.share(idle, slots)
    yield Finding(
        code="thread-imbalance",
        brick=brick.info.name,
        level=None,
        symptom=f"uneven shares for {format_threads(len(walls))}",
        evidence=f"one was in it for {units.format_ns(longest)}, the mean thread for "
        f"{units.format_ns(sum(walls) / len(walls))}",
        figures=(
            ("threads", float(len(walls))),
            ("busiest_ns", float(longest)),
            ("mean_ns", sum(walls) / len(walls)),
            ("least_ns", float(min(walls))),
            ("idle_share", share),
        ),
        cause="The work is cut into too few or too unequal parts, or a thread was held up.",
        action="Cut the work into more parts than threads, drawn from a shared counter.",
        weight=float(idle),
    )


@rule
def too_many_threads(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """More threads than processors, or than the cgroup quota allows."""
    machine, threads = summary.recording.machine, brick.info.threads
    # The default brick counts threads that never ran at the same time too.
    if machine is None or brick.info.name == DEFAULT_BRICK or threads <= machine.usable_cores:
        return
    usage = brick.usage
    if usage is not None and usage.share(usage.waiting_ns) > MOSTLY_WAITING:
        return
    busy_ns = sum(row.stats.self_ns for row in brick.levels)
    usable = machine.usable_cores
    figures = [
        ("threads", float(threads)),
        ("usable_cores", float(usable)),
        ("logical_cores", float(machine.logical_cores)),
    ]
    if machine.quota_cores is not None:
        figures.append(("quota_cores", machine.quota_cores))
    by_quota = _quota_limits(machine) and threads <= machine.logical_cores
    limit = (
        f"the control group's quota pays for {units.format_number(machine.quota_cores or 0.0)}"
        if by_quota
        else f"{usable} of {units.format_count(machine.logical_cores)} processors may be used"
    )
    yield Finding(
        code="quota-ignored" if by_quota else "oversubscription",
        brick=brick.info.name,
        level=None,
        symptom="more threads than the quota pays for"
        if by_quota
        else "more threads than processors",
        evidence=f"{format_threads(threads)}, where {limit}",
        figures=tuple(figures),
        cause="The quota was not asked for: once threads have used it up, all of them are stopped "
        "until its period ends."
        if by_quota
        else "Threads take turns on a processor and put each other's data out of its caches, and "
        "those that wait for one that does not run lose its turn too.",
        action=f"Use {format_threads(usable)} (threads=, BRICKPROF_NUM_THREADS), or "
        f"{'raise the quota' if by_quota else 'allow more processors (affinity, quota)'}.",
        weight=busy_ns * (1 - metrics.share(usable, threads)),
    )


def _teams(brick: BrickSummary, summary: Summary) -> list[TeamTimes]:
    """Return the teams that had a processor for each thread: in others, threads wait for one."""
    machine = summary.recording.machine
    usable = math.inf if machine is None else machine.usable_cores
    return [team for team in brick.info.teams if team.threads <= usable]


def _quota_limits(machine: Machine) -> bool:
    """Return whether the cgroup quota is what limits the usable cores."""
    quota = machine.quota_cores
    return (
        quota is not None
        and machine.usable_cores == max(math.floor(quota), 1)
        and machine.usable_cores < machine.logical_cores
    )
