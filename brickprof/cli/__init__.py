"""The command line: one module per verb, their parser, and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

from brickprof._version import __version__
from brickprof.cli import (
    calibrate,
    compare,
    count,
    demo,
    machine,
    merge,
    report,
    run,
    sweep,
    tune,
    watch,
)
from brickprof.cli._output import say, tolerate_narrow_encodings, write_output
from brickprof.cli.kernel import KernelVerb
from brickprof.core.build_folders import get_cmake_dir, get_include, get_pkg_config_dir
from brickprof.core.errors import BrickprofError
from brickprof.core.plain_text import one_line
from brickprof.kernels.registry import KERNELS
from brickprof.reports import layout

__all__ = ["VERBS", "main", "make_parser"]

DONE, FAILED, INTERRUPTED = 0, 1, 130

EXPECTED = (BrickprofError, OSError, ValueError, ArithmeticError, MemoryError, ImportError)
"""Errors that are no bugs of this library; they are reported in one line."""


BUILD_FOLDERS = {
    "--cmake-dir": (get_cmake_dir, "print the folder of brickprofConfig.cmake for CMake"),
    "--pkg-config-dir": (get_pkg_config_dir, "print the folder of brickprof.pc for pkg-config"),
    "--include-dir": (get_include, "print the folder of brickprof/tile.h for compilers"),
}
"""Options that print a folder and end, with what tells it and what it is for."""


class Verb(Protocol):
    """A verb: a module, or made of a kernel."""

    @property
    def NAME(self) -> str:
        """Its name."""

    @property
    def HELP(self) -> str:
        """What it does, as a clause."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments to its parser."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the verb and return the exit code."""


VERBS: tuple[Verb, ...] = (
    demo,
    *map(KernelVerb, KERNELS),
    machine,
    calibrate,
    sweep,
    tune,
    run,
    count,
    report,
    compare,
    merge,
    watch,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    int
        Exit code: 0; 1 when it failed, with one line on standard error; 2 when the arguments are
        wrong; 130 when it was interrupted.
    """
    tolerate_narrow_encodings()
    try:
        args = make_parser().parse_args(argv)
        code: int = args.run(args)
        return code
    except SystemExit as stop:
        return _exit_code(stop.code)
    except KeyboardInterrupt:
        say("brickprof: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except EXPECTED as error:
        say(one_line(f"brickprof: {_described(error)}"))
        return FAILED


def _exit_code(code: object) -> int:
    """Return what a process that exits with this would end with; a text is written."""
    if code is None or isinstance(code, int):
        return code or DONE
    say(str(code))
    return FAILED


class _Formatter(argparse.HelpFormatter):
    """Help in the width of the terminal, in which commands are not broken across lines."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"width": layout.stdout_width(), **options})

    def _split_lines(self, text: str, width: int) -> list[str]:
        return layout.wrapped(" ".join(text.split()), width)


class _Parser(argparse.ArgumentParser):
    """A parser whose messages, which hold arguments as they are, are written like all others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, **options})

    def _print_message(self, message: str, file: object = None) -> None:
        if file is None or file is sys.stderr:
            say(message.removesuffix("\n"))
        else:
            write_output(message)

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))


class _PrintFolder(argparse.Action):
    """Print a folder to its last byte, whatever the encoding and width of the output, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        write_output(os.fsencode(f"{self.const()}\n"))
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = _Parser(
        prog="brickprof", description="A hierarchical tile profiler for cache-blocked kernels."
    )
    parser.add_argument("--version", action="version", version=f"brickprof {__version__}")
    for option, (folder, what) in BUILD_FOLDERS.items():
        parser.add_argument(option, action=_PrintFolder, nargs=0, const=folder, help=what)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        one = verbs.add_parser(verb.NAME, help=verb.HELP, description=f"{verb.HELP}.")
        verb.add_arguments(one)
        one.set_defaults(run=verb.run, parser=one)
    return parser


def _is_homeless() -> bool:
    """Tell whether the working folder is gone, which no error of the system says."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _described(error: BaseException) -> str:
    """Return what an error says, with the file where there is one."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError) and _is_homeless():
        return "the working folder was removed"
    if isinstance(error, ImportError) and not isinstance(error, BrickprofError):
        return f"the compiled modules cannot be loaded ({error}): install brickprof again"
    return str(error) or type(error).__name__
