"""Run storms: ``python -m storms [--forks N] [--resets N] [--kills N]``."""

from __future__ import annotations

import argparse
import sys
import time

from storms.storms import STORMS, forks_of_one_process


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="storms", description=__doc__)
    for name in STORMS:
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N")
    parser.add_argument("--one-process", type=int, metavar="N", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one_process:
        forks_of_one_process(args.one_process)
        return 0
    for name, storm in STORMS.items():
        count = getattr(args, name)
        if count:
            began = time.monotonic()
            done = storm(count)
            print(f"{name:7} {done:7,}, none amiss, {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
