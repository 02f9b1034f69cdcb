"""What holds between the fields of every recording; files that contradict it are refused.

Each rule holds for whatever a profiler measured and for every merge of that, whatever it merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from brickprof.core.histograms import Histogram, bucket_of
from brickprof.core.json_reader import JsonValue
from brickprof.recording.parts import CLOCK_SOURCES, MIXED, BrickInfo, ClockInfo, TileEvent
from brickprof.recording.tile_stats import TileStats

_NAMES = "distinct names, sorted"
_MAX_NAMES = 256
"""The most instruction sets of a brick; processors have a handful."""

_MAX_INDICES = 2**32
"""What counts of threads stay below: their indices are of 32 bits."""

_MAX_NS_PER_TICK = 1e9

_WORK = ("elements", "flops", "nbytes", "loaded_bytes", "stored_bytes", "max_work")
_TIMES = ("total_ns", "raw_total_ns", "max_ns")


def check_row(value: JsonValue, tile: TileStats) -> None:
    """Refuse a row whose fields contradict each other.

    Parameters
    ----------
    value : JsonValue
        The row as it was written, by which an error names the field.
    tile : TileStats
        The same as read.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    _check_counts(value, tile)
    _check_times(value, tile)
    _check_work(value, tile)


def _check_counts(value: JsonValue, tile: TileStats) -> None:
    """Refuse counts that contradict each other, and sums of no tiles."""
    for name in ("timed", "undeclared"):
        _check_at_most(value, tile, name, "count")
    if _counted(tile.histogram) != tile.timed:
        value["histogram"].fail(f"counts that sum to timed ({tile.timed})")
    for none, names in (("count", _WORK), ("timed", _TIMES)):
        for name in names if not getattr(tile, none) else ():
            if getattr(tile, name):
                value[name].fail(f"0 where {none} is 0")


def _check_times(value: JsonValue, tile: TileStats) -> None:
    """Refuse times that contradict each other."""
    for part, whole in (
        *(("self_ns", "total_ns"), ("raw_self_ns", "raw_total_ns")),
        ("min_ns", "max_ns"),
    ):
        _check_at_most(value, tile, part, whole)
    if tile.max_ns >= 1 << 64:
        value["max_ns"].fail("an integer below 2**64")
    if not tile.timed:
        return
    # Ticks are rounded to nanoseconds one by one and as a sum. Sampled sums are scaled thread by
    # thread, and one none of whose tiles was timed adds its count alone.
    least, most = tile.timed * (tile.min_ns - 1), tile.count * (tile.max_ns + 1)
    if not least <= tile.total_ns <= most:
        value["total_ns"].fail(
            f"{tile.timed} to {tile.count} tiles of {tile.min_ns} to {tile.max_ns} ns"
        )
    ends = tile.histogram[0][0], tile.histogram[-1][0]
    if ends != (bucket_of(tile.min_ns), bucket_of(tile.max_ns)):
        value["histogram"].fail(f"buckets from that of min_ns ({tile.min_ns}) to that of max_ns")


def _check_work(value: JsonValue, tile: TileStats) -> None:
    """Refuse work that contradicts itself."""
    if tile.split > tile.count - tile.undeclared:
        value["split"].fail("at most the tiles that declared their bytes")
    apart = tile.loaded_bytes + tile.stored_bytes
    if apart > tile.nbytes or (tile.split_declared and apart != tile.nbytes):
        value["nbytes"].fail(f"loaded_bytes + stored_bytes ({apart}) and those not declared apart")
    _check_at_most(value, tile, "min_work", "max_work")
    # A tile's own work is counted modulo 2**64, which is less than what its row adds up.
    work = tile.elements + tile.flops
    if tile.max_work > work:
        value["max_work"].fail(f"an integer <= elements + flops ({work})")
    if tile.min_work * tile.count > work:
        value["min_work"].fail(f"an integer <= (elements + flops) / count ({work} / {tile.count})")


def check_brick(value: JsonValue, info: BrickInfo) -> None:
    """Refuse what is known of a brick where it contradicts itself.

    Parameters
    ----------
    value : JsonValue
        The brick as it was written, by which an error names the field.
    info : BrickInfo
        The same as read.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    for name in ("call_times", "call_paces"):
        if _counted(getattr(info, name)) > info.calls:
            value[name].fail(f"counts that sum to at most calls ({info.calls})")
    if info.threads >= _MAX_INDICES:
        value["threads"].fail("an integer below 2**32")
    if not info.dtypes:
        value["dtypes"].fail("one element type or more")
    check_order(value["dtypes"], info.dtypes, _NAMES, distinct=True)
    check_order(value.optional("isas", []), info.isas, _NAMES, distinct=True)
    if len(info.isas) > _MAX_NAMES:
        value["isas"].fail(f"at most {_MAX_NAMES} names")
    for seen, written in zip(info.usage, value.optional("usage", []).items(), strict=True):
        _check_at_most(written, seen, "system_ns", "cpu_ns")


def check_events(value: JsonValue, events: Sequence[TileEvent]) -> None:
    """Refuse a time line out of order, or of a thread that no profiler numbers so.

    Parameters
    ----------
    value : JsonValue
        The list as it was written, by which an error names the field.
    events : sequence of TileEvent
        The same as read.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    check_order(value, events, "tiles sorted by time")
    for event, part in zip(events, value.items(), strict=True):
        if event.thread >= _MAX_INDICES:
            part["thread"].fail("an integer below 2**32")


def check_sampling(
    value: JsonValue, tiles: Sequence[TileStats], sample_every: int, clock_steps_back: int
) -> None:
    """Refuse rows that could not come of how the tiles were timed.

    Parameters
    ----------
    value : JsonValue
        The rows as they were written, by which an error names the field.
    tiles : sequence of TileStats
        The same as read.
    sample_every, clock_steps_back : int
        As of the recording.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    for tile, row in zip(tiles, value.items(), strict=True):
        if sample_every == 1 and tile.timed < tile.count:
            row["timed"].fail(f"count ({tile.count}) where sample_every is 1")
        # A tile during which the clock stepped back is as long as those inside it.
        if not clock_steps_back:
            _check_at_most(row, tile, "total_ns", "raw_total_ns")


def check_clock(value: JsonValue, clock: ClockInfo, *, used: bool) -> None:
    """Refuse a clock that no tiles are timed by.

    Parameters
    ----------
    value : JsonValue
        The clock as it was written, by which an error names the field.
    clock : ClockInfo
        The same as read.
    used : bool
        Whether there are tiles.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    if clock.source not in CLOCK_SOURCES:
        value["source"].fail(f"one of {', '.join(CLOCK_SOURCES)}")
    tick = clock.ns_per_tick
    if clock.source == MIXED:
        if tick:
            value["ns_per_tick"].fail(f"0 where source is {MIXED}")
    elif tick > _MAX_NS_PER_TICK or (used and not tick):
        value["ns_per_tick"].fail("a number above 0, at most 1e9")


def check_order(
    value: JsonValue, keys: Sequence[Any], expected: str, *, distinct: bool = False
) -> None:
    """Refuse a list that is not sorted by its keys, or where two are the same.

    Parameters
    ----------
    value : JsonValue
        The list as it was written.
    keys : sequence
        What its items are sorted by.
    expected : str
        What the error says was expected.
    distinct : bool
        Whether keys must differ.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    if not all(a < b if distinct else a <= b for a, b in pairwise(keys)):
        value.fail(expected)


def _check_at_most(value: JsonValue, part: Any, name: str, limit: str) -> None:
    """Refuse a field that is larger than another one of the same part."""
    most = getattr(part, limit)
    if getattr(part, name) > most:
        value[name].fail(f"an integer <= {limit} ({most})")


def _counted(histogram: Histogram) -> int:
    """Return how many times are in a histogram."""
    return sum(count for _, count in histogram)
