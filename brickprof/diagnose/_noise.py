"""What a few slow tiles tell of the machine that all others ran on."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.histograms import bucket_bounds
from brickprof.diagnose._finding import Finding
from brickprof.diagnose.summary import BrickSummary, LevelSummary, Summary

TAIL_SAMPLES = 200
"""Timed tiles below which p99 is one or two tiles, and no evidence."""

HELD_UP = 16.0
"""Times the median from which a tile was held up by something else: L1 is some ten times as fast
as DRAM, so that missing data alone do not make a tile of L1 slower than that."""

LARGE_NOISE = 0.05
"""Share of a level's time lost in tiles that were held up above which the machine is noisy: repeats
on a quiet one differ by less."""


def noisy_machine(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """A few tiles took so long that something else must have run; at the finest such level."""
    for row in reversed(brick.levels):
        lost = share_held_up(row)
        if not lost:
            continue
        timed, held_up = row.stats.timed, _held_up(row)[0]
        yield Finding(
            code="noisy-machine",
            brick=brick.info.name,
            level=row.level,
            symptom="a few tiles were held up",
            evidence=f"{units.format_count(held_up)} of {units.format_count(timed)} timed tiles "
            f"took more than {units.format_number(HELD_UP)} times p50 "
            f"({units.format_ns(row.p50_ns)}) and {units.format_percent(lost)} of the time, up to "
            f"{units.format_ns(row.stats.max_ns)} each",
            figures=(
                ("held_up_tiles", float(held_up)),
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


def share_held_up(row: LevelSummary) -> float:
    """Return the share of a level's time that a few tiles took beyond p50; 0 if it tells nothing.

    From one tile in a hundred on it is no accident: p99 is as slow.
    """
    timed = row.stats.timed
    if timed < TAIL_SAMPLES or row.batch is not None or not row.p50_ns:
        return 0.0
    held_up, lost_ns, all_ns = _held_up(row)
    lost = metrics.share(lost_ns, all_ns)
    return 0.0 if not held_up or held_up * 100 >= timed or lost <= LARGE_NOISE else lost


def _held_up(row: LevelSummary) -> tuple[int, int, int]:
    """Return the tiles that were held up, what they took beyond p50, and what all tiles took."""
    count, lost_ns, all_ns = 0, 0, 0
    for bucket, tiles in row.stats.histogram:
        low, high = bucket_bounds(bucket)
        middle = (low + high) // 2
        all_ns += tiles * middle
        if low > HELD_UP * row.p50_ns:
            count += tiles
            lost_ns += tiles * (middle - row.p50_ns)
    return count, lost_ns, all_ns
