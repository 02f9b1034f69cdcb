"""Summaries of recordings, and the findings of rules: symptom, evidence, cause, action."""

from __future__ import annotations

from brickprof.diagnose.finding import Finding
from brickprof.diagnose.rules import RULES
from brickprof.diagnose.rules.noise import TAIL_SAMPLES
from brickprof.diagnose.rules.roofs import (
    ABOVE_ROOF,
    LOW_BANDWIDTH,
    NEAR_ROOF,
    near_roof,
    noisy_roofs,
)
from brickprof.diagnose.rules.sweeps import diagnose_sweep
from brickprof.diagnose.rules.tiles import LARGE_OUTER_SELF, LARGE_TAIL
from brickprof.diagnose.summary import Summary, summarize
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
        The one that is about most time first. A brick without any other finding gets a
        ``"near-roof"`` finding where it reaches its roof and the roofs are steady.

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
        problems = [finding for rule in RULES for finding in rule(brick, summary)]
        findings += problems
        if steady and not problems:
            findings += near_roof(brick)
    return tuple(sorted(findings, key=_importance))


def _importance(finding: Finding) -> tuple[float, str, str, int]:
    """Return the key by which findings are sorted: most time first, then by name."""
    level = -1 if finding.level is None else int(finding.level)
    return -finding.weight, finding.brick or "", finding.code, level
