"""Whether a run kept its budgets: each limit is kept, exceeded, or cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from brickprof.core import units
from brickprof.core.histograms import bucket_bounds, percentile_ns
from brickprof.diagnose.categories import CategoryShare
from brickprof.diagnose.headline import short_name
from brickprof.diagnose.summary import BrickSummary, Summary, summary_of
from brickprof.recording import DEFAULT_BRICK, BrickInfo, Budget, Recording
from brickprof.recording.budgets import CATEGORY
from brickprof.roofline import Roofs


class Kept(Enum):
    """Whether a limit was kept; true only of `YES`."""

    YES = "kept"
    NO = "exceeded"
    CANNOT_TELL = "cannot tell"

    def __bool__(self) -> bool:
        """Tell whether it was, for certain."""
        return self is Kept.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetResult:
    """One limit of a budget, and what the run reached; true only where it was kept.

    Parameters
    ----------
    budget : Budget
        The budget.
    limit : {"ns", "gflops", "efficiency"}
        Which of its limits.
    allowed : float
        The limit: the most for ``"ns"``, else the least.
    reached : float or None
        The same of the run; None where it is not known.
    kept : Kept
        Whether it was kept.
    reason : str
        Why it cannot be told, or that there is no such brick or category; empty otherwise.
    """

    budget: Budget
    limit: str
    allowed: float
    reached: float | None
    kept: Kept
    reason: str = ""

    def __bool__(self) -> bool:
        """Tell whether the limit was kept; what cannot be told is false too."""
        return bool(self.kept)

    def __str__(self) -> str:
        """Return the result as a sentence."""
        return f"{self.budget.of} {short_name(self.budget.name)}: {self.kept.value}: {self.what}"

    @property
    def what(self) -> str:
        """The limit with what was reached, or why that is not known."""
        allowed = f"{self.sign} {self.shown(self.allowed)}"
        if self.reached is None:
            return f"{self.quantity} {allowed}: {self.reason}"
        return f"{self.quantity} {self.shown(self.reached)}, {allowed} allowed"

    @property
    def sign(self) -> str:
        """On which side of the limit the run has to be."""
        return "<=" if self.limit == "ns" else ">="

    @property
    def quantity(self) -> str:
        """What is limited."""
        if self.limit == "gflops":
            return "rate"
        if self.limit == "efficiency":
            return "efficiency"
        percentile = self.budget.percentile
        return "mean call" if percentile is None else f"p{percentile:g} of calls"

    def shown(self, value: float) -> str:
        """Return a value of the limited quantity as text."""
        if self.limit == "gflops":
            return f"{units.format_number(value)} GFLOP/s"
        return units.format_percent(value) if self.limit == "efficiency" else units.format_ns(value)


def check_budgets(
    recording_or_summary: Recording | Summary, roofs: Roofs | None = None
) -> tuple[BudgetResult, ...]:
    """Hold a run to the budgets in its recording.

    Parameters
    ----------
    recording_or_summary : Recording or Summary
        The run.
    roofs : Roofs, optional
        Roofs that efficiencies are of; by default the summary's or the recording's own.

    Returns
    -------
    tuple of BudgetResult
        One for each limit, by kind and name. A brick or category that was never recorded exceeded
        its budget: what is to be fast enough has to run. Where roofs, flops or times that the limit
        needs are missing it is neither kept nor exceeded.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    summary = summary_of(recording_or_summary, roofs)
    return tuple(one for budget in summary.recording.budgets for one in _results(budget, summary))


def exceeded(results: tuple[BudgetResult, ...]) -> bool:
    """Tell whether any limit was exceeded."""
    return any(one.kept is Kept.NO for one in results)


def _results(budget: Budget, summary: Summary) -> Iterator[BudgetResult]:
    """Yield the result of each limit of a budget."""
    for limit in ("ns", "gflops", "efficiency"):
        allowed = getattr(budget, limit)
        if allowed is None:
            continue
        found, reached, reason = _reached(budget, limit, summary)
        if not found:
            kept = Kept.NO
        elif reached is None:
            kept = Kept.CANNOT_TELL
        else:
            good = reached <= allowed if limit == "ns" else reached >= allowed
            kept = Kept.YES if good else Kept.NO
        yield BudgetResult(
            budget=budget, limit=limit, allowed=allowed, reached=reached, kept=kept, reason=reason
        )


def _reached(budget: Budget, limit: str, summary: Summary) -> tuple[bool, float | None, str]:
    """Return whether there is such a thing, what it reached, and why that is not known."""
    if budget.of == CATEGORY:
        for share in summary.categories:
            if share.category == budget.name:
                return (True, *_of_category(share))
        # A call is in the paths, which know its category, when it ends.
        if any(not one.info.calls and one.info.name != DEFAULT_BRICK for one in summary.bricks):
            return True, None, "no call of it ended, and others go on"
        return False, None, "not recorded"
    for brick in summary.bricks:
        if brick.info.name == budget.name:
            if limit == "ns":
                if budget.percentile is None:
                    return (True, *_mean_call_ns(brick.info, summary.recording))
                return (True, *_percentile_ns(brick.info, budget.percentile))
            return (True, *(_rate(brick) if limit == "gflops" else _efficiency(brick)))
    return False, None, "not recorded"


def _of_category(share: CategoryShare) -> tuple[float | None, str]:
    """Return the mean time of a category's call."""
    return (share.call_ns, "") if share.calls else (None, "no call ended")


def _mean_call_ns(info: BrickInfo, recording: Recording) -> tuple[float | None, str]:
    """Return the mean time of a brick's calls: exactly, or else within that of a histogram."""
    own = [path for path in recording.brick_paths if path.path[-1] == info.name]
    calls = sum(path.calls for path in own)
    if calls and calls == info.calls:
        return sum(path.total_ns for path in own) / calls, ""
    counted = sum(count for _, count in info.call_times)
    if not counted:
        return None, "no call ended"
    middles = [(sum(bucket_bounds(bucket)) / 2, count) for bucket, count in info.call_times]
    return sum(ns * count for ns, count in middles) / counted, ""


def _percentile_ns(info: BrickInfo, percentile: float) -> tuple[float | None, str]:
    """Return a percentile of the times of a brick's calls."""
    if not info.call_times:
        return None, "no call ended"
    first, last = (sum(bucket_bounds(info.call_times[end][0])) // 2 for end in (0, -1))
    return float(percentile_ns(info.call_times, percentile, first, last)), ""


def _rate(brick: BrickSummary) -> tuple[float | None, str]:
    """Return the rate of a brick's median call."""
    if not any(row.stats.flops for row in brick.levels):
        return None, "no flops declared"
    return brick.run_gflops, ""


def _efficiency(brick: BrickSummary) -> tuple[float | None, str]:
    """Return the efficiency of a brick's coarsest level with flops."""
    for row in brick.levels:
        if row.stats.flops:
            reason = "" if row.efficiency is not None else "no roofs"
            return row.efficiency, reason
    return None, "no flops declared"
