"""What holds between the fields of every recording; files that contradict it are refused.

Each rule holds for whatever a profiler measured and for every merge of that, whatever it merged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from brickprof.core.checks import short_repr
from brickprof.core.histograms import Histogram, bucket_of
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_GRID
from brickprof.recording.call_times import MAX_SPREAD, PARTS, SEGMENTS, log_ns
from brickprof.recording.parts import CLOCK_SOURCES, MIXED, BrickInfo, ClockInfo, TileEvent
from brickprof.recording.tile_grid import SLOWEST, TileGrid
from brickprof.recording.tile_stats import TileStats

_NAMES = "distinct names, sorted"
_MAX_NAMES = 256
"""The most instruction sets of a brick; processors have a handful."""

_MAX_INDICES = 2**32
"""What counts of threads stay below: their indices are of 32 bits."""

_MAX_NS_PER_TICK = 1e9

_MAX_WORK = 2**64 - 1
"""What a tile can declare."""

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
    if tile.grid is not None:
        _check_cells(value["grid"], tile.grid, tile)
        _check_slowest(value["grid"], tile.grid)


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
    """Refuse work that contradicts itself, and more than tiles can declare."""
    for name in ("elements", "flops", "loaded_bytes", "stored_bytes"):
        if getattr(tile, name) > tile.count * _MAX_WORK:
            value[name].fail(f"at most 2**64 - 1 of each tile (count is {tile.count})")
    if not tile.split and tile.loaded_bytes + tile.stored_bytes:
        value["split"].fail("the tiles that declared loaded_bytes and stored_bytes")
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
    # 0 stands for "not known" in files from before the field was there.
    if tile.max_work and work <= _MAX_WORK and tile.max_work * tile.count < work:
        value["max_work"].fail(f"an integer >= (elements + flops) / count ({work} / {tile.count})")


def _check_cells(value: JsonValue, grid: TileGrid, tile: TileStats) -> None:
    """Refuse cells that contradict each other or the row that they are of."""
    if grid.size > MAX_GRID:
        value["size"].fail(f"an integer in [2, {MAX_GRID}]")
    for name in ("rows_per_cell", "cols_per_cell"):
        per_cell = getattr(grid, name)
        if per_cell & (per_cell - 1) or per_cell >= 1 << 64:
            value[name].fail("a power of two below 2**64")
    places = [(cell.row, cell.col) for cell in grid.cells]
    check_order(value["cells"], places, "distinct places, sorted", distinct=True)
    for cell, written in zip(grid.cells, value["cells"].items(), strict=True):
        if max(cell.row, cell.col) >= grid.size:
            written.fail(f"a place in {grid.size} rows and columns")
        # Ticks are rounded to nanoseconds one by one and as a sum.
        if not cell.tiles or cell.total_ns > cell.tiles * (cell.max_ns + 1):
            written.fail("tiles that are at most as long as the longest")
    count = grid.count
    if count > tile.timed:
        value["cells"].fail(f"counts that sum to at most timed ({tile.timed})")
    longest = max((cell.max_ns for cell in grid.cells), default=0)
    if longest > tile.max_ns:
        value["cells"].fail(f"times of at most max_ns ({tile.max_ns})")
    if count == tile.timed == tile.count:
        total = sum(cell.total_ns for cell in grid.cells)
        # A cell whose tiles are shorter than their correction counts as 0 ns, not less.
        if total < tile.total_ns - tile.count:
            value["cells"].fail(f"times that sum to total_ns ({tile.total_ns})")


def _check_slowest(value: JsonValue, grid: TileGrid) -> None:
    """Refuse slowest tiles that are not those of the cells."""
    expected = min(SLOWEST, grid.count)
    if len(grid.slowest) != expected:
        value["slowest"].fail(f"{expected} tiles")
    check_order(value["slowest"], [tile.rank() for tile in grid.slowest], "longest first")
    longest = {(cell.row, cell.col): cell.max_ns for cell in grid.cells}
    for tile, written in zip(grid.slowest, value["slowest"].items(), strict=True):
        place = tile.row // grid.rows_per_cell, tile.col // grid.cols_per_cell
        if tile.ns > longest.get(place, -1):
            written.fail("a tile of one of the cells, at most as long as its longest")
        if tile.thread >= _MAX_INDICES:
            written.fail("a thread below 2**32")
    if grid.slowest and grid.slowest[0].ns != max(longest.values()):
        value["slowest"].fail(f"the longest of all cells first ({max(longest.values())} ns)")


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
    walls = [-seen.wall_ns for seen in info.usage]
    check_order(value.optional("usage", []), walls, "threads sorted, most wall time first")
    own = [-sum(thread) for thread in info.thread_self_ns]
    check_order(value.optional("thread_self_ns", []), own, "threads sorted, most self time first")
    for name in ("call_times", "call_paces"):
        if _counted(getattr(info, name)) > info.calls:
            value[name].fail(f"counts that sum to at most calls ({info.calls})")
    _check_calls(value, info)
    if info.threads >= _MAX_INDICES:
        value["threads"].fail("an integer below 2**32")
    if info.threads_inside > info.threads:
        value["threads_inside"].fail(f"at most threads ({info.threads})")
    if not info.dtypes:
        value["dtypes"].fail("one element type or more")
    check_order(value["dtypes"], info.dtypes, _NAMES, distinct=True)
    check_order(value.optional("isas", []), info.isas, _NAMES, distinct=True)
    if len(info.isas) > _MAX_NAMES:
        value["isas"].fail(f"at most {_MAX_NAMES} names")
    for seen, written in zip(info.usage, value.optional("usage", []).items(), strict=True):
        _check_at_most(written, seen, "system_ns", "cpu_ns")


def _check_calls(value: JsonValue, info: BrickInfo) -> None:
    """Refuse times of calls that no runs of a brick add up to."""
    if info.min_call_flops > info.max_call_flops:
        value["min_call_flops"].fail(f"an integer <= max_call_flops ({info.max_call_flops})")
    if info.max_call_flops and not info.parts_of_calls:
        value["max_call_flops"].fail("0 where parts_of_calls is empty")
    places = [PARTS.index(one.part) for one in info.parts_of_calls]
    written = value.optional("parts_of_calls", [])
    check_order(written, places, "distinct parts, in their order", distinct=True)
    for one, part in zip(info.parts_of_calls, written.items(), strict=True):
        runs, with_flops = _counted(one.times), _counted(one.paces)
        if not 0 < runs * SEGMENTS <= info.calls:
            part["times"].fail(f"a run or more, of {SEGMENTS} of the calls ({info.calls}) each")
        if with_flops > (runs if info.max_call_flops else 0):
            part["paces"].fail(f"counts that sum to at most the runs with flops ({runs})")
        if one.part.endswith("share") and any(log_ns(bucket) > 0 for bucket, _ in one.times):
            part["times"].fail("shares <= 1")
        for name, most in (("spread", runs), ("pace_spread", with_flops)):
            if getattr(one, name) > most * MAX_SPREAD:
                part[name].fail(f"an integer <= {most * MAX_SPREAD}")


def check_events(value: JsonValue, events: Sequence[TileEvent], tiles: Sequence[TileStats]) -> None:
    """Refuse a time line out of order, of tiles not counted, or of a thread no profiler numbers so.

    Parameters
    ----------
    value : JsonValue
        The list as it was written, by which an error names the field.
    events : sequence of TileEvent
        The same as read.
    tiles : sequence of TileStats
        The rows of the recording.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    check_order(value, events, "tiles sorted by time")
    timed = {(tile.brick, tile.level): tile.timed for tile in tiles}
    kept = Counter((event.brick, event.level) for event in events)
    for (brick, level), count in kept.items():
        if count > timed.get((brick, level), 0):
            value.fail(f"at most the {level.name} tiles of {short_repr(brick)} that were timed")
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


def check_thread_times(
    value: JsonValue, infos: Sequence[BrickInfo], tiles: Sequence[TileStats]
) -> None:
    """Refuse self times of threads that are more than those of their brick and level.

    They may be less: a run that was merged may be of a version that kept none.

    Parameters
    ----------
    value : JsonValue
        The bricks as they were written, by which an error names the field.
    infos : sequence of BrickInfo
        The same as read.
    tiles : sequence of TileStats
        The rows of the recording.

    Raises
    ------
    BrickprofError
        What `value` raises.
    """
    own = {(tile.brick, tile.level): tile.self_ns for tile in tiles}
    for info, part in zip(infos, value.items(), strict=True):
        for level in TileLevel:
            most = own.get((info.name, level), 0)
            if sum(of_thread[level] for of_thread in info.thread_self_ns) > most:
                part["thread_self_ns"].fail(f"at most self_ns ({most}) of {level.name} in all")


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
