"""python -m benchmarks: run everything, keep the figures, and write the page of results."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import environment, page, selection
from benchmarks.arguments import positive_int, positive_seconds

HOME = Path(__file__).parent
PARTIAL = Path("build/bench")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: few rounds of a few problems"
    )
    parser.add_argument(
        "--only",
        metavar="FAMILY",
        nargs="+",
        choices=selection.NAMES,
        help=f"some of: {', '.join(selection.NAMES)}",
    )
    parser.add_argument(
        "--threads", type=positive_int, nargs="+", metavar="N", default=[1, 2], help="thread counts"
    )
    parser.add_argument(
        "--seconds", type=positive_seconds, help="for each problem; 0.5, or 0.03 if quick"
    )
    parser.add_argument(
        "--out", type=Path, help=f"folder; {HOME.name}, or {PARTIAL} for a run of parts"
    )
    args = parser.parse_args(arguments)
    args.seconds = args.seconds or (0.03 if args.quick else 0.5)
    args.out = args.out or (PARTIAL if args.quick or args.only else HOME)
    return args


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Run a process for each thread count and put together what they found."""
    variables, notes = environment.prepare(os.environ)
    missing = environment.missing(variables)
    notes += [missing] if missing else []
    print(*notes, sep="\n")
    cpus = environment.usable_cpus()
    for threads in [count for count in args.threads if count > cpus]:
        print(f"{threads} threads left out: this process may use {cpus} CPUs")
    counts = [count for count in args.threads if count <= cpus]
    found = [one_count(args, variables, count, count == counts[0]) for count in counts]
    if not found:
        sys.exit("nothing was run")
    first = found[0]
    document: dict[str, Any] = {
        "format": page.FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "quick": args.quick,
        "seconds": args.seconds,
        "notes": notes,
        **{name: first[name] for name in ("machine", "fingerprint", "versions")},
        "pools": {str(part["threads"]): part["pools"] for part in found},
        "pauses": {str(part["threads"]): part["pause"] for part in found},
        "cases": [case for part in found for case in part["cases"]],
    }
    for name in selection.MEASUREMENTS:
        document[name] = [case for part in found for case in part.get(name, [])]
    return document


def one_count(
    args: argparse.Namespace, variables: dict[str, str], threads: int, first: bool
) -> dict[str, Any]:
    """Run everything at one thread count in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "found.json")
        asked = {
            "threads": threads,
            "names": selection.selected(args.only),
            "seconds": args.seconds,
            "quick": args.quick,
            "first": first,
            "file": str(file),
        }
        subprocess.run(
            [sys.executable, "-m", "benchmarks.runner", json.dumps(asked)],
            env=environment.pinned(variables, threads),
            check=True,
        )
        return json.loads(file.read_text())


def main() -> None:
    """Run, write the figures, draw and write the page."""
    args = parse()
    document = run(args)
    folder = args.out / "results"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = document["date"][:19].replace(":", "")
    name = f"results/{stamp}-{document['fingerprint'][:8]}.json"
    (args.out / name).write_text(page.to_json(document))
    overview = page.overview(document["cases"])
    print(f"\n{overview}\n" if overview else "")
    print(f"figures in {args.out / name}, page in {page.write(document, args.out, name)}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"a run failed with status {error.returncode}")
