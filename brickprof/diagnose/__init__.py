"""Summaries of recordings, and the findings of rules: symptom, evidence, cause, action."""

from __future__ import annotations

from brickprof.diagnose.finding import Finding
from brickprof.diagnose.rules import RULES
from brickprof.diagnose.rules.bounds import NEAR_ROOF
from brickprof.diagnose.rules.noise import TAIL_SAMPLES
from brickprof.diagnose.rules.roofs import noisy_roofs
from brickprof.diagnose.rules.sweeps import diagnose_sweep
from brickprof.diagnose.rules.tiles import LARGE_OUTER_SELF, LARGE_TAIL
from brickprof.diagnose.selection import importance, select
from brickprof.diagnose.summary import BrickSummary, Summary, summary_of
from brickprof.diagnose.thread_roofs import ABOVE_ROOF
from brickprof.recording import Recording
from brickprof.recording.checksums import CHECKSUM_BRICK
from brickprof.roofline import Roofs

__all__ = [
    "ABOVE_ROOF",
    "LARGE_OUTER_SELF",
    "LARGE_TAIL",
    "NEAR_ROOF",
    "RULES",
    "TAIL_SAMPLES",
    "Finding",
    "diagnose",
    "diagnose_sweep",
]


def diagnose(
    recording_or_summary: Recording | Summary, roofs: Roofs | None = None
) -> tuple[Finding, ...]:
    """Find what limits the bricks of a recording.

    Parameters
    ----------
    recording_or_summary : Recording or Summary
        What to diagnose.
    roofs : Roofs, optional
        Roofs to compare with; by default the summary's or the recording's own.

    Returns
    -------
    tuple of Finding
        What the kernels themselves lose first, then what the machine takes from them, each by
        time. One cause gives one finding: what another one explains is left out. A brick without
        any other gets a ``"near-roof"`` finding where it reaches its roof and the roofs are
        steady. The brick of the time that `BrickProfiler.checksum` takes has none.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    summary = summary_of(recording_or_summary, roofs)
    of_roofs = tuple(noisy_roofs(summary))
    findings = list(of_roofs)
    for brick in summary.bricks:
        if _is_of_checksums(brick, summary.recording):
            continue  # what the profiler itself does is not the user's to optimize
        found = [finding for rule in RULES for finding in rule(brick, summary)]
        findings += select(found, brick, steady=not of_roofs)
    return tuple(sorted(findings, key=importance))


def _is_of_checksums(brick: BrickSummary, recording: Recording) -> bool:
    """Tell whether a brick is that of the profiler's checksums, and no other one of its name."""
    made = len(recording.checksums) + recording.checksums_dropped
    return brick.info.name == CHECKSUM_BRICK and brick.info.calls <= made
