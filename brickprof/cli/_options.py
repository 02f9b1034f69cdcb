"""Arguments that several verbs take, and their argparse types."""

from __future__ import annotations

import argparse
import math

from brickprof.core.checks import short_repr
from brickprof.core.dtypes import KERNEL_DTYPES
from brickprof.core.limits import MAX_THREADS
from brickprof.machine.isas import ISA_NAMES

_MAX_DIGITS = 18
"""Digits of a whole number that every size and count has."""


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    # Python refuses to read thousands of digits.
    if len(text) > _MAX_DIGITS:
        raise argparse.ArgumentTypeError(f"must have at most {_MAX_DIGITS} digits, got {len(text)}")
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {short_repr(text)}")
    return int(text)


def non_negative(text: str) -> int:
    """Read a whole number of at least 0."""
    return 0 if text == "0" else positive(text)


def amount(text: str) -> float:
    """Read a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number > 0, got {short_repr(text)}")
    return number


def share(text: str) -> float:
    """Read a finite number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number >= 0, got {short_repr(text)}")
    return number


def thread_count(text: str) -> int:
    """Read a number of threads."""
    threads = positive(text)
    if threads > MAX_THREADS:
        raise argparse.ArgumentTypeError(f"must be at most {MAX_THREADS}, got {short_repr(text)}")
    return threads


def thread_counts(text: str) -> tuple[int, ...]:
    """Read thread counts with commas between them, such as ``1,2,4``, each of them once."""
    return tuple(dict.fromkeys(thread_count(part.strip()) for part in text.split(",")))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_save(parser: argparse.ArgumentParser) -> None:
    """Add --save."""
    parser.add_argument("--save", metavar="FILE", help="keep the recording for report and compare")


def add_threads(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --threads, with the default as its help shows it."""
    parser.add_argument(
        "--threads", type=thread_count, metavar="N", help=f"threads to use (default: {default})"
    )


def add_isa(parser: argparse.ArgumentParser) -> None:
    """Add --isa."""
    parser.add_argument(
        "--isa", choices=ISA_NAMES, help="instruction set (default: the best that this CPU has)"
    )


def add_dtype(parser: argparse.ArgumentParser, dtypes: tuple[str, ...] = KERNEL_DTYPES) -> None:
    """Add --dtype, whose default is the first."""
    parser.add_argument(
        "--dtype",
        choices=dtypes,
        default=dtypes[0],
        help="element type (default: %(default)s)",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of all verbs that profile one kernel."""
    add_threads(parser, "as many as this process may use")
    add_isa(parser)
    parser.add_argument(
        "--repeat",
        type=positive,
        default=5,
        metavar="R",
        help="profiled runs after one that warms up (default: %(default)s)",
    )
    add_save(parser)
    add_json(parser)
