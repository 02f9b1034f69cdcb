"""Profiling a problem and printing its report, which several verbs share."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

from brickprof.cli._output import progress_bar, say, write_output
from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.kernels.spec import Blocks, KernelSpec, Problem, Run
from brickprof.recording import Recording
from brickprof.reports import RENDERERS, Report
from brickprof.reports.layout import stdout_console


def prepared(kernel: KernelSpec, problem: Problem, isa: str | None) -> Run:
    """Return what runs a problem; a ValueError if its arrays do not fit into memory."""
    check_memory(problem)
    return kernel.run(problem, isa)


def check_memory(problem: Problem) -> None:
    """Raise a ValueError if the arrays of a problem do not fit into memory."""
    from brickprof.machine import available_memory

    available = available_memory()
    if problem.nbytes > available:
        raise ValueError(
            f"{problem.label} needs {units.format_bytes(problem.nbytes)} of arrays, and "
            f"{units.format_bytes(available)} are available"
        )


def profile_problem(args: argparse.Namespace, kernel: KernelSpec, problem: Problem) -> int:
    """Profile a problem by the run options and print the report."""
    from brickprof.profiler.brick_profiler import BrickProfiler

    check_save(args)
    run = prepared(kernel, problem, args.isa)
    blocks = _tuned(args, kernel, problem) if getattr(args, "tuned", False) else None
    profiler = BrickProfiler()
    profiler.enable_tile_profiling()
    with progress_bar("profiling") as progress:
        report = progress or (lambda fraction, what: None)
        report(0.0, "warming up")
        run(args.threads, None, blocks)
        for number in range(args.repeat):
            report((1 + number) / (1 + args.repeat), f"run {number + 1} of {args.repeat}")
            run(args.threads, profiler, blocks)
    show(args, with_roofs(profiler.recording(), problem.dtype, args.isa))
    return 0


def _tuned(args: argparse.Namespace, kernel: KernelSpec, problem: Problem) -> Blocks:
    """Return the blocks that were stored for a problem; a ValueError where there are none."""
    from brickprof.tuning.kernel_task import KernelTask
    from brickprof.tuning.tuned_blocks import load_tuned

    blocks = load_tuned(KernelTask(kernel.name, problem, args.threads, args.isa))
    if blocks is None:
        raise ValueError(f"no tuned blocks are stored for {problem.label}: run brickprof tune")
    return blocks


def with_roofs(recording: Recording, dtype: str, isa: str | None) -> Recording:
    """Return a recording with roofs of its thread count, measured now if none are stored."""
    from brickprof.calibration import roofs

    threads = max(info.threads for info in recording.brick_infos)
    with progress_bar("measuring roofs") as progress:
        return recording.with_roofs(roofs(threads, dtype, isa, progress=progress))


def check_save(args: argparse.Namespace) -> None:
    """Find out before a long run whether its recording can be saved.

    Raises
    ------
    OSError
        If the folder is missing or may not be written to, or the path is a folder.
    """
    if args.save is not None:
        check_writable(Path(args.save))


def check_writable(path: Path) -> None:
    """Find out before a long run whether a file can be written.

    Raises
    ------
    OSError
        If the folder is missing or may not be written to, or the path is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def show(args: argparse.Namespace, recording: Recording) -> None:
    """Print a recording's report, and save the recording if --save was given."""
    report = Report.of(recording)
    try:
        if args.json:
            write_output(RENDERERS["json"].render(report))
        else:
            write_output(RENDERERS["text"].render(report, console=stdout_console()))
    finally:
        # A closed pipe must not lose the file, nor an unwritable file the report.
        if args.save is not None:
            say(f"saved {printable(str(recording.save(args.save)))}")
