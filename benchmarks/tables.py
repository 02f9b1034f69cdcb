"""The tables on the page of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import ratios
from benchmarks.kernels.base import KernelBenchmark
from benchmarks.kernels.table import unequal_families
from benchmarks.ratios import OURS, Case, pick

BACKENDS = ("NumPy", "PyTorch", "BLIS")


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, all columns but the first to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def threads(count: int) -> str:
    """Return a thread count with its noun."""
    return f"{count} thread{'' if count == 1 else 's'}"


def size(nbytes: int) -> str:
    """Return a cache's size."""
    return f"{nbytes / 1024**2:g} MiB" if nbytes >= 1024**2 else f"{nbytes / 1024:g} KiB"


def pool(facts: Mapping[str, Any]) -> str:
    """Return what threadpoolctl tells of a library."""
    parts = [facts["internal_api"], facts.get("version"), facts.get("architecture")]
    return " ".join(str(part) for part in parts if part) + f" on {facts['num_threads']}"


def counted(cases: Iterable[Case]) -> list[Case]:
    """Leave out the families in which the backends do not do the same work."""
    unequal = unequal_families()
    return [case for case in cases if case["family"] not in unequal]


def with_spread(case: Case) -> str:
    """Return the ratio of medians and the quartiles of the ratio."""
    low, high = ratios.spread(case)
    return f"{ratios.ratio(case, 'median'):.3f} ({low:.3f} to {high:.3f})"


def families(cases: Sequence[Case]) -> str:
    """Return a row for each family and a column for each element type and thread count."""
    settings = ratios.values(cases, lambda case: (case["dtype"], case["threads"]))
    rows = []
    for family in ratios.values(cases, lambda case: case["family"]):
        cells = []
        for dtype, count in settings:
            group = pick(cases, family=family, dtype=dtype, threads=count)
            cells.append(_cell(group))
        rows.append([family, *cells])
    whole = [_cell(pick(counted(cases), dtype=dtype, threads=count)) for dtype, count in settings]
    rows.append(["all", *whole])
    head = ["family", *(f"{dtype}, {threads(count)}" for dtype, count in settings)]
    note = "Geometric mean of best times, that of medians, and the least of best times."
    return f"{note}\n\n{table(head, rows)}"


def _cell(group: Sequence[Case]) -> str:
    best, middle = ratios.summarize(group), ratios.summarize(group, "median")
    return f"**{best.mean:.2f}** · {middle.mean:.2f} · {best.least:.2f}" if best and middle else ""


def peaks(kernel: KernelBenchmark, cases: Sequence[Case]) -> list[str]:
    """Return the shares of the multiply-add peak that a kernel's large problems reach."""
    large = [case for case in cases if "peak" in case]
    if not large:
        return []
    rows = [
        [
            case["title"], f"{case['dtype']}, {threads(case['threads'])}",
            f"{case['peak']['best']:.0f}",
            *(_share(case, name) for name in (OURS, *BACKENDS)),
        ]
        for case in sorted(large, key=lambda case: (case["dtype"], case["threads"]))
    ]  # fmt: skip
    head = ["problem", "", "peak, GFLOP/s", OURS, *BACKENDS]
    note = (
        f"Share of the multiply-add peak, for {kernel.peak_note}; the peak is "
        "measured in the same rounds, and both are best times."
    )
    means = []
    for dtype, count in ratios.values(large, lambda case: (case["dtype"], case["threads"])):
        group = pick(large, dtype=dtype, threads=count)
        shares = [ratios.shares(group, name) for name in (OURS, *BACKENDS)]
        cells = [f"{found.mean:.1%}, least {found.least:.1%}" if found else "" for found in shares]
        means.append([f"{dtype}, {threads(count)}", *cells])
    summary = table(["geometric mean", OURS, *BACKENDS], means)
    return ["### Share of the peak", note, summary, folded("Products", table(head, rows))]


def _share(case: Case, name: str) -> str:
    return f"{ratios.peak_fraction(case, name):.1%}" if name in case["times"] else ""


def folded(title: str, text: str) -> str:
    """Return a text that opens at a click."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def gain(cases: Sequence[Case]) -> list[str]:
    """Return what several threads gain over one."""
    if not cases:
        return []
    rows = [
        [case["title"], case["threads"], f"{case['gain']:.2f}", f"{case['median gain']:.2f}"]
        for case in cases
    ]
    note = "One thread's time over that of several, in interleaved rounds in one process."
    shown = table(["", "threads", "of best", "of medians"], rows)
    return ["## What threads gain", note, shown]


def timer(cases: Sequence[Case]) -> list[str]:
    """Return what a pair costs next to what it is held against."""
    rows = [
        [
            case["title"], f"{case['cost']['best'] * 1e9:.3g} ns", case["against"],
            f"{case['reference']['best'] * 1e9:.3g} ns", f"{case['ratio of best']:.2f}",
            _quartiles(case["ratio"], "{:.2f}"),
        ]
        for case in cases
    ]  # fmt: skip
    note = "Each loop's own time is taken out. Here a ratio below 1 is cheaper than the other."
    head = ["", "costs", "against", "which costs", "ratio of best", "median (quartiles)"]
    return ["## What the timer costs", note, table(head, rows)] if cases else []


def slowdown(cases: Sequence[Case]) -> list[str]:
    """Return by how much profiling slows the kernels."""
    rows = [
        [case["title"], _quartiles([value - 1 for value in case["paired"]["on"]], "{:+.2%}")]
        for case in cases
    ]
    note = "All three levels on, against the same without a profiler, interleaved on one thread."
    shown = table(["", "median (quartiles)"], rows)
    return ["## What profiling slows down", note, shown] if cases else []


def corrected(cases: Sequence[Case]) -> list[str]:
    """Return corrected times next to those of the same work in bulk."""
    rows = [
        [case["title"], *(_quartiles(case[name], "{:.3f}") for name in ("corrected", "raw"))]
        for case in cases
    ]
    note = "Time of tiles over that of the same work without any, timed as a whole: 1 is exact."
    head = ["", "corrected, median (quartiles)", "raw"]
    return ["## Is the timer's cost taken out?", note, table(head, rows)] if cases else []


def _quartiles(found: Sequence[float], form: str) -> str:
    low, middle, high = (form.format(value) for value in found)
    return f"{middle} ({low} to {high})"


def errors(cases: Sequence[Case]) -> list[str]:
    """Return the errors against float64."""
    if not cases:
        return []
    rows = [
        [
            case["title"],
            *(f"{case['errors'][name]:.2g}" if name in case["errors"] else ""
              for name in (OURS, *BACKENDS)),
            *(f"{case['ratios'][name]:.2f}" if name in case["ratios"] else ""
              for name in BACKENDS[:2]),
        ]
        for case in cases
    ]  # fmt: skip
    note = (
        "Largest error of a float32 result over the largest value of the float64 one. Below 1,"
        " brickprof is nearer than the other."
    )
    head = ["", OURS, *BACKENDS, *(f"{OURS} / {name}" for name in BACKENDS[:2])]
    return ["## Errors", note, table(head, rows)]


def roofs(cases: Sequence[Case]) -> list[str]:
    """Return measured roofs next to likwid-bench's."""
    if not cases:
        return []
    rows = [
        [
            f"{case['title']}, {case['unit']}", f"{max(case['brickprof']):.4g}",
            f"{max(case['likwid']):.4g}", f"{case['ratio']:.2f}",
            f"{_range(case['brickprof'])} / {_range(case['likwid'])}",
        ]
        for case in cases
    ]  # fmt: skip
    note = (
        "What brickprof takes for the machine's roofs, and what likwid-bench measures, alternately."
    )
    return ["## Roofs", note, table(["", OURS, "likwid", "ratio", "lowest to highest"], rows)]


def _range(found: Sequence[float]) -> str:
    return f"{min(found):.4g} to {max(found):.4g}"


def every_case(cases: Sequence[Case]) -> list[str]:
    """Return every case, folded by thread count and family."""
    sections = []
    for count, kind, family in ratios.values(
        cases, lambda case: (case["threads"], case["kind"], case["family"])
    ):
        group = pick(cases, threads=count, kind=kind, family=family)
        names = ratios.values((name for case in group for name in case["times"]), str)
        rows = [
            [
                case["title"], case["dtype"],
                *(_rate(case, name) for name in names),
                f"{ratios.ratio(case):.3f}", with_spread(case),
            ]
            for case in group
            if len(case["times"]) > 1
        ]  # fmt: skip
        head = ["problem", "", *names, "ratio of best", "of medians (quartiles)"]
        sections.append(folded(f"{kind}, {family}, {threads(count)}", table(head, rows)))
    note = "GFLOP/s of best times; ratios to the fastest of the others."
    return ["## All cases", note, *sections] if sections else []


def _rate(case: Case, name: str) -> str:
    return f"{ratios.rate(case, name):.3g}" if name in case["times"] else ""


MEASURED = {
    "gain": gain,
    "timer": timer,
    "slowdown": slowdown,
    "corrected": corrected,
    "errors": errors,
    "roofs": roofs,
}
"""What makes the section of each measurement besides the kernels' cases."""
