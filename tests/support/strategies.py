"""Hypothesis strategies for what passes between the floors: statistics, roofs, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from hypothesis import strategies as st

from brickprof.core.dtypes import DTYPE_NAMES
from brickprof.core.histograms import BUCKETS, bucket_of, merge_histograms
from brickprof.core.levels import TileLevel
from brickprof.machine import Cache, Machine
from brickprof.recording import (
    WORK_SOURCES,
    BrickInfo,
    BrickPath,
    Budget,
    CallTimes,
    Checksum,
    ClockInfo,
    Overhead,
    Recording,
    TeamTimes,
    ThreadUsage,
    TileEvent,
    merge_budgets,
    merge_checksums,
)
from brickprof.recording.call_times import LOG_BUCKETS, MAX_SPREAD, PARTS, SEGMENTS, log_bucket
from brickprof.recording.tile_grid import SLOWEST, GridCell, SlowTile, TileGrid
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import MEMORY, Roofs
from brickprof.tuning.scalability import Scalability
from brickprof.tuning.sweep import Sweep, SweepPoint

levels = st.sampled_from(list(TileLevel))
times = st.one_of(st.integers(0, 300), st.integers(0, 10**9), st.integers(0, 2**63))
samples = st.lists(times, max_size=6)
sums = st.one_of(st.integers(0, 1000), st.integers(0, 2**63), st.integers(2**63, 2**70))
counts = st.integers(0, 5)
rates = st.floats(1e-3, 1e6)
costs = st.floats(0, 1e4)
# Any code point, lone surrogates too: a brick's name is whatever the user typed.
names = st.one_of(
    st.sampled_from(["default", "gemm", "attention"]), st.text(st.characters(), min_size=1)
)
isas = st.lists(st.sampled_from(["avx512", "avx2", "sve"]), unique=True, max_size=2)
dtypes = st.lists(
    st.sampled_from(["float32", "float64", "int8"]), unique=True, min_size=1, max_size=2
)


def stats_of(times_ns: list[int], level: TileLevel, brick: str | None, **more: Any) -> TileStats:
    """Return the statistics of tiles that took these times, with other fields as given.

    By default those that were not timed took as long as the mean of the others.
    """
    count = len(times_ns) + more.pop("untimed", 0)
    if times_ns:
        more.setdefault("total_ns", sum(times_ns) * count // len(times_ns))
        more.setdefault("raw_total_ns", more["total_ns"])
    return TileStats(
        level=level,
        brick=brick,
        count=count,
        timed=len(times_ns),
        min_ns=min(times_ns, default=0),
        max_ns=max(times_ns, default=0),
        histogram=merge_histograms([((bucket_of(time), 1),) for time in times_ns]),
        **more,
    )


def grid_of(tiles: list[tuple[int, int, int]], size: int) -> TileGrid:
    """Return the grid of tiles, given as (row, col, ns), by brute force."""
    per_cell = []
    for axis in (0, 1):
        per_cell.append(1)
        while any(tile[axis] // per_cell[axis] >= size for tile in tiles):
            per_cell[axis] *= 2
    cells: dict[tuple[int, int], list[int]] = {}
    for row, col, ns in tiles:
        cells.setdefault((row // per_cell[0], col // per_cell[1]), []).append(ns)
    slowest = [SlowTile(ns, start, 0, row, col) for start, (row, col, ns) in enumerate(tiles)]
    return TileGrid(
        size=size,
        rows_per_cell=per_cell[0],
        cols_per_cell=per_cell[1],
        cells=tuple(
            GridCell(*place, len(times), sum(times), max(times))
            for place, times in sorted(cells.items())
        ),
        slowest=tuple(sorted(slowest, key=SlowTile.rank)[:SLOWEST]),
    )


places = st.one_of(st.integers(0, 9), st.integers(0, 2**64 - 1))
grid_sizes = st.sampled_from([2, 3, 4, 64])


@st.composite
def tile_stats(
    draw: st.DrawFn,
    level: TileLevel | None = None,
    brick: str | None = None,
    times_ns: list[int] | None = None,
    sampled: bool = True,
) -> TileStats:
    """Statistics that a profiler could have made, some of them of no tiles at all."""
    taken = draw(samples) if times_ns is None else times_ns
    more = {name: draw(sums) for name in ("total_error_ns", "self_error_ns")}
    # The first tile of a row is timed.
    untimed = draw(counts) if taken and sampled else 0
    count = len(taken) + untimed
    if taken:
        total = sum(taken) * count // len(taken)
        more["self_ns"] = draw(st.integers(0, total))
        more["raw_total_ns"] = total + draw(sums)
        more["raw_self_ns"] = draw(st.integers(0, more["raw_total_ns"]))
        declared = ("elements", "flops", "loaded_bytes", "stored_bytes")
        more.update({name: min(draw(sums), count * (2**64 - 1)) for name in declared})
        more["nbytes"] = more["loaded_bytes"] + more["stored_bytes"] + draw(sums)
        work = more["elements"] + more["flops"]
        more["min_work"] = draw(st.integers(0, work // count))
        least = 0 if work >= 2**64 else -(-work // count)
        more["max_work"] = draw(st.integers(max(more["min_work"], least), work))
    more["undeclared"] = draw(st.integers(0, count))
    more["split"] = draw(st.integers(0, count - more["undeclared"]))
    if not more["split"] and taken:
        more["nbytes"] -= more["loaded_bytes"] + more["stored_bytes"]
        more["loaded_bytes"] = more["stored_bytes"] = 0
    if taken and more["split"] == count:
        more["nbytes"] = more["loaded_bytes"] + more["stored_bytes"]
    if draw(st.booleans()):
        placed = [(draw(places), draw(places), ns) for ns in taken]
        more["grid"] = grid_of(placed, draw(grid_sizes))
    return stats_of(taken, draw(levels) if level is None else level, brick, untimed=untimed, **more)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Machines with three or four caches."""
    isas = draw(st.sampled_from([("avx512", "avx2", "base"), ("neon", "base"), ("base",)]))
    logical = draw(st.integers(1, 256))
    sizes = st.integers(1, 2**40)
    return Machine(
        cpu=draw(st.sampled_from(["EPYC 9654", "Neoverse V2 – é"])),
        arch=draw(st.sampled_from(["x86_64", "aarch64"])),
        isa=draw(st.sampled_from(isas)),
        isas=isas,
        physical_cores=draw(st.integers(1, logical)),
        logical_cores=logical,
        usable_cores=draw(st.integers(1, logical)),
        quota_cores=draw(st.none() | st.floats(0.01, 256)),
        caches=tuple(
            Cache(level, draw(sizes), draw(sizes), draw(sizes), draw(st.integers(0, 64)))
            for level in range(1, draw(st.integers(4, 5)))
        ),
        assumed=draw(st.sampled_from([(), ("L3",), ("L2.shared_by", "physical_cores")])),
    )


@st.composite
def roofs(draw: st.DrawFn) -> Roofs:
    """Roofs with peaks for some element types."""
    measured = draw(st.lists(st.sampled_from(DTYPE_NAMES), min_size=1, unique=True))
    return Roofs(
        threads=draw(st.integers(1, 256)),
        dtype=draw(st.sampled_from(measured)),
        isa=draw(st.sampled_from(["avx512", "base"])),
        cpu="EPYC 9654",
        fingerprint=draw(st.sampled_from(["00ff", "abcd"])),
        peak_by_dtype={dtype: draw(rates) for dtype in measured},
        bandwidth_gbs={memory: draw(rates) for memory in MEMORY},
        spread={name: draw(costs) for name in (*measured, *MEMORY)},
        working_set_bytes={memory: draw(st.integers(1, 2**40)) for memory in MEMORY},
        measured_at="2024-05-01T12:00:00+00:00",
        method=draw(st.sampled_from(["quick", "full"])),
        noisy=draw(st.booleans()),
        verdict="steady",
    )


@st.composite
def other_roofs(draw: st.DrawFn, held_against: Roofs | None) -> tuple[Roofs, ...]:
    """Roofs of kinds of their own."""
    kinds = {
        (one.fingerprint, one.threads, one.isa, one.dtype): one
        for one in (*draw(st.lists(roofs(), max_size=2)), held_against)
        if one is not None
    }
    return tuple(kinds[kind] for kind in sorted(kinds) if kinds[kind] is not held_against)


@st.composite
def events(draw: st.DrawFn, bricks: list[str]) -> TileEvent:
    """Tiles on the time line."""
    start, stop = sorted((draw(times), draw(times)))
    return TileEvent(
        start_ns=start,
        stop_ns=stop,
        thread=draw(counts),
        level=draw(levels),
        row=draw(places),
        col=draw(counts),
        brick=draw(st.sampled_from(bricks)),
    )


clocks = st.builds(
    ClockInfo,
    source=st.sampled_from(["tsc", "tsc", "manual"]),
    ns_per_tick=st.sampled_from([1.0, 0.408, 0.4081]),
    reason=st.sampled_from(["", "invariant TSC"]),
    step_ns=st.sampled_from([0.0, 10.0]),
) | st.sampled_from([ClockInfo("mixed", 0.0, "merged recordings", 0.0)])
unread_clocks = st.sampled_from([ClockInfo("tsc", 0.0, "", 0.0)])
overheads = st.builds(Overhead, **{field.name: costs for field in fields(Overhead)})
histograms = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 2**70), max_size=4).map(
    lambda counted: tuple(sorted(counted.items()))
)


@st.composite
def usages(draw: st.DrawFn) -> ThreadUsage:
    """What was seen of a thread."""
    usage = ThreadUsage(**{field.name: draw(sums) for field in fields(ThreadUsage)})
    return replace(usage, system_ns=draw(st.integers(0, usage.cpu_ns)))


@st.composite
def teams(draw: st.DrawFn) -> tuple[TeamTimes, ...]:
    """Times of teams of different sizes."""
    return tuple(
        TeamTimes(
            calls=draw(st.integers(1, 5)),
            wall_ns=draw(sums),
            busy_ns=tuple(sorted((draw(sums) for _ in range(threads)), reverse=True)),
        )
        for threads in sorted(draw(st.sets(st.integers(2, 4), max_size=2)))
    )


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    """Sweeps of some thread counts, with or without a fitted law."""
    counts_tried = sorted(draw(st.sets(st.integers(1, 64), min_size=1, max_size=4)))
    share = st.floats(0, 1)
    fit = st.builds(
        Scalability,
        gamma=rates,
        alpha=share,
        beta=share,
        r_squared=share,
        counts=st.just(tuple(counts_tried)),
    )
    return Sweep(
        points=tuple(
            SweepPoint(count, tuple(draw(st.lists(times, min_size=1, max_size=3))))
            for count in counts_tried
        ),
        work=draw(rates),
        unit="GFLOP",
        rule=draw(st.integers(1, 64)),
        budget=draw(st.integers(1, 64)),
        scalability=draw(st.none() | fit) if len(counts_tried) > 1 else None,
    )


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def extended(draw: st.DrawFn, data: Any) -> Any:
    """JSON values with more fields, as a later version might add, in some of the objects."""
    if isinstance(data, list):
        return [draw(extended(item)) for item in data]
    if not isinstance(data, dict):
        return data
    fields = {name: draw(extended(value)) for name, value in data.items()}
    more = draw(st.dictionaries(st.text().map("future_{}".format), json_values, max_size=1))
    return {**more, **fields} if draw(st.booleans()) else {**fields, **more}


@st.composite
def call_times(draw: st.DrawFn, part: str, *, flops: bool) -> CallTimes:
    """What up to three runs took for a part of a call, which may have declared flops."""
    share = part.endswith("share")
    places = st.integers(0, log_bucket(1) if share else LOG_BUCKETS - 1)
    runs = draw(st.lists(places, min_size=1, max_size=3))
    paced = draw(st.lists(places, max_size=len(runs))) if flops and not share else []
    return CallTimes(
        part,
        merge_histograms([((run, 1),) for run in runs]),
        draw(st.integers(0, len(runs) * MAX_SPREAD)),
        merge_histograms([((run, 1),) for run in paced]),
        draw(st.integers(0, len(paced) * MAX_SPREAD)),
    )


@st.composite
def thread_times(draw: st.DrawFn, tiles: Sequence[TileStats]) -> tuple[tuple[int, ...], ...]:
    """How the self times of a brick's tiles divide among up to three threads."""
    left = [sum(tile.self_ns for tile in tiles if tile.level is level) for level in TileLevel]
    threads = []
    for _ in range(draw(st.integers(0, 3))):
        taken = tuple(draw(st.integers(0, ns)) for ns in left)
        left = [ns - took for ns, took in zip(left, taken, strict=True)]
        threads.append(taken)
    return tuple(sorted(threads, key=lambda times: (sum(times), times), reverse=True))


@st.composite
def brick_infos(draw: st.DrawFn, brick: str, tiles: Sequence[TileStats] = ()) -> BrickInfo:
    """What is known of a brick of some name and some tiles."""
    taken, paces = draw(histograms), draw(histograms)
    seen = max(sum(tiles for _, tiles in one) for one in (taken, paces))
    used = sorted(draw(st.sets(st.sampled_from(PARTS), max_size=3)), key=PARTS.index)
    flops = sorted((draw(sums), draw(sums))) if used else (0, 0)
    parts = tuple(draw(call_times(part, flops=flops[1] > 0)) for part in used)
    seen = max(seen, *(SEGMENTS * sum(runs for _, runs in one.times) for one in parts), 0)
    return BrickInfo(
        name=brick,
        calls=seen + draw(counts),
        wall_ns=draw(sums),
        threads=draw(st.integers(1, 5)),
        dtypes=tuple(sorted(draw(dtypes))),
        teams=draw(teams()),
        footprint_bytes=tuple(draw(sums) for _ in TileLevel),
        isas=tuple(sorted(draw(isas))),
        usage=tuple(sorted(draw(st.lists(usages(), max_size=2)), reverse=True)),
        thread_self_ns=draw(thread_times(tiles)),
        call_times=taken,
        call_paces=paces,
        parts_of_calls=parts,
        min_call_flops=flops[0],
        max_call_flops=flops[1],
        threads_inside=draw(st.integers(0, 1)),
        work_sources=tuple(sorted(draw(st.sets(st.sampled_from(WORK_SOURCES))))),
    )


@st.composite
def brick_paths(draw: st.DrawFn, infos: Sequence[BrickInfo]) -> tuple[BrickPath, ...]:
    """Calls of bricks inside others, of which some are not in `infos` any more."""
    around = [info.name for info in infos] + ["step"]
    found = {}
    for info in infos:
        left = info.calls
        while left and draw(st.booleans()):
            path = (*draw(st.lists(st.sampled_from(around), max_size=2)), info.name)
            category = draw(st.sampled_from(["", "attention", "FFN"]))
            calls = draw(st.integers(1, left))
            if (path, category) not in found:
                left -= calls
                total = draw(sums)
                own = draw(st.integers(0, total))
                found[path, category] = BrickPath(path, category, calls, total, own)
    return tuple(found[key] for key in sorted(found))


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    """Limits of a brick or a category."""
    ns = draw(st.none() | rates)
    rate = draw(rates if ns is None else st.none() | rates)
    if draw(st.booleans()):
        return Budget(name=draw(names), of="category", ns=ns or rate)
    percentile = None if ns is None else draw(st.none() | st.floats(0, 100))
    efficiency = draw(st.none() | rates)
    return Budget(
        name=draw(names), ns=ns, percentile=percentile, gflops=rate, efficiency=efficiency
    )


signed = st.floats(-1e300, 1e300)


@st.composite
def checksums(draw: st.DrawFn) -> Checksum:
    """What arrays held, not always of the same run."""
    level = draw(st.none() | levels)
    low, high = sorted((draw(signed), draw(signed)))
    nans, infinities = draw(counts), draw(counts)
    return Checksum(
        sequence=draw(counts),
        brick=draw(names),
        call=draw(counts),
        level=level,
        row=0 if level is None else draw(places),
        col=0 if level is None else draw(counts),
        name=draw(names),
        index=draw(counts),
        dtype=draw(st.sampled_from(["float32", "complex64", "bool"])),
        shape=tuple(draw(st.lists(counts, max_size=3))),
        digest=draw(st.sampled_from(["00", "ff"])),
        nans=nans,
        infinities=infinities,
        nonfinite=draw(st.sampled_from(["", "00", "ff"])) if nans or infinities else "",
        minimum=low,
        maximum=high,
        mean=draw(signed),
        rms=draw(rates),
        sketch=tuple(draw(signed) for _ in range(8)),
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Recordings as a profiler makes them: all tuples sorted, all bricks known."""
    bricks = sorted(draw(st.lists(names, unique=True, max_size=3)))
    places = [(brick, level) for brick in bricks for level in TileLevel]
    used = draw(st.sets(st.sampled_from(places))) if places else set()
    held_against = draw(st.none() | roofs())
    sample_every = draw(st.integers(1, 100))
    reasons = draw(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 9)))
    tiles = tuple(
        draw(tile_stats(level, brick, sampled=sample_every > 1)) for brick, level in sorted(used)
    )
    line: list[TileEvent] = []
    left = {(tile.brick, tile.level): tile.timed for tile in tiles}
    for event in draw(st.lists(events(bricks), max_size=4)) if bricks else []:
        if left.get((event.brick, event.level), 0):
            left[event.brick, event.level] -= 1
            line.append(event)
    infos = tuple(
        draw(brick_infos(brick, [tile for tile in tiles if tile.brick == brick]))
        for brick in bricks
    )
    return Recording(
        tiles=tiles,
        brick_infos=infos,
        clock=draw(clocks if used else clocks | unread_clocks),
        overhead=draw(overheads),
        machine=draw(st.none() | machines()),
        roofs=held_against,
        more_roofs=draw(other_roofs(held_against)),
        sample_every=sample_every,
        open_tiles=draw(counts),
        abandoned_tiles=sum(reasons.values()) + draw(counts),
        abandoned_by=tuple(sorted(reasons.items())),
        brickless_threads=draw(counts),
        clock_steps_back=draw(counts),
        events=tuple(sorted(line)),
        events_dropped=draw(sums),
        steal_ns=draw(sums),
        throttled_ns=draw(sums),
        brick_paths=draw(brick_paths(infos)),
        brick_paths_dropped=draw(sums),
        budgets=merge_budgets(draw(st.lists(budgets(), max_size=2))),
        checksums=merge_checksums(draw(st.lists(checksums(), max_size=2))),
        checksums_dropped=draw(counts),
        created=draw(st.sampled_from(["", "2024-05-01T12:00:00+00:00", "2025-01-01T00:00:00Z"])),
        version=draw(st.sampled_from(["", "0.1.0", "0.2.0", "mixed"])),
    )
