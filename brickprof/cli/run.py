"""``brickprof run``: runs a program as it is, with its calls of NumPy and others as tiles."""

from __future__ import annotations

import argparse
import atexit
import builtins
import os
import runpy
import shutil
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType, TracebackType

from brickprof.cli._options import non_negative
from brickprof.cli._output import say, write_output
from brickprof.cli._runs import check_writable
from brickprof.cli._unseen import unseen
from brickprof.core.plain_text import printable
from brickprof.recording import Recording
from brickprof.reports import RENDERERS, Report

NAME = "run"
HELP = "run a Python script or module as it is, and time its calls of NumPy, SciPy and PyTorch"

_INTERRUPTED = 130
_NO_PROGRAM = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("--save", metavar="FILE", type=Path, help="save the recording")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the report as a page")
    parser.add_argument(
        "--min-elements",
        type=non_negative,
        metavar="N",
        help="elements of the largest operand or result from which a call of NumPy is recorded "
        "(default: 4096)",
    )
    parser.add_argument("--quiet", action="store_true", help="print no report on standard error")
    parser.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        metavar="MODULE",
        help="run a module, with the arguments behind it, as python -m does",
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT",
        help="the script to run, with its arguments",
    )


def run(args: argparse.Namespace) -> int:
    """Run the program, report on standard error, and return the program's exit code."""
    from brickprof.integrations.instrument import MIN_ELEMENTS, Instrumentation
    from brickprof.integrations.processes import Children, Environment
    from brickprof.profiler.brick_profiler import BrickProfiler

    command = args.module if args.module is not None else args.script
    if not command:
        args.parser.error("the following arguments are required: SCRIPT, or -m MODULE")
    for file in (args.save, args.html):
        if file is not None:
            check_writable(file)
    least = MIN_ELEMENTS if args.min_elements is None else args.min_elements
    # No TemporaryDirectory, which a child of a fork would remove at its end.
    folder = Path(tempfile.mkdtemp(prefix="brickprof-"))
    parent = os.getpid()
    try:
        with Instrumentation(BrickProfiler(), least) as profiler, Environment(folder, least):
            children = Children(profiler, folder)
            begun = time.perf_counter_ns()
            code = _run_program(command, args.module is not None)
            wall_ns = time.perf_counter_ns() - begun
        if os.getpid() != parent:
            return code  # a child that returned from the program saves its part, and no more
        recording = children.merged_with(profiler.recording())
    finally:
        if os.getpid() == parent:
            shutil.rmtree(folder, ignore_errors=True)
    _show(args, recording, wall_ns, least)
    return code


def _show(args: argparse.Namespace, recording: Recording, wall_ns: int, min_elements: int) -> None:
    """Save what was asked for, and print the report on standard error."""
    report = Report.of(recording)
    if args.save is not None:
        say(f"saved {printable(str(recording.save(args.save)))}")
    if args.html is not None:
        write_output(RENDERERS["html"].render(report), args.html)
    if not args.quiet:
        text = RENDERERS["text"].render(report) if recording.tiles else ""
        assert isinstance(text, str)
        parts = (text.removesuffix("\n"), unseen(recording, wall_ns, min_elements))
        say("\n\n".join(part for part in parts if part))


def _run_program(command: list[str], is_module: bool) -> int:
    """Run a script or module with its arguments, and return what Python would exit with."""
    former = sys.argv, sys.path[0]
    try:
        if is_module:
            sys.argv = command
            sys.path[0] = os.getcwd()
            name = command[0]
            return _exit_code(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))
        sys.argv = command
        sys.path[0] = str(Path(command[0]).resolve().parent)
        return _exit_code(lambda: _run_script(os.path.abspath(command[0])))
    finally:
        sys.argv, sys.path[0] = former


def _run_script(path: str) -> None:
    """Run a script as Python does: ``__file__`` is absolute, ``sys.argv[0]`` as it was given."""
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        runpy.run_path(path, run_name="__main__")
        return
    main = ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = main
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        message = f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: {message}", file=sys.stderr)
        raise SystemExit(_NO_PROGRAM) from None
    code = compile(source, path, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def _exit_code(program: Callable[[], object]) -> int:
    """Run a program to its end, and return its exit code; an error is printed as Python does."""
    try:
        program()
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            code = stop.code or 0
        else:
            print(stop.code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt as error:
        _print_traceback(error)
        return _INTERRUPTED
    except BaseException as error:
        _print_traceback(error)
        code = 1
    else:
        code = 0
    _end()
    return code


def _end() -> None:
    """Do what Python does when a program ends: await threads and pools, and call what is left.

    Processes of pools end then, and are in the recording.
    """
    with suppress(KeyboardInterrupt):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _print_traceback(error: BaseException) -> None:
    """Print an error through the program's own hook, without the frames that ran the program."""
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    at: TracebackType | None = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename in ours:
        at = at.tb_next
    if sys.excepthook is sys.__excepthook__:
        traceback.print_exception(type(error), error, at)
    else:
        sys.excepthook(type(error), error, at)
