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
        One JSON object, with a newline at its end: ``busy_share`` (of the time of all threads, in
        tiles), ``hosts`` (each with ``host``, ``processes``, ``recorded`` (those in the figures),
        ``busy_share`` and ``bricks``: ``brick``, ``calls``, ``wall_ns``, ``run_gflops``,
        ``busy_share`` and ``roof_share``), ``slow`` (the fields of `Slow`), ``incomplete``
        (``host``, ``name``, ``missing`` and ``recorded``, whether a part of it is in the figures)
        and ``notes``. The unknown is null.
    """
    return dump(
        {
            "busy_share": summary.busy,
            "hosts": [
                {
                    "host": host.host,
                    "processes": host.processes,
                    "recorded": host.recorded,
                    "busy_share": host.busy(),
                    "bricks": [
                        {
                            "brick": brick.info.name,
                            "calls": brick.info.calls,
                            "wall_ns": brick.info.wall_ns,
                            "run_gflops": brick.run_gflops,
                            "busy_share": host.busy(brick.info.name),
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
