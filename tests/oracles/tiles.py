"""A model of the profiler in plain Python: trees of tiles, summed up exactly to the tick."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import strategies as st
from support.entry_points import ENTRY_POINTS

from brickprof.core.histograms import bucket_of
from brickprof.core.levels import TileLevel
from brickprof.recording import Overhead
from brickprof.recording.tile_stats import TileStats

Work = tuple[int, int, int | None]


@dataclass
class Tree:
    """A tile: the time before each tile inside it and after the last, and those tiles."""

    level: TileLevel
    entry_point: str
    work: Work
    times: list[int]
    children: list[Tree]


@dataclass
class Sum:
    """What is summed of tiles inside others."""

    count: int = 0
    times: list[int] = field(default_factory=list)
    raws: list[int] = field(default_factory=list)

    def estimate(self, times: list[int]) -> int:
        """Scale the timed tiles' times to all, rounded to nearest."""
        timed, total = len(times), sum(times)
        if not timed or timed == self.count:
            return total
        scaled = (2 * abs(total) * self.count + timed) // (2 * timed)
        return scaled if total >= 0 else -scaled


@dataclass
class Row(Sum):
    """What is expected of a level."""

    work: list[Work] = field(default_factory=list)
    raised: int = 0
    inner: dict[TileLevel, Sum] = field(default_factory=lambda: {lv: Sum() for lv in TileLevel})
    started: int = 0
    chosen: int = 0

    def stats(self, level: TileLevel) -> TileStats:
        """Return it as the profiler should."""
        total, raw_total = self.estimate(self.times), self.estimate(self.raws)
        inner = self.inner.values()
        shown = [max(time, 0) for time in self.times]
        own = total - sum(part.estimate(part.times) for part in inner)
        raw_own = raw_total - sum(part.estimate(part.raws) for part in inner)
        amounts = [(elements + flops) % 2**64 for elements, flops, _ in self.work]
        return TileStats(
            level=level,
            count=self.count,
            timed=len(self.times),
            total_ns=max(total, 0),
            self_ns=max(min(own, total), 0),
            raw_total_ns=raw_total,
            raw_self_ns=max(min(raw_own, raw_total), 0),
            min_ns=min(shown, default=0),
            max_ns=max(shown, default=0),
            elements=sum(elements for elements, _, _ in self.work),
            flops=sum(flops for _, flops, _ in self.work),
            nbytes=sum(4 * work[0] if work[2] is None else work[2] for work in self.work),
            undeclared=sum(work[2] is None for work in self.work),
            min_work=min(amounts, default=0),
            max_work=max(amounts, default=0),
            histogram=tuple(sorted(Counter(map(bucket_of, shown)).items())),
        )


class Model:
    """The profiler in plain Python."""

    def __init__(self, cost: Overhead, sample_every: int) -> None:
        self.cost = cost
        self.sample_every = sample_every
        self.random = 0x9E3779B97F4A7C15
        self.rows = {level: Row() for level in TileLevel}

    def sampled(self, row: Row) -> bool:
        """Tell whether a row's next tile is timed: one in each window, drawn by xorshift64."""
        timed = row.started % self.sample_every == row.chosen
        row.started += 1
        if row.started % self.sample_every == 0 and self.sample_every > 1:
            x = self.random
            x ^= x << 13 & 2**64 - 1
            x ^= x >> 7
            x ^= x << 17 & 2**64 - 1
            self.random, row.chosen = x, x * self.sample_every >> 64
        return timed

    def record(self, tree: Tree, parent: dict[TileLevel, Sum]) -> tuple[int, int, int]:
        """Record a tile; return its raw time, the cost of timing to its parent, and its time."""
        raw, paid, inside_ticks = sum(tree.times), 0, 0
        row = self.rows[tree.level]
        timed = self.sampled(row)
        for child in tree.children:
            child_raw, child_paid, child_ticks = self.record(child, row.inner)
            raw += child_raw
            paid += child_paid
            inside_ticks += child_ticks
        ticks = raw - int(getattr(self.cost, f"{tree.entry_point}_inside")) - paid
        if timed and paid and ticks < inside_ticks:
            row.raised += inside_ticks - ticks
            ticks = inside_ticks
        for part in (row, parent[tree.level]):
            part.count += 1
            if timed:
                part.times.append(ticks)
                part.raws.append(raw)
        row.work.append(tree.work)
        pair = int(getattr(self.cost, f"{tree.entry_point}_pair"))
        return (raw, paid + pair, ticks) if timed else (raw, paid, 0)


ticks = st.integers(0, 60) | st.integers(0, 2**48)
counts = st.integers(0, 2**64 - 2)
works = st.tuples(counts, counts, st.none() | counts)


@st.composite
def trees(draw: st.DrawFn, coarsest: int = 0, depth: int = 0) -> Tree:
    """A tile with none coarser inside."""
    level = TileLevel(draw(st.integers(coarsest, 2)))
    inside = st.lists(trees(level.value, depth + 1), max_size=2) if depth < 3 else st.just([])
    children = draw(inside)
    return Tree(
        level=level,
        entry_point=draw(st.sampled_from(ENTRY_POINTS)),
        work=draw(works),
        times=[draw(ticks) for _ in range(len(children) + 1)],
        children=children,
    )


forests = st.lists(trees(), max_size=3)
