"""A sweep of thread counts as text: a row for each count, conclusions and findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof.core import metrics, units
from brickprof.diagnose import diagnose_sweep
from brickprof.reports import layout
from brickprof.reports.findings_text import render_findings
from brickprof.tuning.medians import MIN_ROUNDS
from brickprof.tuning.scalability import Scalability
from brickprof.tuning.sweep import Sweep

if TYPE_CHECKING:
    from rich.console import Console


def render(
    sweep: Sweep,
    title: str,
    rounds: int,
    *,
    has_rule: bool = True,
    console: Console | None = None,
) -> str:
    """Render a sweep as text.

    Parameters
    ----------
    sweep : Sweep
        What was measured.
    title : str
        What was swept.
    rounds : int
        Rounds that were asked for.
    has_rule : bool
        Whether `sweep.rule` is a choice of `optimal_threads`; else the budget is shown.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    lines = [
        *layout.paragraphs(console, f"{title}, {units.format_counted(rounds, 'round')}", ""),
        *layout.table(
            console, columns(sweep.unit), rows(sweep), bold=sweep.points.index(sweep.best)
        ),
        *layout.paragraphs(console, "", *_conclusions(sweep, has_rule)),
    ]
    findings, text = diagnose_sweep(sweep), layout.text_of(lines)
    return f"{text}\n{render_findings(findings, console=console)}" if findings else text


def columns(unit: str) -> layout.Columns:
    """Return the headings; throughputs are in a unit per second."""
    return (
        ("Threads", "right"),
        (f"{unit}/s", "right"),
        ("95 %", "left"),
        ("Latency", "right"),
        ("95 %", "left"),
        ("Speed-up", "right"),
        ("Per thread", "right"),
        ("Rounds", "right"),
    )


def rows(sweep: Sweep) -> Iterator[tuple[str, ...]]:
    """Yield a row for each thread count; speed-ups are over the first."""
    first = sweep.points[0]
    for point in sweep:
        speedup = metrics.share(first.median_ns, point.median_ns)
        slowest, fastest = sweep.throughput_interval(point)
        low, high = point.interval_ns
        yield (
            str(point.threads),
            units.format_number(sweep.throughput(point)),
            f"{units.format_number(slowest)} to {units.format_number(fastest)}",
            units.format_ns(point.median_ns),
            _interval(low, high),
            units.format_ratio(speedup),
            units.format_percent(speedup * first.threads / point.threads),
            str(point.rounds),
        )


def _interval(low: int, high: int) -> str:
    """Return two times in nanoseconds with their unit, written once where it is the same."""
    (low_number, unit), high_text = units.format_ns(low).split(), units.format_ns(high)
    same_unit = high_text.endswith(f" {unit}")
    return f"{low_number} to {high_text}" if same_unit else f"{low_number} {unit} to {high_text}"


def _conclusions(sweep: Sweep, has_rule: bool) -> Iterator[str]:
    """Yield what follows from the times, a line each."""
    if sweep.dropped:
        yield f"Stopped early as clearly slower: {', '.join(map(str, sweep.dropped))}."
    if sweep.best.rounds < MIN_ROUNDS:
        yield f"Intervals of fewer than {MIN_ROUNDS} rounds are whole ranges, short of 95 %."
    yield f"Fastest measured: {units.format_threads(sweep.best.threads)}."
    law = sweep.scalability
    if law is not None:
        yield f"Model: {_optimum(law)} ({law.law}, R² {law.r_squared:.3f})."
        yield from law.caveats
    if has_rule:
        yield f"Rule: optimal_threads chooses {sweep.rule}, within a budget of {sweep.budget}."
    else:
        budget = units.format_threads(sweep.budget)
        yield f"Budget: {budget}, by cores, affinity and cgroup quota."


def _optimum(law: Scalability) -> str:
    """Return where the fitted law peaks, as a clause."""
    if law.law == "constant":
        return "throughput does not depend on the thread count"
    if math.isinf(law.optimum):
        return "throughput rises with every thread"
    if law.optimum == 1:
        return "throughput is greatest with one thread"
    return f"throughput peaks at {units.format_number(law.optimum)} threads"
