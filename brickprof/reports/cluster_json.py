"""A run on several hosts as JSON: every figure of the text, unrounded."""

from __future__ import annotations

from dataclasses import asdict

from brickprof.diagnose.cluster import ClusterSummary
from brickprof.reports.cluster_text import share_of
from brickprof.reports.json import dump


def render(summary: ClusterSummary) -> str:
    """Render a run on several hosts as JSON.

    Parameters
    ----------
    summary : ClusterSummary
        The run.

    Returns
    -------
    str
        One JSON object, with a newline at its end: ``hosts`` (each with ``host``, ``processes`` and
        ``bricks``: ``brick``, ``calls``, ``wall_ns``, ``run_gflops`` and ``roof_share``),
        ``slow`` (the fields of `Slow`), ``incomplete`` (``host``, ``name``, ``missing`` and
        ``recorded``, whether a part of it is in the figures) and ``notes``. The unknown is null.
    """
    return dump(
        {
            "hosts": [
                {
                    "host": host.host,
                    "processes": host.processes,
                    "bricks": [
                        {
                            "brick": brick.info.name,
                            "calls": brick.info.calls,
                            "wall_ns": brick.info.wall_ns,
                            "run_gflops": brick.run_gflops,
                            "roof_share": share_of(brick),
                        }
                        for brick in (host.summary.bricks if host.summary else ())
                    ],
                }
                for host in summary.hosts
            ],
            "slow": [asdict(one) for one in summary.slow],
            "incomplete": [
                {
                    "host": one.host,
                    "name": one.name,
                    "missing": one.missing,
                    "recorded": one.recording is not None,
                }
                for host in summary.hosts
                for one in host.incomplete
            ],
            "notes": list(summary.notes),
        }
    )
