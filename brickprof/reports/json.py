"""A report as JSON: every figure of the text report, unrounded."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from brickprof.diagnose import Finding
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary
from brickprof.recording import Recording
from brickprof.reports.base import Report
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
        ``sample_every``, ``open_tiles``, ``abandoned_tiles``, ``abandoned_by``,
        ``brickless_threads``, ``clock_steps_back``, ``events_dropped``
            Counts.
        ``steal_ns``, ``throttled_ns``
            Time taken from all processors by the host, and from the threads by a quota.
        ``bricks``
            Longest wall time first. Each has ``name``, ``dtype``, ``dtypes``, ``threads``,
            ``calls``, ``wall_ns``, ``run_gflops``, ``run_spread``, ``peak_share``, ``usage`` (what
            the operating system saw of each thread), ``flops_agree``, ``notes`` and
            ``levels``, coarsest first. A level has

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
              ``bytes_basis`` (declared,
              assumed, none), ``gflops``, ``intensity_flop_per_byte``, ``bandwidth_gbs``,
              ``typical_gflops``, ``typical_gbs``,
            - ``attainable_gflops``, ``efficiency``, ``bandwidth_share``, ``bound`` (compute,
              memory, unknown), ``bound_basis`` (ridge, rule of thumb), ``near_roof``,
            - ``overhead_share``, ``tiles_to_batch`` and ``batch_level`` (null within the limit).
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
        "notes": list(summary.notes),
        "findings": [finding_json(finding) for finding in report.findings],
    }
    return dump(content)


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
        "usage": [asdict(one) for one in brick.info.usage],
        "notes": list(brick.notes),
        "levels": [_level(row) for row in brick.levels],
    }


def _level(row: LevelSummary) -> dict[str, object]:
    """Return one level of a brick."""
    stats = row.stats
    return {
        "level": row.level.name,
        "cache": row.level.cache,
        "memory": row.memory,
        "tiles": stats.count,
        "timed_tiles": stats.timed,
        "avg_ns": row.avg_ns,
        "p50_ns": row.p50_ns,
        "p99_ns": row.p99_ns,
        "min_ns": stats.min_ns,
        "max_ns": stats.max_ns,
        "total_ns": stats.total_ns,
        "self_ns": stats.self_ns,
        "total_error_ns": stats.total_error_ns,
        "self_error_ns": stats.self_error_ns,
        "typical_ns": row.typical_ns,
        "avg_interval_ns": _ends(row.avg_interval_ns),
        "tile_error_ns": row.tile_error_ns,
        "raw_total_ns": stats.raw_total_ns,
        "raw_self_ns": stats.raw_self_ns,
        "self_share": row.self_share,
        "elements": stats.elements,
        "elements_per_s": stats.throughput,
        "flops": stats.flops,
        "same_work": stats.same_work,
        "nbytes": stats.nbytes,
        "loaded_bytes": stats.loaded_bytes if stats.split_declared else None,
        "stored_bytes": stats.stored_bytes if stats.split_declared else None,
        "bytes_basis": row.bytes_basis,
        "gflops": row.gflops,
        "intensity_flop_per_byte": row.intensity,
        "bandwidth_gbs": row.bandwidth_gbs,
        "gflops_interval": _ends(row.gflops_interval),
        "typical_gflops": row.typical_gflops,
        "typical_gbs": row.typical_gbs,
        "attainable_gflops": row.attainable_gflops,
        "efficiency": row.efficiency,
        "efficiency_interval": row.efficiency_interval and _ends(row.efficiency_interval),
        "bandwidth_share": row.bandwidth_share,
        "bound": row.bound,
        "bound_basis": row.bound_basis,
        "near_roof": row.near_roof,
        "overhead_share": row.overhead_share,
        "tiles_to_batch": row.batch,
        "batch_level": None if row.batch_level is None else row.batch_level.name,
    }


def _ends(interval: tuple[float, float]) -> list[float | None]:
    """Return both ends of an interval; null for one that is not bounded."""
    return [end if math.isfinite(end) else None for end in interval]


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
