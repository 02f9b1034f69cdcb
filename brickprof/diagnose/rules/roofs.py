"""Roofs that were measured on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.diagnose.finding import Finding
from brickprof.diagnose.summary import Summary


def noisy_roofs(summary: Summary) -> Iterator[Finding]:
    """Roofs that were measured on a busy machine."""
    roofs = summary.roofs
    if roofs is None or not roofs.noisy or not summary.bricks:
        return
    spread = max(roofs.spread.values())
    wall_ns = sum(brick.info.wall_ns for brick in summary.bricks)
    yield Finding(
        code="noisy-roofs",
        brick=None,
        level=None,
        symptom="the roofs are not steady",
        evidence=roofs.verdict,
        figures=(("spread", spread),),
        cause="Something else ran while they were measured, or the clock frequency changed.",
        action="Measure them again on an idle machine (`brickprof calibrate`).",
        weight=spread * wall_ns,
    )
