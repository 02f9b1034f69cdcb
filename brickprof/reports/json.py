"""A report as JSON: every figure of the text report, unrounded."""

from __future__ import annotations

import json
from dataclasses import asdict

from brickprof.diagnose import Finding
from brickprof.diagnose.budgets import BudgetResult, Kept
from brickprof.diagnose.summary import BrickSummary
from brickprof.recording import Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.reports.base import Report
from brickprof.reports.level_figures import level_figures
from brickprof.roofline import Roofs

SCHEMA = "brickprof-report"
"""Value of the key ``schema``, which distinguishes a report from a saved recording."""

VERSION = 1
"""Value of the key ``version``; increased when a key changes its meaning or is removed."""


def render(recording: Recording, roofs: Roofs | None = None) -> str:
    """Render a recording as JSON.

    Parameters
    ----------
    recording : Recording
        The recording.
    roofs : Roofs, optional
        Roofs to compare with; by default the recording's own.

    Returns
    -------
    str
        One JSON object, with a newline at its end. Times are whole nanoseconds, shares and
        efficiencies fractions of one; what is unknown is null.

        ``schema``, ``version``
            `SCHEMA` and `VERSION`.
        ``brickprof_version``, ``created``
            Of the recording; ``created`` is ISO 8601, UTC.
        ``machine``, ``roofs``, ``more_roofs``
            As in a saved recording; null when unknown.
        ``clock``
            ``source``, ``ns_per_tick``, ``reason``, ``step_ns`` (its resolution).
        ``overhead_ns``
            Calibrated cost of the timer: ``c_pair``, ``c_inside``, ``python_pair``,
            ``python_inside``, ``block_pair``, ``block_inside``, and half the length of the interval
            that each of them is in, named with ``_error``.
        ``sample_every``, ``open_tiles``, ``abandoned_tiles``, ``abandoned_by``
            Counts.
        ``brickless_threads``, ``clock_steps_back``, ``events_dropped``
            Counts.
        ``steal_ns``, ``throttled_ns``
            Time taken from all processors by the host, and from the threads by a quota.
        ``bricks``
            Longest wall time first. Each has ``name``, ``dtype``, ``dtypes``, ``threads``,
            ``calls``, ``wall_ns``, ``run_gflops``, ``run_spread``, ``peak_share``, ``usage`` (what
            the operating system saw of each thread), ``flops_agree``, ``work_sources`` (counted,
            simulated; empty where all work is declared by hand), ``notes`` and ``levels``,
            coarsest first. A level has

            - ``level`` (MACRO, MIDI, MICRO), ``cache`` (L3, L2, L1), ``memory`` (that, or DRAM),
            - ``tiles``, ``timed_tiles``, ``avg_ns``, ``p50_ns``, ``p99_ns``, ``min_ns``,
              ``max_ns``, ``total_ns``, ``self_ns``, ``raw_total_ns``, ``raw_self_ns``,
              ``self_share``, ``typical_ns`` (the median tile where all do the same work),
              ``total_error_ns``, ``self_error_ns`` (half of the interval around each time),
              ``same_work``, ``tile_error_ns`` (of a single time, percentiles included),
              ``avg_interval_ns``, ``gflops_interval``, ``efficiency_interval`` (both ends of what
              the figure is between, null for one that is not bounded),
            - ``elements``, ``elements_per_s``, ``flops``, ``nbytes``, ``loaded_bytes``,
              ``stored_bytes`` (null where not declared apart),
              ``bytes_basis`` (declared, counted, simulated,
              assumed, none), ``gflops``, ``intensity_flop_per_byte``, ``bandwidth_gbs``,
              ``typical_gflops``, ``typical_gbs``,
            - ``attainable_gflops``, ``efficiency``, ``bandwidth_share``, ``bound`` (compute,
              memory, unknown), ``bound_basis`` (ridge, rule of thumb), ``near_roof``,
            - ``overhead_share``, ``tiles_to_batch`` and ``batch_level`` (null within the limit),
            - ``slowest_tiles``: ``ns``, ``start_ns``, ``thread``, ``row`` and ``col`` of each,
              longest first (null where no grid was kept).
        ``categories``
            Only where a brick has one; most time first. Each has ``category`` (null for what is in
            none), ``calls``, ``call_ns`` (of the mean call), ``self_ns``, ``share``, ``bricks``.
        ``budgets``
            Only where there are any. Each has ``of`` (brick, category), ``name``, ``percentile``,
            ``limit`` (ns, gflops, efficiency), ``allowed``, ``reached``, ``kept`` (true, false,
            or null where it cannot be told) and ``reason``.
        ``notes``
            Caveats on the figures of all bricks, in sentences.
        ``findings``
            Most important first. Each has ``code``, ``brick``, ``level``, ``symptom``,
            ``evidence``, ``figures`` (an object), ``cause``, ``action``, ``weight_ns``,
            ``gain`` (how many times as fast at most, or null).

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    return render_report(Report.of(recording, roofs))


def render_report(report: Report) -> str:
    """Render a report as `render` does a recording."""
    recording, summary = report.recording, report.summary
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "brickprof_version": recording.version,
        "created": recording.created,
        "machine": None if recording.machine is None else recording.machine.to_json(),
        "roofs": None if report.roofs is None else report.roofs.to_json(),
        "more_roofs": [roofs.to_json() for roofs in recording.more_roofs],
        "clock": asdict(recording.clock),
        "overhead_ns": asdict(recording.overhead),
        "sample_every": recording.sample_every,
        "open_tiles": recording.open_tiles,
        "abandoned_tiles": recording.abandoned_tiles,
        "abandoned_by": dict(recording.abandoned_by),
        "brickless_threads": recording.brickless_threads,
        "clock_steps_back": recording.clock_steps_back,
        "events_dropped": recording.events_dropped,
        "steal_ns": recording.steal_ns,
        "throttled_ns": recording.throttled_ns,
        "bricks": [_brick(brick) for brick in summary.bricks],
        **_categories_and_budgets(report),
        "notes": list(summary.notes),
        "findings": [finding_json(finding) for finding in report.findings],
    }
    return dump(content)


def _categories_and_budgets(report: Report) -> dict[str, object]:
    """Return the categories and budgets, as far as there are any."""
    content: dict[str, object] = {}
    if report.summary.categories:
        content["categories"] = [
            {
                "category": one.category or None,
                "calls": one.calls,
                "call_ns": one.call_ns,
                "self_ns": one.self_ns,
                "share": one.share,
                "bricks": list(one.bricks),
            }
            for one in report.summary.categories
        ]
    if report.budgets:
        content["budgets"] = [budget_json(result) for result in report.budgets]
    return content


def budget_json(result: BudgetResult) -> dict[str, object]:
    """Return a limit and whether it was kept as a dict of JSON values."""
    return {
        "of": result.budget.of,
        "name": result.budget.name,
        "percentile": result.budget.percentile if result.limit == "ns" else None,
        "limit": result.limit,
        "allowed": result.allowed,
        "reached": result.reached,
        "kept": {Kept.YES: True, Kept.NO: False, Kept.CANNOT_TELL: None}[result.kept],
        "reason": result.reason,
    }


def dump(value: object) -> str:
    """Return a JSON value as all JSON outputs are written, with a newline at the end.

    Raises
    ------
    ValueError
        If a number in it is not finite.
    """
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _brick(brick: BrickSummary) -> dict[str, object]:
    """Return one brick."""
    return {
        "name": brick.info.name,
        "dtype": brick.dtype,
        "dtypes": list(brick.info.dtypes),
        "threads": brick.info.threads,
        "calls": brick.info.calls,
        "wall_ns": brick.info.wall_ns,
        "run_gflops": brick.run_gflops,
        "run_spread": brick.run_spread,
        "peak_share": brick.peak_share,
        "flops_agree": brick.flops_agree,
        "work_sources": list(brick.info.work_sources),
        "usage": [asdict(one) for one in brick.info.usage],
        "notes": list(brick.notes),
        "levels": [
            {**level_figures(row), "slowest_tiles": _slowest(row.stats)} for row in brick.levels
        ],
    }


def _slowest(stats: TileStats) -> list[dict[str, int]] | None:
    """Return the slowest tiles of a level as JSON values; None where no grid was kept."""
    return None if stats.grid is None else [tile._asdict() for tile in stats.grid.slowest]


def finding_json(finding: Finding) -> dict[str, object]:
    """Return one finding as a dict of JSON values."""
    return {
        "code": finding.code,
        "brick": finding.brick,
        "level": None if finding.level is None else finding.level.name,
        "symptom": finding.symptom,
        "evidence": finding.evidence,
        "figures": dict(finding.figures),
        "cause": finding.cause,
        "action": finding.action,
        "weight_ns": finding.weight,
        "gain": finding.gain,
    }
