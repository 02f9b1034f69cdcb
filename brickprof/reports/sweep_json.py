"""A sweep of thread counts as JSON: every figure of the text, unrounded, and the sweep itself."""

from __future__ import annotations

import math

from brickprof.core import metrics
from brickprof.diagnose import diagnose_sweep
from brickprof.reports.json import dump, finding_json
from brickprof.tuning.sweep import Sweep, SweepPoint


def render(sweep: Sweep, title: str, rounds: int) -> str:
    """Render a sweep as JSON.

    Parameters
    ----------
    sweep : Sweep
        What was measured.
    title : str
        What was swept.
    rounds : int
        Rounds that were asked for.

    Returns
    -------
    str
        One JSON object, with a newline at its end. Times are nanoseconds, throughputs the sweep's
        unit per second; what is unknown or infinite is null. ``sweep`` is what
        `brickprof.Sweep.from_json` takes.
    """
    law = sweep.scalability
    return dump(
        {
            "problem": title,
            "rounds": rounds,
            "points": [_point(point, sweep) for point in sweep],
            "best_threads": sweep.best.threads,
            "dropped": list(sweep.dropped),
            "model_optimum": None if law is None or math.isinf(law.optimum) else law.optimum,
            "model_law": law and law.law,
            "r_squared": law and law.r_squared,
            "caveats": list(law.caveats) if law else [],
            "optimal_threads": sweep.rule,
            "budget": sweep.budget,
            "findings": [finding_json(finding) for finding in diagnose_sweep(sweep)],
            "sweep": sweep.to_json(),
        }
    )


def _point(point: SweepPoint, sweep: Sweep) -> dict[str, object]:
    """Return one thread count; throughputs and speed-up are of the medians."""
    return {
        "threads": point.threads,
        "rounds": point.rounds,
        "median_ns": point.median_ns,
        "interval_ns": list(point.interval_ns),
        "best_ns": point.best_ns,
        "throughput": sweep.throughput(point),
        "throughput_interval": list(sweep.throughput_interval(point)),
        "speedup": metrics.share(sweep.points[0].median_ns, point.median_ns),
    }
