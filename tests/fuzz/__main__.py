"""Fuzz the library: ``python -m fuzz [--seconds S] [--inputs N] [--seed N] [TARGET ...]``.

Each target gets its share of the time. What fails is written to tests/corpus, where an ordinary
test replays it from then on.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import random
import sys
import time
import traceback
from pathlib import Path

from fuzz.targets import TARGETS
from support.memory import resident_mib

import brickprof as bp

CORPUS = Path(__file__).parents[1] / "corpus"
SLOW_S = 1.0
"""Seconds on a processor for one input that are a finding."""

WARM_INPUTS = 1000
MAX_GROWN_MIB = 64
"""Memory that a target may hold more of at its end than after the first inputs."""

HANGS_S = 20.0
"""Seconds of wall time that are one: other processes may have had the processor."""


def fuzz(name: str, seconds: float, seed: int, most: int | None = None) -> int:
    """Fuzz a target for so long, or with so many inputs; return the number of findings."""
    target = TARGETS[name]
    until = time.monotonic() + seconds
    inputs = findings = 0
    slowest = 0.0
    warm_mib = 0
    while findings < 10 and (inputs < most if most else time.monotonic() < until):
        if inputs == WARM_INPUTS:
            warm_mib = resident_mib()
        content = target.draw(random.Random(f"{name} {seed} {inputs}"))
        inputs += 1
        began, began_cpu = time.monotonic(), time.process_time()
        try:
            target.check(content)
        except Exception:
            findings += 1
            keep(name, content)
            traceback.print_exc()
        waited, took = time.monotonic() - began, time.process_time() - began_cpu
        slowest = max(slowest, took)
        if inputs > 1 and (took > SLOW_S or waited > HANGS_S):
            findings += 1
            keep(name, content)
            print(f"{name}: {took:.1f} s on a processor, {waited:.1f} s in all", file=sys.stderr)
    gc.collect()
    bp.release_memory()
    grown = resident_mib() - warm_mib if warm_mib else 0
    if grown > MAX_GROWN_MIB:
        findings += 1
    print(
        f"{name:11} {inputs:9,} inputs, {findings} findings, slowest {slowest * 1e3:.0f} ms, "
        f"memory {grown:+} MiB, seed {seed}",
        flush=True,
    )
    return findings


def keep(name: str, content: bytes) -> None:
    """Add an input to the corpus."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{hashlib.sha256(content).hexdigest()[:12]}.input").write_bytes(content)


def main() -> int:
    """Fuzz what was asked for and return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="in all")
    parser.add_argument("--inputs", type=int, help="for each target, in place of the time")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    share = args.seconds / len(args.targets)
    found = [fuzz(name, share, args.seed, args.inputs) for name in args.targets]
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
