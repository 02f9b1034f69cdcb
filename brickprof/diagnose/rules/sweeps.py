"""Sweeps over thread counts: counts that are slower, gain nothing, or are too noisy to compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from brickprof.core import metrics, units
from brickprof.core.units import format_threads
from brickprof.diagnose.finding import Finding

MIN_ROUNDS = 6
"""Rounds below which a point is no evidence: the range of 5 misses the median in 1 of 16 cases,
that of 6 in 1 of 32, which is within the 5 % that an interval of 95 % allows."""

CLEAR_LOSS = 1.05
"""Ratio of medians from which a count is slower, provided that the intervals do not overlap: less
is not worth a change."""

NO_GAIN = 1.25
"""Speed-up by twice the threads below which they are not worth it: a quarter of what doubling could
gain at most, for twice the processors."""

WIDE_INTERVAL = 0.2
"""Width of an interval over the median above which a machine is noisy: thread counts that differ by
less than a fifth could not be distinguished."""


class PointLike(Protocol):
    """The times of one thread count, as `brickprof.SweepPoint` has them."""

    @property
    def threads(self) -> int:
        """The thread count."""

    @property
    def rounds(self) -> int:
        """Number of measurements."""

    @property
    def median_ns(self) -> int:
        """Median time of a call in nanoseconds."""

    @property
    def interval_ns(self) -> tuple[int, int]:
        """Confidence interval of the median at 95 %, nanoseconds."""


Point = TypeVar("Point", bound=PointLike)


class SweepLike(Protocol[Point]):
    """The times of several thread counts for the same work, as `brickprof.Sweep` has them."""

    @property
    def points(self) -> Sequence[Point]:
        """One for each thread count."""

    @property
    def unit(self) -> str:
        """Unit of the work; throughputs are in this per second."""

    @property
    def budget(self) -> int:
        """The least of physical cores, affinity and quota."""

    def throughput(self, point: Point) -> float:
        """Return the work per second at the median time."""


def diagnose_sweep(sweep: SweepLike[Point]) -> tuple[Finding, ...]:
    """Find the thread counts that are slower than fewer threads, and why.

    A count is slower where its median is clearly above the best one's and the confidence intervals
    of both do not overlap. Points of fewer than 6 rounds are left out.

    Parameters
    ----------
    sweep : Sweep
        Times of the same work at several thread counts.

    Returns
    -------
    tuple of Finding
        ``"thread-overhead"`` (a count within the budget is slower than a smaller one),
        ``"oversubscription"`` (one beyond the budget is), ``"no-gain"`` (twice the threads are
        hardly faster) and ``"noisy-machine"``; the one that is about most time first. `brick` and
        `level` are None, and a `weight` is nanoseconds of a call.
    """
    points = sorted(
        (point for point in sweep.points if point.rounds >= MIN_ROUNDS and point.median_ns),
        key=lambda point: point.threads,
    )
    if not points:
        return ()
    best = min(points, key=lambda point: (point.median_ns, point.threads))
    slower = [point for point in points if point.threads > best.threads and _slower(point, best)]
    found = [
        *_too_many(sweep, best, [point for point in slower if point.threads <= sweep.budget]),
        *_oversubscribed(sweep, best, [one for one in slower if one.threads > sweep.budget]),
        *_no_gain(sweep, points, best),
        *_noisy(points),
    ]
    return tuple(sorted(found, key=lambda finding: (-finding.weight, finding.code)))


def _slower(point: PointLike, best: PointLike) -> bool:
    """Return whether a point is clearly slower than another."""
    apart = point.interval_ns[0] > best.interval_ns[1]
    return apart and point.median_ns >= CLEAR_LOSS * best.median_ns


def _rate(sweep: SweepLike[Point], point: Point) -> str:
    """Return a point's throughput and threads as a clause."""
    rate = units.format_number(sweep.throughput(point))
    return f"{rate} {sweep.unit}/s with {format_threads(point.threads)}"


def _loss(
    sweep: SweepLike[Point], best: Point, slower: list[Point], code: str, cause: str, action: str
) -> Finding:
    """Return the finding that the largest of some thread counts is slower than the best."""
    worst = slower[-1]
    ratio = metrics.share(worst.median_ns, best.median_ns)
    return Finding(
        code=code,
        brick=None,
        level=None,
        symptom=f"{format_threads(worst.threads)} take {units.format_number(ratio)} times as long "
        f"as {best.threads}",
        evidence=f"{_rate(sweep, worst)}, {_rate(sweep, best)}; {_intervals(worst, best)}",
        figures=(
            ("threads", float(worst.threads)),
            ("best_threads", float(best.threads)),
            ("ratio", ratio),
            ("units_per_s", sweep.throughput(worst)),
            ("best_units_per_s", sweep.throughput(best)),
            ("budget", float(sweep.budget)),
        ),
        cause=cause,
        action=action,
        weight=float(worst.median_ns - best.median_ns),
    )


def _intervals(worse: PointLike, better: PointLike) -> str:
    """Return the intervals of two points as a clause."""
    worse_low, worse_high = map(units.format_ns, worse.interval_ns)
    low, high = map(units.format_ns, better.interval_ns)
    return f"medians within {worse_low} to {worse_high} and {low} to {high}"


def _too_many(sweep: SweepLike[Point], best: Point, slower: list[Point]) -> Iterator[Finding]:
    """More threads than the best number, though each has a core."""
    if slower:
        yield _loss(
            sweep,
            best,
            slower,
            "thread-overhead",
            "Thread overhead: the work of a call is cut too fine, so that waking threads up, "
            "waiting for them and passing cache lines between them outweighs it.",
            f"Reduce threads to {best.threads} (threads=, BRICKPROF_NUM_THREADS), or give each "
            "call more work.",
        )


def _oversubscribed(sweep: SweepLike[Point], best: Point, slower: list[Point]) -> Iterator[Finding]:
    """More threads than the process has cores for."""
    if slower:
        yield _loss(
            sweep,
            best,
            slower,
            "oversubscription",
            f"More threads than the {sweep.budget} that cores, affinity and quota allow: they "
            "share a core's units and caches, take turns, or use up the quota.",
            f"Use {format_threads(best.threads)}, and no more than {sweep.budget} for other work.",
        )


def _no_gain(sweep: SweepLike[Point], points: list[Point], best: Point) -> Iterator[Finding]:
    """Twice the threads are hardly faster, even at the favourable ends of their intervals."""
    at = {point.threads: point for point in points if point.threads <= sweep.budget}
    for threads, point in at.items():
        twice = at.get(2 * threads)
        if twice is None or _slower(twice, best) or not twice.interval_ns[0]:
            continue
        max_gain = metrics.share(point.interval_ns[1], twice.interval_ns[0])
        if max_gain >= NO_GAIN:
            continue
        gain = metrics.share(point.median_ns, twice.median_ns)
        yield Finding(
            code="no-gain",
            brick=None,
            level=None,
            symptom=f"{format_threads(twice.threads)} are hardly faster than {threads}",
            evidence=f"{_rate(sweep, point)}, {_rate(sweep, twice)}: {units.format_number(gain)} "
            f"times as much, {units.format_number(max_gain)} at most",
            figures=(
                ("threads", float(threads)),
                ("twice_threads", float(twice.threads)),
                ("gain", gain),
                ("most_gain", max_gain),
            ),
            cause="A call has too little work for more threads, or is memory-bound: they share "
            "the bandwidth that fewer use up.",
            action=f"Use {format_threads(threads)} and leave the other processors to other work; "
            "for more, enlarge the work of a call, or tile so that less is read from memory.",
            weight=max(twice.median_ns - point.median_ns / 2, 0.0),
        )
        return


def _noisy(points: list[Point]) -> Iterator[Finding]:
    """Intervals too wide to compare thread counts."""

    def width(point: PointLike) -> float:
        low, high = point.interval_ns
        return metrics.share(high - low, point.median_ns)

    worst = max(points, key=width)
    if width(worst) <= WIDE_INTERVAL:
        return
    low, high = worst.interval_ns
    yield Finding(
        code="noisy-machine",
        brick=None,
        level=None,
        symptom="times of the same work differ too much",
        evidence=f"with {format_threads(worst.threads)} the median is within "
        f"{units.format_ns(low)} to {units.format_ns(high)}, "
        f"{units.format_percent(width(worst))} of it, after "
        f"{units.format_count(worst.rounds)} rounds",
        figures=(
            ("threads", float(worst.threads)),
            ("low_ns", float(low)),
            ("high_ns", float(high)),
            ("width_share", width(worst)),
            ("rounds", float(worst.rounds)),
        ),
        cause="Something else ran at the same time, or the clock frequency changed.",
        action="Measure again on an idle machine, with more rounds.",
        weight=float(high - low),
    )
