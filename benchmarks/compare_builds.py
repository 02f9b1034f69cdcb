"""Compare the speed of this build of brickprof with that of another checkout, interleaved.

Each build runs in a worker process of its own, both pinned to the same CPU, and the two alternate
blocks of a few milliseconds in the order this, other, other, this. A drift of the machine hits
both alike, and linear drift cancels within a round. Where malloc and the loader put things may
cost one process some percent for as long as it lives, so the workers are started anew several
times. CPU time leaves out what other programs take; wall time is beside it, for it shows waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import build_worker, environment
from benchmarks.arguments import positive_int

HERE = Path(__file__).resolve().parents[1]
ORDER = (0, 1, 1, 0)
"""Which build runs each block of a round: 0 is this one."""

SLOWER = 3
"""The exit code where a case is slower than ``--fail-above`` allows."""


class Round(NamedTuple):
    """Seconds a call of the four blocks of a round, two of each build."""

    this: tuple[float, float]
    other: tuple[float, float]

    @property
    def ratio(self) -> float:
        """The time of this build over that of the other."""
        return sum(self.this) / sum(self.other)


class Comparison(NamedTuple):
    """What came of a case; `restarts` holds the rounds of each pair of processes."""

    name: str
    cpu: list[list[Round]]
    wall: list[list[Round]]

    @property
    def ratio(self) -> float:
        """The ratio of the medians of CPU time."""
        this, other = medians(self.cpu)
        return this / other


class Worker:
    """A process that times one build."""

    def __init__(self, checkout: Path, cpu: int) -> None:
        variables = {**environment.pinned(os.environ, 1), "PYTHONHASHSEED": "0"}
        variables["PYTHONDONTWRITEBYTECODE"] = "1"  # The other checkout stays as it is.
        variables.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            [sys.executable, build_worker.__file__, str(checkout), str(cpu)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables,
        )  # fmt: skip
        self.checkout = checkout
        self.version = self._reply()

    def ask(self, request: str, argument: object) -> Any:
        """Send a request and wait for the reply.

        Raises
        ------
        RuntimeError
            If the process ended; it has written why to stderr.
        """
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([request, argument]) + "\n")
            self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"the worker of {self.checkout} ended: {self._process.returncode}")
        return json.loads(line)

    def close(self) -> None:
        """End the process, which stops at the end of its stdin."""
        self._process.communicate()


@contextmanager
def workers(checkouts: Sequence[Path], cpu: int) -> Iterator[list[Worker]]:
    """Start a worker for each checkout."""
    with ExitStack() as stack:
        started = []
        for checkout in checkouts:
            worker = Worker(checkout, cpu)
            stack.callback(worker.close)
            started.append(worker)
        yield started


def rounds(pair: Sequence[Worker], name: str, count: int, seconds: float
           ) -> tuple[list[Round], list[Round]]:  # fmt: skip
    """Run a case for so many rounds and return the rounds in CPU and in wall time."""
    calls = max(1, int(seconds / max(worker.ask("prepare", name) for worker in pair)))
    cpu: list[Round] = []
    wall: list[Round] = []
    for _ in range(count):
        blocks = [pair[index].ask("block", calls) for index in ORDER]
        for clock, found in ((0, cpu), (1, wall)):
            a, b, c, d = (block[clock] for block in blocks)
            found.append(Round((a, d), (b, c)))
    return cpu, wall


def compare(checkouts: Sequence[Path], args: argparse.Namespace) -> Iterator[Comparison]:
    """Compare all cases; the processes are started anew for each share of the rounds."""
    for name in args.only or build_worker.CASES:
        found: list[tuple[list[Round], list[Round]]] = []
        for _ in range(args.restarts):
            with workers(checkouts, args.cpu) as pair:
                share = -(-args.rounds // args.restarts)
                found.append(rounds(pair, name, share, args.block_ms / 1e3))
        cpu, wall = ([*each] for each in zip(*found, strict=True))
        yield Comparison(name, cpu, wall)


def medians(restarts: Sequence[Sequence[Round]]) -> tuple[float, float]:
    """Return the median seconds a call of this build and of the other."""
    whole = [one for part in restarts for one in part]
    return (
        statistics.median(block for one in whole for block in one.this),
        statistics.median(block for one in whole for block in one.other),
    )


def row(found: Comparison) -> str:
    """Return a case as a line of the table."""
    this, other = medians(found.cpu)
    ratios = [one.ratio for part in found.cpu for one in part]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    wall = medians(found.wall)
    by_process = [a / b for a, b in (medians([part]) for part in found.cpu)]
    return (
        f"{found.name:20} {shown(this):>9} {shown(other):>9} {found.ratio:7.3f}"
        f"  {low:.3f} to {high:.3f} {wall[0] / wall[1]:7.3f}"
        f"  {min(by_process):.3f} to {max(by_process):.3f}"
    )


HEAD = (
    f"{'':20} {'this':>9} {'other':>9} {'ratio':>7}  {'quartiles':14} {'wall':>7}  by process pair"
)


def shown(seconds: float) -> str:
    """Return seconds in the unit that keeps the figure short."""
    for unit, scale in (("ns", 1e9), ("us", 1e6)):
        if seconds * scale < 999.95:
            return f"{seconds * scale:.1f} {unit}"
    return f"{seconds * 1e3:.2f} ms"


def usable_cpus() -> list[int]:
    """Return the CPUs that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    cpus = usable_cpus()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare_builds", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("other", type=Path, help="another checkout, with its compiled modules")
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=build_worker.CASES,
                        help=f"some of: {'; '.join(build_worker.CASES)}")  # fmt: skip
    parser.add_argument("--rounds", type=positive_int, default=300, help="of four blocks; 300")
    parser.add_argument("--restarts", type=positive_int, default=6, help="pairs of processes; 6")
    parser.add_argument("--block-ms", type=positive_int, default=8, help="length of a block; 8")
    parser.add_argument("--cpu", type=int, choices=cpus, default=cpus[-1], help="pin to it")
    parser.add_argument("--fail-above", type=float, metavar="RATIO",
                        help=f"exit with {SLOWER} if a ratio is above")  # fmt: skip
    args = parser.parse_args(arguments)
    if not (args.other / "brickprof/__init__.py").exists():
        parser.error(f"{args.other} holds no brickprof")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and print a row for each case."""
    args = parse(arguments)
    with workers((HERE, args.other), args.cpu) as pair:
        versions = [worker.version for worker in pair]
    print(f"this: {HERE}, {versions[0]}\nother: {args.other.resolve()}, {versions[1]}")
    print("CPU time a call, medians; ratio: this over other, above 1 is slower\n")
    print(HEAD, flush=True)
    slower = []
    for found in compare((HERE, args.other), args):
        print(row(found), flush=True)
        if args.fail_above and found.ratio > args.fail_above:
            slower.append(found.name)
    if slower:
        print(f"\nslower than {args.fail_above:g} times: {'; '.join(slower)}")
        sys.exit(SLOWER)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
