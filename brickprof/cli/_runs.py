"""Profiling a problem and showing what was recorded: what several verbs do alike."""

from __future__ import annotations

import argparse
import sys

from brickprof.cli._output import progress_bar
from brickprof.cli._problems import Problem, Run
from brickprof.core import units
from brickprof.recording import Recording


def prepared(problem: Problem, isa: str | None) -> Run:
    """Return what runs a problem; a ValueError if its arrays cannot fit into memory."""
    from brickprof.calibration.measurement import available_memory

    available = available_memory()
    if problem.nbytes > available:
        raise ValueError(
            f"{problem.label} needs {units.format_bytes(problem.nbytes)} of arrays, and "
            f"{units.format_bytes(available)} are available"
        )
    return problem.prepare(isa)


def profile_problem(args: argparse.Namespace, problem: Problem) -> int:
    """Profile a problem as the run options say, and show the report."""
    from brickprof import BrickProfiler

    run = prepared(problem, args.isa)
    profiler = BrickProfiler()
    profiler.enable_tile_profiling()
    run(args.threads, None)
    for _ in range(args.repeat):
        run(args.threads, profiler)
    show(args, with_roofs(profiler.recording(), problem.dtype, args.isa))
    return 0


def with_roofs(recording: Recording, dtype: str, isa: str | None) -> Recording:
    """Return a recording with the roofs of as many threads, measured now if none are stored."""
    from brickprof.calibration import roofs

    threads = max(info.threads for info in recording.brick_infos)
    with progress_bar("measuring roofs") as tell:
        return recording.with_roofs(roofs(threads, dtype, isa, progress=tell))


def show(args: argparse.Namespace, recording: Recording) -> None:
    """Print a recording's report, and save it where that was asked for."""
    from brickprof.reports import render

    try:
        sys.stdout.write(render("json" if args.json else "text", recording))
        sys.stdout.flush()
    finally:
        # Neither a closed pipe nor a file that cannot be written costs the other output.
        if args.save is not None:
            print(f"saved {recording.save(args.save)}", file=sys.stderr)
