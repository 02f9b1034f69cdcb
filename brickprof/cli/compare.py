"""``brickprof compare``: holds two saved recordings side by side; needs no compiled module."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from brickprof.cli._options import add_json
from brickprof.cli._output import Justify, print_json, print_lines, print_table
from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.summary import BrickSummary, summarize
from brickprof.recording import Recording, load_recording

NAME = "compare"
HELP = "hold two saved recordings side by side"

_COLUMNS: tuple[tuple[str, Justify], ...] = (
    ("", "left"),
    ("Time A", "right"),
    ("Time B", "right"),
    ("B/A", "right"),
    ("GF/s A", "right"),
    ("GF/s B", "right"),
    ("B/A", "right"),
    ("Eff. A", "right"),
    ("Eff. B", "right"),
)

_NAME_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Side:
    """One brick, or one of its levels, in one recording; times are those of one call."""

    time_ns: float
    flops: float
    gflops: float
    efficiency: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """The same brick or level in both recordings; None where it is missing."""

    brick: str
    level: str | None
    a: Side | None
    b: Side | None

    @property
    def time_ratio(self) -> float | None:
        """Time of B over that of A."""
        return _ratio(self.a.time_ns, self.b.time_ns) if self.a and self.b else None

    @property
    def gflops_ratio(self) -> float | None:
        """Rate of B over that of A."""
        return _ratio(self.a.gflops, self.b.gflops) if self.a and self.b else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("a", metavar="A", help="a saved recording")
    parser.add_argument("b", metavar="B", help="another one")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the comparison."""
    a, b = load_recording(args.a), load_recording(args.b)
    rows = list(compared(a, b))
    notes = list(doubts(a, b, rows))
    if args.json:
        print_json(
            {
                "a": args.a,
                "b": args.b,
                "same_machine": _same_machine(a, b),
                "rows": [
                    {**asdict(row), "time_ratio": row.time_ratio, "gflops_ratio": row.gflops_ratio}
                    for row in rows
                ],
                "notes": notes,
            }
        )
        return 0
    print(f"A  {args.a}\nB  {args.b}\n")
    print_table(_COLUMNS, map(_cells, rows))
    print_lines("", "Times are of one call; a brick's own line is wall time and the whole run.")
    print_lines(*notes)
    return 0


def compared(a: Recording, b: Recording) -> Iterator[Row]:
    """Return a row for each brick and each of its levels, the longest bricks of A first."""
    sides = [{brick.info.name: brick for brick in summarize(one).bricks} for one in (a, b)]
    for name in {**sides[0], **sides[1]}:
        in_a, in_b = sides[0].get(name), sides[1].get(name)
        yield Row(name, None, _whole(in_a), _whole(in_b))
        for level in TileLevel:
            left, right = _level(in_a, level), _level(in_b, level)
            if left or right:
                yield Row(name, level.name, left, right)


def doubts(a: Recording, b: Recording, rows: list[Row]) -> Iterator[str]:
    """Say what the two recordings do not have in common."""
    if _same_machine(a, b) is None:
        yield "At least one machine is unknown: they may differ."
    elif not _same_machine(a, b):
        names = [one.machine.cpu if one.machine else "" for one in (a, b)]
        yield f"The machines differ: A ran on {names[0]}, B on {names[1]}."
    if a.roofs != b.roofs:
        yield "Efficiencies are held against different roofs."
    for row in rows:
        if row.level is None and row.a and row.b and row.a.flops != row.b.flops:
            flops = [units.format_number(side.flops) for side in (row.a, row.b)]
            yield (
                f"The problems differ: {row.brick} does {flops[0]} flops a call in A, "
                f"{flops[1]} in B."
            )


def _same_machine(a: Recording, b: Recording) -> bool | None:
    """Tell whether two recordings are of one machine; None if that is unknown."""
    if a.machine is None or b.machine is None:
        return None
    return a.machine.fingerprint() == b.machine.fingerprint()


def _whole(brick: BrickSummary | None) -> Side | None:
    """Return a brick as a whole."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    flops = next((row.stats.flops for row in brick.levels if row.stats.flops), 0)
    return Side(brick.info.wall_ns / calls, flops / calls, brick.run_gflops, brick.peak_share)


def _level(brick: BrickSummary | None, level: TileLevel) -> Side | None:
    """Return one level of a brick."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    for row in brick.levels:
        if row.level is level:
            stats = row.stats
            return Side(stats.total_ns / calls, stats.flops / calls, row.gflops, row.efficiency)
    return None


def _ratio(a: float, b: float) -> float | None:
    """Return b / a; None where either is zero."""
    return metrics.share(b, a) if a and b else None


def _cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row."""
    times = [units.format_ns(side.time_ns) if side else "-" for side in (row.a, row.b)]
    rates = [
        units.format_number(side.gflops) if side and side.gflops else "-" for side in (row.a, row.b)
    ]
    efficiencies = [
        "-" if side is None or side.efficiency is None else units.format_percent(side.efficiency)
        for side in (row.a, row.b)
    ]
    name = _clipped(row.brick) if row.level is None else f"  {row.level.capitalize()}"
    return (
        name,
        *times,
        _times(row.time_ratio),
        *rates,
        _times(row.gflops_ratio),
        *efficiencies,
    )


def _times(ratio: float | None) -> str:
    """Return a ratio for a cell."""
    return "-" if ratio is None else f"{units.format_number(ratio)} x"


def _clipped(name: str) -> str:
    """Return a brick's name as it fits its column, control characters spelled out."""
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return plain if len(plain) <= _NAME_WIDTH else f"{plain[: _NAME_WIDTH - 1]}…"
