"""Comparisons: the same bricks and levels of two recordings side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.summary import BrickSummary, summarize
from brickprof.recording import Recording


@dataclass(frozen=True, slots=True)
class Side:
    """One brick, or one of its levels, in one recording.

    Parameters
    ----------
    time_ns : float
        Nanoseconds of one call: wall time of a brick, summed time of a level's tiles.
    flops : float
        Flops of one call.
    gflops : float
        GFLOP/s: of all threads for a brick, of one thread for a level.
    efficiency : float or None
        Share of the peak for a brick, of what is attainable for a level; None without roofs.
    """

    time_ns: float
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
    """

    brick: str
    level: str | None
    a: Side | None
    b: Side | None

    @property
    def time_ratio(self) -> float | None:
        """Time of B over that of A."""
        return _ratio(self.a.time_ns, self.b.time_ns) if self.a and self.b else None

    @property
    def gflops_ratio(self) -> float | None:
        """Rate of B over that of A."""
        return _ratio(self.a.gflops, self.b.gflops) if self.a and self.b else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two recordings side by side.

    Parameters
    ----------
    rows : tuple of ComparisonRow
        Each brick followed by its levels, the longest bricks of A first.
    same_machine : bool or None
        Whether both ran on the same machine; None if that is unknown.
    notes : tuple of str
        What the two recordings do not have in common, in sentences.
    """

    rows: tuple[ComparisonRow, ...]
    same_machine: bool | None
    notes: tuple[str, ...]


def compare(a: Recording, b: Recording) -> Comparison:
    """Compare two recordings.

    Parameters
    ----------
    a, b : Recording
        The recordings; ratios are those of B over A.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If an argument is no Recording.
    """
    rows = tuple(_rows(a, b))
    same_machine = _same_machine(a, b)
    return Comparison(rows, same_machine, tuple(_notes(a, b, same_machine, rows)))


def _rows(a: Recording, b: Recording) -> Iterator[ComparisonRow]:
    """Yield a row for each brick and each of its levels."""
    bricks_a, bricks_b = (
        {brick.info.name: brick for brick in summarize(recording).bricks} for recording in (a, b)
    )
    for name in {**bricks_a, **bricks_b}:
        brick_a, brick_b = bricks_a.get(name), bricks_b.get(name)
        yield ComparisonRow(name, None, _brick_side(brick_a), _brick_side(brick_b))
        for level in TileLevel:
            side_a, side_b = _level_side(brick_a, level), _level_side(brick_b, level)
            if side_a or side_b:
                yield ComparisonRow(name, level.name, side_a, side_b)


def _notes(
    a: Recording, b: Recording, same_machine: bool | None, rows: tuple[ComparisonRow, ...]
) -> Iterator[str]:
    """Yield notes on what the two recordings do not have in common."""
    if a.machine is None or b.machine is None:
        yield "At least one machine is unknown: they may differ."
    elif not same_machine:
        yield f"The machines differ: A ran on {a.machine.cpu}, B on {b.machine.cpu}."
    if a.roofs != b.roofs:
        yield "Efficiencies are held against different roofs."
    for row in rows:
        if row.level is None and row.a and row.b and row.a.flops != row.b.flops:
            flops_a, flops_b = (units.format_number(side.flops) for side in (row.a, row.b))
            yield (
                f"The problems differ: {row.brick} does {flops_a} flops a call in A, "
                f"{flops_b} in B."
            )


def _same_machine(a: Recording, b: Recording) -> bool | None:
    """Return whether two recordings are of one machine; None if that is unknown."""
    if a.machine is None or b.machine is None:
        return None
    return a.machine.fingerprint() == b.machine.fingerprint()


def _brick_side(brick: BrickSummary | None) -> Side | None:
    """Return the figures of a brick as a whole."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    flops = next((row.stats.flops for row in brick.levels if row.stats.flops), 0)
    return Side(brick.info.wall_ns / calls, flops / calls, brick.run_gflops, brick.peak_share)


def _level_side(brick: BrickSummary | None, level: TileLevel) -> Side | None:
    """Return the figures of one level of a brick; None without such tiles."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    for row in brick.levels:
        if row.level is level:
            stats = row.stats
            return Side(stats.total_ns / calls, stats.flops / calls, row.gflops, row.efficiency)
    return None


def _ratio(a: float, b: float) -> float | None:
    """Return b / a; None where either is zero."""
    return metrics.share(b, a) if a and b else None
