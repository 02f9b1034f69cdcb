"""Noise of the machine: a few tiles that took far longer than all others."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.histograms import bucket_bounds
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, Summary

TAIL_SAMPLES = 200
"""Timed tiles below which p99 is one or two tiles, and no evidence."""

OUTLIER_RATIO = 16.0
"""Time over the median from which a tile is an outlier: L1 is about ten times as fast as DRAM, so
cache misses alone do not make a tile that fits L1 slower than that."""

LARGE_NOISE = 0.05
"""Share of a level's time lost in outliers above which the machine is noisy: repeats on an idle
machine differ by less."""


@rule
def noisy_machine(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """A few tiles took so long that something else must have run; the finest such level."""
    for row in reversed(brick.levels):
        lost = outlier_share(row)
        if not lost or not row.stats.same_work:
            continue
        timed, outliers = row.stats.timed, _outliers(row)[0]
        yield Finding(
            code="noisy-machine",
            brick=brick.info.name,
            level=row.level,
            symptom="a few tiles were held up",
            evidence=f"{units.format_count(outliers)} of {units.format_count(timed)} timed tiles "
            f"took more than {units.format_number(OUTLIER_RATIO)} times p50 "
            f"({units.format_ns(row.p50_ns)}) and {units.format_percent(lost)} of the time, up to "
            f"{units.format_ns(row.stats.max_ns)} each",
            figures=(
                ("held_up_tiles", float(outliers)),
                ("timed_tiles", float(timed)),
                ("p50_ns", float(row.p50_ns)),
                ("max_ns", float(row.stats.max_ns)),
                ("lost_share", lost),
            ),
            cause="Something else ran: another process, interrupts, the host of a virtual "
            "machine, or the kernel at the first touch of memory; or a few tiles are much larger.",
            action="Measure again on an idle machine, with the memory touched beforehand.",
            weight=lost * row.stats.total_ns,
        )
        return


def outlier_share(row: LevelSummary) -> float:
    """Return the share of a level's time that outliers took beyond p50; 0 if not significant.

    One tile in a hundred or more is no noise: p99 is as slow, and the kernel itself varies.
    """
    timed = row.stats.timed
    if timed < TAIL_SAMPLES or row.batch is not None or not row.p50_ns:
        return 0.0
    outliers, lost_ns, all_ns = _outliers(row)
    lost = metrics.share(lost_ns, all_ns)
    return 0.0 if not outliers or outliers * 100 >= timed or lost <= LARGE_NOISE else lost


def _outliers(row: LevelSummary) -> tuple[int, int, int]:
    """Return the number of outliers, their nanoseconds beyond p50, and those of all tiles."""
    count, lost_ns, all_ns = 0, 0, 0
    for bucket, tiles in row.stats.histogram:
        low, high = bucket_bounds(bucket)
        middle = (low + high) // 2
        all_ns += tiles * middle
        if low > OUTLIER_RATIO * row.p50_ns:
            count += tiles
            lost_ns += tiles * (middle - row.p50_ns)
    return count, lost_ns, all_ns
