"""How often ``brickprof compare`` is right: on runs of one build, and on a level that is slower.

``python -m benchmarks.comparisons`` runs processes in pairs, one after the other: both of one
build, of which compare must say that there is no difference; and one whose tiles of one level do
5 % more work than the other's, which it must find. Whatever else runs on the machine is part of the
question.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from brickprof import BrickProfiler, TileLevel, compare_recordings, load_recording
from brickprof.diagnose.comparison import Comparison

SLOWER = 0.05
"""How much slower a level is made."""

OWN_UNITS = {TileLevel.MACRO: 80, TileLevel.MIDI: 20, TileLevel.MICRO: 20}
"""Units of work of a tile of a level outside finer tiles, of which it has `INSIDE`."""

INSIDE = 4

TOTAL_UNITS = {TileLevel.MACRO: 480, TileLevel.MIDI: 100, TileLevel.MICRO: 20}
"""The same with the tiles inside."""

Unit = Callable[[], object]


def python_unit() -> Unit:
    """Return some work of the interpreter."""

    def work() -> int:
        total = 0
        for i in range(100):
            total += i * i
        return total

    return work


def product_unit() -> Unit:
    """Return a small product of matrices."""
    a, b = (np.full((48, 48), 0.5, np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def copy_unit() -> Unit:
    """Return a copy of what fits into no cache of a core."""
    source = np.ones(16 << 20, np.uint8)
    target = np.empty_like(source)
    state = {"place": 0}

    def work() -> None:
        place = state["place"]
        target[place : place + (64 << 10)] = source[place : place + (64 << 10)]
        state["place"] = (place + (64 << 10)) % len(source)

    return work


UNITS: dict[str, Callable[[], Unit]] = {
    "python": python_unit,
    "product": product_unit,
    "copy": copy_unit,
}


def run(kernel: str, level: TileLevel | None, seconds: float, path: Path) -> None:
    """Record a kernel for some time, with tiles of a level that do more work."""
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    units = dict(OWN_UNITS)
    if level is not None:
        units[level] += round(SLOWER * TOTAL_UNITS[level])
    unit = UNITS[kernel]()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with prof.brick(kernel):
            tile(prof, TileLevel.MACRO, unit, units)
    prof.recording().save(path)


def tile(prof: BrickProfiler, level: TileLevel, unit: Unit, units: dict[TileLevel, int]) -> None:
    """Do the work of a tile and of those inside it."""
    timer = prof.start_tile(level, 0, 0)
    for _ in range(units[level]):
        unit()
    if level is not TileLevel.MICRO:
        for _ in range(INSIDE):
            tile(prof, TileLevel(level + 1), unit, units)
    prof.stop_tile(timer, TOTAL_UNITS[level], 0)


def recorded(kernel: str, level: TileLevel | None, seconds: float, path: Path) -> Path:
    """Run a process that records a kernel."""
    name = "none" if level is None else level.name
    command = [sys.executable, "-m", __spec__.name, "--worker", kernel, name, str(seconds), path]
    subprocess.run(command, check=True)
    return path


def compared(folder: Path, kernel: str, level: TileLevel | None, seconds: float) -> Comparison:
    """Record one process after the other, and compare them."""
    folder.mkdir(parents=True)
    a = recorded(kernel, None, seconds, folder / "a.json")
    b = recorded(kernel, level, seconds, folder / "b.json")
    return compare_recordings(load_recording(a), load_recording(b))


def named(comparison: Comparison, level: TileLevel) -> bool:
    """Tell whether a comparison found a level slower, and no other level's self time."""
    slower = [row for row in comparison.rows if row.level and row.verdict.value == "slower"]
    own = [
        row.level for row in slower if row.self_change and row.self_change.verdict.value == "slower"
    ]
    return level.name in [row.level for row in slower] and own in ([], [level.name])


def summary(
    kernel: str, alike: Sequence[Comparison], slower: Sequence[tuple[TileLevel, Comparison]]
) -> str:
    """Return a line of how often comparisons were right."""
    right = sum(one.verdict.value == "no difference" for one in alike)
    found = sum(one.verdict.value == "slower" for _, one in slower)
    level = sum(named(one, level) for level, one in slower)
    visible = sorted(one.rows[0].change.visible or 0.0 for one in alike)
    middle = 100 * visible[len(visible) // 2] if visible else 0.0
    return (
        f"{kernel:10} no difference {right} of {len(alike)}; "
        f"slower found {found} of {len(slower)}, its level alone {level}; "
        f"would have seen {middle:.1f} % of the whole (median)"
    )


def measure(kernel: str, folder: Path, pairs: int, slower_pairs: int, seconds: float) -> str:
    """Run all pairs of a kernel, those with a slower level between the others."""
    alike: list[Comparison] = []
    slower: list[tuple[TileLevel, Comparison]] = []
    levels = list(TileLevel)
    for number in range(max(pairs, slower_pairs)):
        if number < pairs:
            alike.append(compared(folder / f"{kernel}-same-{number}", kernel, None, seconds))
        if number < slower_pairs:
            level = levels[number % len(levels)]
            place = folder / f"{kernel}-{level.name}-{number}"
            slower.append((level, compared(place, kernel, level, seconds)))
    return summary(kernel, alike, slower)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, or record one run where a benchmark asked for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=sorted(UNITS), help="one kernel")
    parser.add_argument("--pairs", type=int, default=40, help="of runs of one build")
    parser.add_argument("--slower-pairs", type=int, default=20, help="with a slower level")
    parser.add_argument("--seconds", type=float, default=1.5, help="of a run")
    parser.add_argument("--keep", type=Path, help="folder for the recordings")
    args = parser.parse_args(argv)
    if args.worker:
        kernel, level, seconds, path = args.worker
        run(kernel, None if level == "none" else TileLevel[level], float(seconds), Path(path))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        for kernel in [args.only] if args.only else UNITS:
            line = measure(
                kernel, args.keep or Path(scratch), args.pairs, args.slower_pairs, args.seconds
            )
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
