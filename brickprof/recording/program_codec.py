"""What a program says beside its tiles, from JSON values, and what holds in it.

That is bricks inside bricks, budgets and checksums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from brickprof.core.json_reader import JsonValue
from brickprof.recording.brick_paths import BrickPath
from brickprof.recording.budgets import KINDS, Budget, checked_budget
from brickprof.recording.checksums import SKETCH, Checksum
from brickprof.recording.codec import read_brick, read_level
from brickprof.recording.consistency import check_order
from brickprof.recording.parts import BrickInfo

MAX_PATH = 256
"""Bricks inside each other; a profiler keeps fewer."""

_LIMITS = ("ns", "percentile", "gflops", "efficiency")


def read_brick_path(value: JsonValue, known: set[str]) -> BrickPath:
    """Read the calls of a brick inside others."""
    if not value["path"].values():
        value["path"].fail("one name or more")
    *around, last = value["path"].items()
    return BrickPath(
        path=(*(name.text() for name in around), read_brick(last, known)),
        category=value["category"].text(empty=True),
        calls=value["calls"].integer(1),
        total_ns=value["total_ns"].integer(),
        self_ns=value["self_ns"].integer(),
    )


def read_budget(value: JsonValue) -> Budget:
    """Read what a brick or a category is held to."""
    if value["of"].value not in KINDS:
        value["of"].fail(f"one of {', '.join(KINDS)}")
    limits = {}
    for name in _LIMITS:
        limits[name] = None if value[name].value is None else value[name].real()
    return Budget(name=value["name"].text(), of=value["of"].text(), **limits)


def read_checksum(value: JsonValue) -> Checksum:
    """Read what an array held."""
    sketch = tuple(one.real(negative=True) for one in value["sketch"].items())
    if len(sketch) != SKETCH:
        value["sketch"].fail(f"{SKETCH} numbers")
    whole = ("sequence", "call", "row", "col", "index", "nans", "infinities")
    counts = {name: value[name].integer() for name in whole}
    figures = {name: value[name].real(negative=True) for name in ("minimum", "maximum", "mean")}
    return Checksum(
        brick=value["brick"].text(),
        level=None if value["level"].value is None else read_level(value["level"]),
        name=value["name"].text(),
        dtype=value["dtype"].text(),
        shape=tuple(one.integer() for one in value["shape"].items()),
        digest=value["digest"].text(),
        nonfinite=value.optional("nonfinite", "").text(empty=True),
        sketch=sketch,
        rms=value["rms"].real(),
        **counts,
        **figures,  # type: ignore[arg-type]
    )


def check_brick_paths(
    value: JsonValue, paths: Sequence[BrickPath], infos: Sequence[BrickInfo]
) -> None:
    """Refuse paths out of order, and calls in them that are more than those of their bricks.

    They may be less: of a run that was merged they may not be known.

    Parameters
    ----------
    value : JsonValue
        The list as it was written, by which an error names the field.
    paths : sequence of BrickPath
        The same as read.
    infos : sequence of BrickInfo
        The bricks of the recording.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    keys = [(one.path, one.category) for one in paths]
    check_order(value, keys, "distinct paths and categories, sorted", distinct=True)
    left = {info.name: info.calls for info in infos}
    for one, part in zip(paths, value.items(), strict=True):
        if len(one.path) > MAX_PATH:
            part["path"].fail(f"at most {MAX_PATH} names")
        if one.self_ns > one.total_ns:
            part["self_ns"].fail(f"an integer <= total_ns ({one.total_ns})")
        left[one.path[-1]] -= one.calls
        if left[one.path[-1]] < 0:
            part["calls"].fail("in all paths at most the calls of the brick")


def check_budgets(value: JsonValue, budgets: Sequence[Budget]) -> None:
    """Refuse budgets out of order, or that no profiler takes.

    Parameters
    ----------
    value : JsonValue
        The list as it was written, by which an error names the field.
    budgets : sequence of Budget
        The same as read.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    for one, part in zip(budgets, value.items(), strict=True):
        try:
            limits = {key: getattr(one, key) for key in _LIMITS}
            # Profilers once took any efficiency: such recordings can be read.
            checked_budget(one.name, of=one.of, **limits, max_efficiency=math.inf)
        except ValueError as error:
            name = str(error).partition(" ")[0]
            (part[name] if name in _LIMITS else part).fail(f"a limit of a budget ({error})")
    check_order(value, [one.order for one in budgets], "distinct budgets, sorted", distinct=True)


def check_checksums(value: JsonValue, checksums: Sequence[Checksum]) -> None:
    """Refuse checksums out of order, or whose figures contradict each other.

    Parameters
    ----------
    value : JsonValue
        The list as it was written, by which an error names the field.
    checksums : sequence of Checksum
        The same as read.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    check_order(value, [one.order for one in checksums], "checksums sorted by sequence")
    for one, part in zip(checksums, value.items(), strict=True):
        if one.minimum > one.maximum:
            part["minimum"].fail(f"a number <= maximum ({one.maximum})")
        if one.nonfinite and not (one.nans or one.infinities):
            part["nonfinite"].fail("empty where nans and infinities are 0")
        if one.level is None and (one.row or one.col):
            part["row"].fail("0 where level is null")
