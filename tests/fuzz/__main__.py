"""Fuzz the library: ``python -m fuzz [--seconds S] [--seed N] [TARGET ...]``.

Each target gets its share of the time. What fails is written to tests/corpus, where an ordinary
test replays it from then on.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import sys
import time
import traceback
from pathlib import Path

from fuzz.targets import TARGETS

CORPUS = Path(__file__).parents[1] / "corpus"
SLOW_S = 1.0
"""Seconds on a processor for one input that are a finding."""

HANGS_S = 20.0
"""Seconds of wall time that are one: other processes may have had the processor."""


def fuzz(name: str, seconds: float, seed: int) -> tuple[int, int]:
    """Fuzz a target for so long; return the number of inputs and that of findings."""
    target = TARGETS[name]
    until = time.monotonic() + seconds
    inputs = findings = 0
    slowest = 0.0
    while time.monotonic() < until and findings < 10:
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
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:11} {inputs:8,} inputs, {findings} findings, slowest {slowest * 1e3:.0f} ms, "
        f"peak of memory {mib} MiB, seed {seed}",
        flush=True,
    )
    return inputs, findings


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
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    share = args.seconds / len(args.targets)
    found = [fuzz(name, share, args.seed)[1] for name in args.targets]
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
