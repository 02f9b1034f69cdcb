"""``brickprof count``: flops and bytes of a native program, by function, under valgrind."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from brickprof.cli._options import add_json, positive
from brickprof.cli._output import say, write_output
from brickprof.core import metrics, units
from brickprof.core.plain_text import printable
from brickprof.reports import layout

if TYPE_CHECKING:
    from brickprof.integrations.valgrind.counts import FunctionCount, ProgramCount

NAME = "count"
HELP = "count flops and bytes of a native program by function, under valgrind"

SCHEMA = "brickprof-count"
"""Value of the key ``schema`` of its JSON."""

VERSION = 1
"""Value of the key ``version``; increased when a key changes its meaning or is removed."""

_NAME_WIDTH = 24
_SHOWN_SHARE = 0.05
"""Share of all bytes from which a function without flops has a row."""

_SHORT = {"half": "f16", "single": "f32", "double": "f64", "extended": "f80"}
_SMALL_SHARE = 0.001
"""Share of all instructions, or accesses, below which text says nothing of what is not known."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument(
        "--function",
        metavar="NAME",
        help="count inside calls of this function alone, all that it calls included; * stands for "
        "any letters",
    )
    parser.add_argument(
        "--cache",
        choices=("L2", "L3"),
        default="L3",
        help="cache that is simulated behind L1 (default: %(default)s)",
    )
    parser.add_argument(
        "--top",
        type=positive,
        default=15,
        metavar="N",
        help="functions that the table has, those of most flops (default: %(default)s)",
    )
    add_json(parser)
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="the program to run, with its arguments, behind --",
    )


def run(args: argparse.Namespace) -> int:
    """Run the program, print what it did, and return the program's exit code."""
    from brickprof.integrations.valgrind.counts import count_program

    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        args.parser.error("the following arguments are required: COMMAND")
    if shutil.which(command[0]) is None:
        args.parser.error(f"no such program: {command[0]}")
    if sys.stdout is not None:
        sys.stdout.flush()
    found = count_program(
        command,
        function=args.function,
        last_level=int(args.cache[1]),
        stdout=2 if args.json else None,  # standard output is for the JSON alone
    )
    if args.json:
        write_output(_json(found))
    else:
        say(_text(found, args.top).removesuffix("\n"))
    return found.exit_code


def _json(found: ProgramCount) -> str:
    """Return all numbers as JSON."""
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "command": list(found.command),
        "exit_code": found.exit_code,
        "processes": found.processes,
        "work_source": "simulated",
        "unknown_instruction": found.unknown_instruction,
        "caches": [asdict(cache) for cache in found.caches],
        "total": found.total.to_json(),
        "functions": [one.to_json() for one in found.functions],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _text(found: ProgramCount, top: int) -> str:
    """Return a table of the functions with most flops, and what is to be said of it."""
    console = layout.plain_console(layout.stdout_width())
    l1, last = found.caches
    behind = f"L{last.level}"
    columns: layout.Columns = [
        ("Function", "left"),
        *(
            (heading, "right")
            for heading in (
                *("Flops", "of", "Loaded", "Stored", "To L1", f"To {behind}"),
                *("flop/B", "at L1", f"at {behind}"),
            )
        ),
    ]
    head = [
        f"brickprof count: {layout.clipped(printable(' '.join(found.command)), 60)}",
        f"exit code {found.exit_code}",
        units.format_counted(found.processes, "process")
        if found.processes == 1
        else f"{units.format_count(found.processes)} processes",
        f"simulated L1 {units.format_bytes(l1.size_bytes)}, {behind} "
        f"{units.format_bytes(last.size_bytes)}",
    ]
    total = found.total
    worth = max(_SHOWN_SHARE * total.nbytes, 1)
    shown = [one for one in found.functions if one.flops or one.nbytes >= worth][:top]
    rows = [_row(one) for one in (*shown, total)]
    lines = [
        *layout.packed(console, head),
        *layout.table(console, columns, rows, bold=len(rows) - 1, full_width=True),
    ]
    notes = [f"Incomplete: {found.unknown_instruction}."] if found.unknown_instruction else []
    notes += _notes(total, len(found.functions) - len(shown))
    if notes:
        lines += ["", *layout.bullets(console, "Notes", notes)]
    return layout.text_of(lines)


def _row(one: FunctionCount) -> tuple[str, ...]:
    """Return the cells of a function."""
    used = [_SHORT[name] for name, flops in one.flops_by_precision.items() if flops]
    fetched = (one.nbytes, one.l1_bytes, one.last_bytes)
    return (
        layout.clipped(printable(one.name), _NAME_WIDTH),
        units.format_count(one.flops),
        "-" if not used else used[0] if len(used) == 1 else "mixed",
        *map(units.format_bytes, (one.loaded_bytes, one.stored_bytes)),
        *map(units.format_bytes, (one.l1_bytes, one.last_bytes)),
        *(
            units.format_number(value) if one.flops and nbytes else "-"
            for value, nbytes in zip(one.intensities, fetched, strict=True)
        ),
    )


def _notes(total: FunctionCount, more: int) -> Iterator[str]:
    """Yield what the table does not hold, and what is not known."""
    if more > 0:
        yield f"{units.format_counted(more, 'more function')} (--top, and --json has them all)."
    if not total.flops:
        yield "No floating-point operation was executed."
    share = metrics.share(total.unknown, total.instructions)
    if share >= _SMALL_SHARE:
        yield (
            f"{units.format_count(total.unknown)} instructions ({units.format_percent(share)}) "
            "could not be read, such as code made at run time: their work is in no figure."
        )
    if total.unsized > _SMALL_SHARE * total.instructions:
        yield f"{units.format_count(total.unsized)} accesses of unknown size are in no bytes."
    if total.masked:
        yield (
            f"{units.format_count(total.masked)} elements were loaded or stored under masks, which "
            "the simulated caches do not see."
        )
    yield (
        "Each function without those that it calls. Loaded and stored is what instructions move; "
        "into a cache go whole lines. Pass them to tiles with work_source='simulated'."
    )
