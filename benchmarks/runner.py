"""One process of a run: everything at one thread count, one line printed for each result.

python -m benchmarks.runner JSON, as the command starts it in an environment that is pinned.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import brickprof as bp
from benchmarks import environment, ratios, tables
from benchmarks.backends import Backends
from benchmarks.cases import family_cases
from benchmarks.errors import error_cases
from benchmarks.kernels import gemm
from benchmarks.kernels.table import KERNELS
from benchmarks.profiler_cost import corrected_cases, slowdown_cases, timer_cases
from benchmarks.ratios import Case
from benchmarks.roofs import roof_cases
from benchmarks.thread_gain import gain_cases


def main() -> None:
    """Run what was asked for and write it to the file that was named."""
    asked = json.loads(sys.argv[1])
    threads, names = asked["threads"], asked["names"]
    backends = Backends.here(threads, asked["seconds"], asked["quick"])
    product = gemm.prepare(gemm.Product(256, 256, 256), "float32", backends)
    backends = backends.warmed_up(product.calls)
    pools = environment.pools(threads)
    show_environment(backends, pools)
    done: dict[str, object] = {
        "threads": threads,
        "pools": pools,
        "pause": backends.effort.pause,
        "machine": bp.detect_machine().to_json(),
        "fingerprint": bp.detect_machine().fingerprint(),
        "versions": environment.versions(),
        "cases": [*kernel_cases(names, backends)],
    }
    for name, run in measurements(backends, asked["first"]).items():
        if name in names:
            done[name] = cases = [*run()]
            print("\n" + "\n\n".join(tables.MEASURED[name](cases)), flush=True)
    Path(asked["file"]).write_text(json.dumps(done))


def measurements(backends: Backends, first: bool) -> dict[str, Callable[[], Iterable[Case]]]:
    """Return what is measured besides kernels: once, or where there are several threads."""
    single: dict[str, Callable[[], Iterable[Case]]] = {
        "timer": lambda: timer_cases(backends),
        "slowdown": lambda: slowdown_cases(backends),
        "corrected": lambda: corrected_cases(backends),
        "errors": lambda: error_cases(backends),
        "roofs": lambda: roof_cases(backends.quick),
    }
    several = {"gain": lambda: gain_cases(backends)} if backends.threads > 1 else {}
    return (single if first else {}) | several


def kernel_cases(names: list[str], backends: Backends) -> Iterable[Case]:
    """Run the families that were asked for."""
    for kernel in KERNELS.values():
        for family in kernel.families:
            if family in names:
                started = time.perf_counter()
                cases = [*shown(family_cases(kernel, family, backends))]
                yield from cases
                show_summary(family, cases, time.perf_counter() - started)


def shown(cases: Iterable[Case]) -> Iterable[Case]:
    """Print each case as it comes."""
    for case in cases:
        print(case_line(case), flush=True)
        yield case


def show_environment(backends: Backends, pools: list[dict[str, object]]) -> None:
    """Print the libraries, their kernels and their threads."""
    threads = backends.threads
    print(f"\n{threads} thread{'s' if threads > 1 else ''} in every library:")
    for pool in pools:
        facts = (f"{name} {value}" for name, value in pool.items() if name != "library")
        print(f"  {pool['library']}: {', '.join(facts)}")
    if torch := backends.torch:
        print(f"  PyTorch {torch.__version__}: {torch.get_num_threads()} by its own account")
    print(f"  brickprof {bp.__version__}: {', '.join(bp.isas())}, best first")
    if backends.effort.pause:
        print(
            f"  {backends.effort.pause * 1e3:.1f} ms of sleep before each block: idle workers spin"
        )


def case_line(case: Case) -> str:
    """Return a case as a line: the ratio to the best of the others, and to each with its rate."""
    rates = [f"{ratios.rate(case, ratios.OURS):.4g}"]
    for name in ratios.others(case):
        low, high = ratios.spread(case, name)
        rates.append(
            f"{name} {ratios.rate(case, name):.4g} "
            f"({ratios.ratio(case, other=name):.3f}, {low:.3f}-{high:.3f})"
        )
    return (
        f"{case['family']:14.14} {case['dtype'][0]}{case['dtype'][5:]} {case['title']:33.33} "
        f"{ratios.ratio(case):6.3f} median {ratios.ratio(case, 'median'):6.3f}  "
        f"GFLOP/s {'  '.join(rates)}"
    )


def show_summary(family: str, cases: list[Case], seconds: float) -> None:
    """Print a family's means, against the best of the others and against each."""
    parts = []
    names = ratios.values(cases, lambda case: tuple(ratios.others(case)))
    for name in (None, *names[0]) if names else ():
        best = ratios.summarize(cases, "best", name)
        middle = ratios.summarize(cases, "median", name)
        if best and middle:
            parts.append(
                f"{name or 'best of the others'} {best.mean:.3f} (least {best.least:.3f}; "
                f"of medians {middle.mean:.3f}, least {middle.least:.3f})"
            )
    print(f"  {family}, {seconds:.0f} s: {'; '.join(parts) or 'nothing to compare'}\n")


if __name__ == "__main__":
    main()
