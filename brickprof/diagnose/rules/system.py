"""What the operating system saw: page faults, waiting, preemption."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, Summary

LARGE_WAIT = 0.1
"""Share of the observed time above which time off the processor is a cause."""

LARGE_FAULTS = 0.1
"""Share of the observed time above which page faults are a cause."""


@rule
def page_faults(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """The kernel mapped, zeroed or read pages while tiles waited."""
    usage = brick.usage
    if usage is None or usage.share(usage.fault_ns) <= LARGE_FAULTS:
        return
    seen = usage.total
    from_disk = seen.major_faults
    faults = f"{units.format_count(seen.minor_faults)} page faults"
    if from_disk:
        faults += f", {units.format_count(from_disk)} of them read from disk"
    yield Finding(
        code="page-faults",
        brick=brick.info.name,
        level=None,
        symptom=f"page faults take {units.format_percent(usage.share(usage.fault_ns))} of the time"
        " or more",
        evidence=f"{faults}, {units.format_ns(seen.system_ns)} in the kernel",
        figures=(
            ("minor_faults", float(seen.minor_faults)),
            ("major_faults", float(from_disk)),
            ("system_ns", float(seen.system_ns)),
            ("observed_ns", float(seen.wall_ns)),
        ),
        cause="Memory is swapped in or read from a file."
        if from_disk * 100 > seen.minor_faults
        else "Memory is touched for the first time: the kernel maps and zeroes each page.",
        action="Keep less in memory, or read it beforehand."
        if from_disk * 100 > seen.minor_faults
        else "Allocate once, touch beforehand, and use it again (out=); huge pages for the rest.",
        weight=float(usage.fault_ns),
    )


@rule
def waiting(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Threads were off the processor by their own doing."""
    usage = brick.usage
    if usage is None or usage.share(usage.waiting_ns) <= LARGE_WAIT:
        return
    seen = usage.total
    turns = usage.by_turns
    yield Finding(
        code="waiting",
        brick=brick.info.name,
        level=None,
        symptom=f"off the processor for {units.format_percent(usage.share(usage.waiting_ns))} of "
        "the time, waiting",
        evidence=f"{units.format_ns(seen.cpu_ns)} on it of {units.format_ns(seen.wall_ns)}, "
        f"given up {units.format_counted(seen.voluntary_switches, 'time')}",
        figures=(
            ("waiting_ns", float(usage.waiting_ns)),
            ("observed_ns", float(seen.wall_ns)),
            ("cpu_ns", float(seen.cpu_ns)),
            ("voluntary_switches", float(seen.voluntary_switches)),
        ),
        cause="Threads work one at a time: a lock, or Python's GIL, lets only one of them on."
        if turns
        else "A thread slept, or waited for a lock, for input and output, or for another thread.",
        action="Release the GIL (nogil, NumPy calls), or hold the lock for less; or fewer threads."
        if turns
        else "Look for sleep, locks, queues and input or output inside the tiles.",
        weight=float(usage.waiting_ns),
    )


@rule
def preempted(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Threads were off the processor although they could have run."""
    usage, recording = brick.usage, summary.recording
    if usage is None or usage.share(usage.preempted_ns) <= LARGE_WAIT:
        return
    seen = usage.total
    others = ["another process"]
    if recording.throttled_ns:
        others.insert(0, f"the quota ({units.format_ns(recording.throttled_ns)} throttled)")
    if recording.steal_ns:
        others.append(f"the host ({units.format_ns(recording.steal_ns)} stolen)")
    yield Finding(
        code="preempted",
        brick=brick.info.name,
        level=None,
        symptom=f"preempted for up to {units.format_percent(usage.share(usage.preempted_ns))} of "
        "the time",
        evidence=f"{units.format_ns(seen.cpu_ns)} on a processor of "
        f"{units.format_ns(seen.wall_ns)}, taken off it "
        f"{units.format_counted(seen.involuntary_switches, 'time')}",
        figures=(
            ("preempted_ns", float(usage.preempted_ns)),
            ("observed_ns", float(seen.wall_ns)),
            ("cpu_ns", float(seen.cpu_ns)),
            ("involuntary_switches", float(seen.involuntary_switches)),
            ("steal_ns", float(recording.steal_ns)),
            ("throttled_ns", float(recording.throttled_ns)),
        ),
        cause=f"Something else had the processor: {' or '.join(others)}.",
        action="Measure on an idle machine; use fewer threads than processors; pin them.",
        weight=float(usage.preempted_ns),
    )
