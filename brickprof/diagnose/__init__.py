"""Turns summaries and sweeps into findings: what is seen, on what evidence, why, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from brickprof.diagnose._finding import Finding
from brickprof.diagnose._noise import TAIL_SAMPLES, noisy_machine
from brickprof.diagnose._roofs import (
    ABOVE_ROOF,
    LOW_BANDWIDTH,
    NEAR_ROOF,
    above_roof,
    compute_bound,
    memory_bound,
    near_roof,
    noisy_roofs,
)
from brickprof.diagnose._sweeps import diagnose_sweep
from brickprof.diagnose._threads import thread_imbalance, thread_overhead, too_many_threads
from brickprof.diagnose._tiles import (
    LARGE_OUTER_SELF,
    LARGE_TAIL,
    footprint,
    outer_self_time,
    shorter_than_timer,
    tiles_too_short,
    variable_latency,
)
from brickprof.diagnose.summary import BrickSummary, Summary, summarize
from brickprof.recording import Recording
from brickprof.roofline import Roofs

__all__ = [
    "ABOVE_ROOF",
    "LARGE_OUTER_SELF",
    "LARGE_TAIL",
    "LOW_BANDWIDTH",
    "NEAR_ROOF",
    "RULES",
    "TAIL_SAMPLES",
    "Finding",
    "diagnose",
    "diagnose_sweep",
]

Rule = Callable[[BrickSummary, Summary], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    above_roof,
    compute_bound,
    memory_bound,
    variable_latency,
    tiles_too_short,
    shorter_than_timer,
    outer_self_time,
    footprint,
    noisy_machine,
    thread_overhead,
    thread_imbalance,
    too_many_threads,
)
"""What is asked of every brick; a brick that none of them speaks of may be near its roof."""


def diagnose(
    recording_or_summary: Recording | Summary, roofs: Roofs | None = None
) -> tuple[Finding, ...]:
    """Find what limits the bricks of a recording.

    Parameters
    ----------
    recording_or_summary : Recording or Summary
        What to look at.
    roofs : Roofs, optional
        What to hold it against; by default the summary's or the recording's own.

    Returns
    -------
    tuple of Finding
        The one that is about most time first. A brick with nothing else to say of it, and steady
        roofs, gets a ``"near-roof"`` finding if it is there.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    if isinstance(recording_or_summary, Summary):
        summary = recording_or_summary
        if roofs is not None:
            summary = summarize(summary.recording, roofs)
    elif isinstance(recording_or_summary, Recording):
        summary = summarize(recording_or_summary, roofs)
    else:
        raise TypeError(
            "recording_or_summary must be a Recording or a Summary, got "
            f"{type(recording_or_summary).__name__}"
        )
    findings = list(noisy_roofs(summary))
    steady = not findings
    for brick in summary.bricks:
        problems = [found for rule in RULES for found in rule(brick, summary)]
        findings += problems
        if steady and not problems:
            findings += near_roof(brick)
    return tuple(sorted(findings, key=_importance))


def _importance(finding: Finding) -> tuple[float, str, str, int]:
    """Return what findings are sorted by: most time first, then by name."""
    level = -1 if finding.level is None else int(finding.level)
    return -finding.weight, finding.brick or "", finding.code, level
