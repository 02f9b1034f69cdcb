"""The BrickProfiler that users see: the compiled one, and the report."""

from __future__ import annotations

from brickprof.diagnose.budgets import BudgetResult, check_budgets
from brickprof.profiler import brick_profiler
from brickprof.profiler.fast_calls import with_own_methods
from brickprof.reports.base import Report
from brickprof.reports.text import render
from brickprof.roofline import Roofs


@with_own_methods
class BrickProfiler(brick_profiler.BrickProfiler):
    __doc__ = brick_profiler.BrickProfiler.__doc__
    __slots__ = ()
    __module__ = "brickprof"

    def tile_summary(self, roofs: Roofs | None = None) -> str:
        """Return the report as text.

        Parameters
        ----------
        roofs : Roofs, optional
            Roofs to hold it against; by default those that `recording` finds.

        Returns
        -------
        str
            Lines with a newline at the end.

        Raises
        ------
        TypeError
            If `roofs` is something else.
        """
        return render(self.recording(roofs))

    def check_budgets(self, roofs: Roofs | None = None) -> tuple[BudgetResult, ...]:
        """Hold what was recorded so far to the budgets of `budget`.

        Parameters
        ----------
        roofs : Roofs, optional
            Roofs that efficiencies are of; by default those that `recording` finds.

        Returns
        -------
        tuple of BudgetResult
            One for each limit; see `brickprof.check_budgets`.

        Raises
        ------
        TypeError
            If `roofs` is something else.
        """
        return check_budgets(self.recording(roofs))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: findings and the levels of all bricks."""
        return Report.of(self.recording())._repr_html_()
