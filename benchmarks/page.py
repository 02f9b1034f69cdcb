"""The page of results, made from the JSON of a run and from nothing else.

python -m benchmarks.page FILE.json [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import ratios, tables
from benchmarks.kernels.base import KernelBenchmark
from benchmarks.kernels.table import KERNELS, unequal_families
from benchmarks.ratios import Case, pick
from benchmarks.tables import table

FORMAT = 1
PAGE = "RESULTS.md"

Document = dict[str, Any]

INTRODUCTION = """\
Made by `make bench`, from [{name}]({name}), on {date}.

All backends run in one process, in interleaved rounds of a new order each, so that a drift of the
machine hits all alike. A ratio is the other's time over brickprof's: **above 1, brickprof is
faster**. Unless another is named it is against the fastest of the others, problem by problem.
Thread counts of all libraries are pinned and checked. Short calls are repeated to fill 0.2 ms.
Results are checked as they are timed."""

CHARTS = {
    "ratios": "Ratios to the fastest of the others, family by family",
    **{kernel.chart.name: kernel.chart.caption for kernel in KERNELS.values()},
}


def to_json(document: Document) -> str:
    """Return the document as JSON with one case a line."""
    parts = []
    for name, value in document.items():
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]"
        else:
            text = json.dumps(value)
        parts.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def render(document: Document, charts: Sequence[str] = (), name: str = "") -> str:
    """Return the page.

    Parameters
    ----------
    document : dict
        What a run found.
    charts : sequence of str
        Those of `CHARTS` that were drawn.
    name : str
        Where the JSON is, seen from the page.
    """
    shown = {key: f"![{CHARTS[key]}](results/{key}.svg)" for key in charts}
    quick = "This was a smoke run: its figures mean nothing.\n" if document["quick"] else ""
    sections = [
        "# Results",
        INTRODUCTION.format(name=name, date=document["date"][:10]),
        quick,
        "## Machine and libraries",
        machine(document),
        *(("## Overview", text) if (text := overview(document["cases"])) else ()),
        shown.get("ratios", ""),
        *(
            text
            for kernel in KERNELS.values()
            for text in of_kernel(kernel, document["cases"], shown.get(kernel.chart.name, ""))
        ),
        *(text for name, show in tables.MEASURED.items() for text in show(document[name])),
        *losing(document["cases"]),
        *tables.every_case(document["cases"]),
    ]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def machine(document: Document) -> str:
    """Describe what was measured on, and with what."""
    facts = document["machine"]
    caches = ", ".join(
        f"L{cache['level']} {tables.size(cache['size_bytes'])}" for cache in facts["caches"]
    )
    versions = ", ".join(f"{name} {text}" for name, text in document["versions"].items())
    lines = [
        f"- {facts['cpu']}, {facts['physical_cores']} cores, {facts['isa']}; {caches}",
        f"- {versions}",
    ]
    for threads, pools in document["pools"].items():
        described = "; ".join(tables.pool(pool) for pool in pools)
        pause = document["pauses"][threads]
        slept = f"; {pause * 1e3:.0f} ms of sleep before each block, for idle workers spin"
        lines.append(f"- {tables.threads(int(threads))}: {described}{slept if pause else ''}")
    return "\n".join([*lines, *(f"- {note}" for note in document["notes"])])


def overview(cases: Sequence[Case]) -> str:
    """Tell the means over all families; nothing where nothing was compared."""
    rows = []
    for kind, dtype, threads in ratios.values(
        cases, lambda case: (case["kind"], case["dtype"], case["threads"])
    ):
        group = pick(tables.counted(cases), kind=kind, dtype=dtype, threads=threads)
        best, middle = ratios.summarize(group), ratios.summarize(group, "median")
        if best and middle:
            each = [ratios.summarize(group, "best", name) for name in tables.BACKENDS]
            rows.append(
                [
                    f"{kind} {dtype}, {tables.threads(threads)}", best.count,
                    f"**{best.mean:.3f}**", f"{best.least:.3f}", f"{best.won:.0%}",
                    f"{middle.mean:.3f}", f"{middle.least:.3f}",
                    *(f"{other.mean:.3f}" if other else "" for other in each),
                ]
            )  # fmt: skip
    if not rows:
        return ""
    head = ["", "problems", "mean", "least", "won", "mean of medians", "least of medians"]
    return table([*head, *(f"against {name}" for name in tables.BACKENDS)], rows) + (
        "\n\nGeometric means of ratios to the fastest of the others, and, in the last columns, to "
        "each; of best times unless medians are named. "
        f"Left out: {', '.join(f'“{family}”' for family in unequal_families())}."
    )


def of_kernel(kernel: KernelBenchmark, cases: Sequence[Case], chart: str) -> list[str]:
    """Tell a kernel's cases, family by family."""
    cases = pick(cases, kind=kernel.name)
    if not cases:
        return []
    found = ratios.values(cases, lambda case: case["family"])
    return [
        f"## {kernel.heading}",
        kernel.note,
        tables.families(cases),
        *(text for family, text in kernel.unequal.items() if family in found),
        chart,
        *tables.peaks(kernel, cases),
    ]


def losing(cases: Sequence[Case]) -> list[str]:
    """List what another does faster, the worst first."""
    lost = ratios.losses(cases)
    compared = [case for case in cases if len(case["times"]) > 1]
    if not compared:
        return []
    lines = [
        f"In {len(lost)} of {len(compared)} cases another's best time is better than brickprof's, "
        f"in {len(ratios.losses(cases, below=0.95))} by more than a twentieth; by medians it is "
        f"{len(ratios.losses(cases, 'median'))} and "
        f"{len(ratios.losses(cases, 'median', 0.95))}.",
    ]
    if lost:
        rows = [
            [
                case["family"], case["title"],
                f"{case['dtype']}, {tables.threads(case['threads'])}",
                ratios.best_other(case), f"{ratios.ratio(case):.3f}",
                tables.with_spread(case),
            ]
            for case in lost
        ]  # fmt: skip
        head = ["family", "problem", "", "to", "ratio of best", "of medians (quartiles)"]
        lines.append(table(head, rows))
    return ["## Where it loses", *lines]


def write(document: Document, folder: Path, name: str = "") -> Path:
    """Draw the charts where matplotlib is installed, and write the page."""
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    try:
        from benchmarks import charts

        drawn = charts.draw(document["cases"], results)
    except ImportError:
        print("no charts: matplotlib is not installed")
        drawn = []
    path = folder / PAGE
    path.write_text(render(document, drawn, name))
    return path


def main() -> None:
    """Write the page of a run that was kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, help="folder; by default the one above the file's")
    args = parser.parse_args()
    folder = args.out or args.file.parent.parent
    document = json.loads(args.file.read_text())
    if document.get("format") != FORMAT:
        parser.error(f"{args.file} is of format {document.get('format')}, not {FORMAT}")
    print(write(document, folder, f"results/{args.file.name}"))


if __name__ == "__main__":
    main()
