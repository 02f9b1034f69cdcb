"""The types in which a kernel says what the benchmarks measure of it and how they report it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.backends import Array, Backends
from benchmarks.ratios import Case
from benchmarks.rounds import Call

QUICK_WORK = 3e8
"""Floating point operations of the largest problem of a smoke run."""


class Problem(Protocol):
    """A size of a kernel's work: a named tuple, whose fields are kept as the case's "shape"."""

    @property
    def title(self) -> str:
        """The problem for a reader."""

    @property
    def work(self) -> float:
        """Floating point operations."""

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """One problem, ready to be timed.

    Parameters
    ----------
    calls : dict of str to callable
        Each backend's call for the same work, brickprof's first.
    results : dict of str to callable
        What gives each backend's result, once its call ran.
    reference : callable
        Returns the result in float64.
    check : callable
        Raises AssertionError where results differ by more than rounding.
    """

    calls: dict[str, Call]
    results: dict[str, Callable[[], Array]]
    reference: Callable[[], Array]
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RateChart:
    """A chart of rates over a size: a row of panels for each value of something.

    Parameters
    ----------
    name, caption : str
        The file's name without its suffix, and the text under the chart.
    shown : callable
        Whether a case belongs on the chart.
    row : callable
        The title of a case's row of panels.
    size : callable
        A case's place on the horizontal axis.
    size_title : str
        What is written at that axis.
    """

    name: str
    caption: str
    shown: Callable[[Case], bool]
    row: Callable[[Case], str]
    size: Callable[[Case], int]
    size_title: str


@dataclass(frozen=True, slots=True)
class KernelBenchmark:
    """All that the benchmarks know of a kernel.

    Parameters
    ----------
    name, heading : str
        Its name in cases and on the command line; the heading of its part of the page.
    families : mapping of str to sequence of problems
        What is measured; the names differ from those of the other kernels' families.
    dtypes : tuple of str
        The element types in which each family is measured.
    prepare : callable
        Takes a problem, an element type, the backends and the family, if any.
    call : callable
        Takes a problem and an element type; returns brickprof's call, which takes `threads` and
        `profiler`.
    error_problems, gain_problems : sequence of problems
        Those whose errors are compared, and those of which one thread and several are compared.
    slowdown_problem : problem
        That which is run with all three levels on and with none.
    chart : RateChart
        Its chart on the page.
    note : str
        What the page says before its table.
    unequal : mapping of str to str
        Families in which the backends do not do the same work, which stay out of overall figures,
        and what the page says of each.
    peak_shown : callable
        Whether a problem is held against the multiply-add peak, which then runs in its rounds.
    peak_note : str
        Which problems those are.
    """

    name: str
    heading: str
    families: Mapping[str, Sequence[Any]]
    dtypes: tuple[str, ...]
    prepare: Callable[[Any, str, Backends, str | None], Prepared]
    call: Callable[[Any, str], Callable[..., object]]
    error_problems: Sequence[Any]
    gain_problems: Sequence[Any]
    slowdown_problem: Any
    chart: RateChart
    note: str = ""
    unequal: Mapping[str, str] = field(default_factory=dict)
    peak_shown: Callable[[Any], bool] = lambda problem: False
    peak_note: str = ""


def subset(family: Sequence[Any], quick: bool) -> list[Any]:
    """Return a family's problems, or for a smoke run its first and last that take no time."""
    problems = list(family)
    if not quick:
        return problems
    light = [problem for problem in problems if problem.work <= QUICK_WORK]
    return [light[0], light[-1]] if len(light) > 1 else light or problems[:1]
