"""The rows of a comparison: the same brick or level on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.diagnose.change import UNKNOWN, Change, Verdict
from brickprof.diagnose.headline import verdict_of
from brickprof.diagnose.summary import BrickSummary


@dataclass(frozen=True, slots=True)
class Side:
    """One brick, or one of its levels, in one recording.

    Parameters
    ----------
    time_ns : float
        Nanoseconds of one call: wall time of a brick, summed time of a level's tiles.
    self_ns : float or None
        Nanoseconds of one call in a level's tiles outside finer ones; None of a brick.
    flops : float
        Flops of one call.
    gflops : float
        GFLOP/s: of all threads for a brick, of one thread for a level.
    efficiency : float or None
        Share of the peak for a brick, of what is attainable for a level; None without roofs.
    """

    time_ns: float
    self_ns: float | None
    flops: float
    gflops: float
    efficiency: float | None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """The same brick or level in both recordings.

    Parameters
    ----------
    brick : str
        Name of the brick.
    level : str or None
        Name of the level, such as ``"MACRO"``; None for the brick as a whole.
    a, b : Side or None
        Its figures in either recording; None where it is missing.
    change : Change
        By how much a call's time differs, with its interval.
    self_change : Change or None
        By how much the level's self time differs besides what the machine did to all levels alike;
        None where no other level has any, and where it is less than a tenth of the brick's.
    """

    brick: str
    level: str | None
    a: Side | None
    b: Side | None
    change: Change = UNKNOWN
    self_change: Change | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the row."""
        return (self.change,) if self.self_change is None else (self.change, self.self_change)

    @property
    def verdict(self) -> Verdict:
        """What its changes say together."""
        return verdict_of([self])

    @property
    def time_ratio(self) -> float | None:
        """Time of B over that of A."""
        return _ratio(self.a.time_ns, self.b.time_ns) if self.a and self.b else None

    @property
    def gflops_ratio(self) -> float | None:
        """Rate of B over that of A."""
        return _ratio(self.a.gflops, self.b.gflops) if self.a and self.b else None

    def slower_than(self, limit: float) -> bool:
        """Tell whether it is slower by more than a fraction, with all of an interval above it."""
        return any(
            change.verdict is Verdict.SLOWER and change.low is not None and change.low > 1 + limit
            for change in self.changes
        )


def brick_side(brick: BrickSummary | None) -> Side | None:
    """Return the figures of a brick as a whole."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    flops = next((row.stats.flops for row in brick.levels if row.stats.flops), 0)
    return Side(brick.info.wall_ns / calls, None, flops / calls, brick.run_gflops, brick.peak_share)


def level_side(brick: BrickSummary | None, level: TileLevel) -> Side | None:
    """Return the figures of one level of a brick; None without such tiles."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    for row in brick.levels:
        if row.level is level:
            stats = row.stats
            return Side(
                stats.total_ns / calls,
                stats.self_ns / calls,
                stats.flops / calls,
                row.gflops,
                row.efficiency,
            )
    return None


def _ratio(a: float, b: float) -> float | None:
    """Return b / a; None where either is zero."""
    return metrics.share(b, a) if a and b else None
