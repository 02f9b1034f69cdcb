# cython: boundscheck=True
"""What was recorded, read out: tiles, bricks, events and the Recording of all."""

from dataclasses import replace
from datetime import datetime, timezone

from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t

from brickprof.core.checks import short_repr
from brickprof.profiler.bricks cimport Brick, BrickUsage
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport BP_CLOCK_MANUAL, BP_LEVELS, bp_event, bp_ns

from brickprof._version import __version__
from brickprof.core.errors import RecordingError
from brickprof.core.levels import TileLevel
from brickprof.machine import detect_machine
from brickprof.machine.isas import default_isa
from brickprof.recording import (
    DEFAULT_BRICK, BrickInfo, BrickPath, ClockInfo, Overhead, Recording, TeamTimes, ThreadUsage,
    TileEvent, call_times_of, merge_brick_paths,
    merge_budgets, sum_tile_stats,
)
from brickprof.roofline import Roofs, load_roofs


cdef object between_resets(ProfilerState profiler, object read):
    """Read something again where another thread reset the profiler meanwhile, and renamed its bricks."""
    cdef uint64_t resets
    for _ in range(1000):
        resets = profiler.resets
        try:
            found = read()
        except (IndexError, KeyError):
            if resets == profiler.resets:
                raise
            continue
        if resets == profiler.resets:
            return found
    raise RecordingError("another thread resets the profiler over and over")


cdef list tiles_of(ProfilerState profiler, int level):
    """Return a level's TileStats, one for each recorder and brick."""
    copies = event_copies(profiler) if profiler.grid and profiler.events else []
    rows = between_resets(profiler, lambda: rows_of(profiler, level, origin_of(profiler, copies), True))
    return [tile for _, tile in rows]


cdef list rows_of(ProfilerState profiler, int level, uint64_t origin, bint grids):
    """Return what `tiles_of` does, each with its thread's index, if it is not disturbed.

    Slow tiles start after `origin`.
    """
    tiles = [((<Recorder> recorder).thread_index,
              (<Recorder> recorder).stats(number, level, (<Brick> brick).name, origin, grids))
             for recorder in profiler.recorders_made
             for number, brick in enumerate(profiler.bricks)]
    return [row for row in tiles if row[1] is not None]


cdef list recorders_with_tiles(ProfilerState profiler, uint32_t brick_id):
    """Return the recorders that hold tiles of a brick."""
    return [made for made in profiler.recorders_made
            if (<Recorder> made).has_tiles(brick_id)]


cdef tuple teams_of(ProfilerState profiler, BrickUsage usage):
    """Return how busy the threads of a brick were, for each number of them."""
    cdef uint64_t q32 = profiler.ns_per_tick_q32

    def ns(ticks):
        return ticks * q32 + (1 << 31) >> 32

    return tuple([
        TeamTimes(calls, ns(wall), tuple([ns(ticks) for ticks in busy]))
        for _, (calls, wall, *busy) in sorted(usage.teams.items())])


cdef object brick_info(ProfilerState profiler, str name, list numbers, tuple calls_apart):
    """Return what is known of the bricks of a name, of which numbers are those in use."""
    cdef BrickUsage usage = profiler.usage_by_name[name]
    cdef Recorder recorder
    cdef uint32_t number
    call_times, call_paces, (min_flops, max_flops, batches, reference) = calls_apart
    parts = call_times_of(batches, profiler.ns_per_tick_q32 / 4294967296.0,
                          mixed=min_flops != max_flops, flops=min_flops > 0,
                          reference=reference)
    calls = sum([(<Brick> profiler.bricks[number]).calls for number in numbers])
    ticks, indices = 0, set()
    for number in numbers:
        for recorder in recorders_with_tiles(profiler, number):
            ticks += recorder.outer_ticks(number)
            indices.add(recorder.thread_index)
    if calls or usage.held:
        ticks = usage.ticks_until(profiler.now())
    # Of the recorders in it at once some may have had no work. Outside any brick, threads come
    # and go unseen: all that left tiles are counted.
    threads = len(indices) if name == DEFAULT_BRICK else min(usage.max_recorders, len(indices))
    return BrickInfo(
        name=name, calls=calls, wall_ns=ticks * profiler.ns_per_tick_q32 + (1 << 31) >> 32,
        threads=max(threads, 1) * max(usage.threads_inside, 1),
        dtypes=tuple(sorted([(<Brick> profiler.bricks[number]).dtype for number in numbers])),
        teams=teams_of(profiler, usage), footprint_bytes=tuple(usage.footprint_bytes),
        isas=tuple(sorted(usage.isas)), usage=thread_usage(profiler, numbers),
        call_times=tuple(sorted(call_times.items())),
        call_paces=tuple(sorted(call_paces.items())), parts_of_calls=parts,
        min_call_flops=min_flops if parts else 0, max_call_flops=max_flops if parts else 0,
        threads_inside=usage.threads_inside, work_sources=tuple(sorted(usage.work_sources)))


cdef tuple thread_usage(ProfilerState profiler, list numbers):
    """Return what was seen of each thread in the bricks of some numbers, most wall time first."""
    cdef Recorder recorder
    cdef uint32_t number
    found = {}
    for recorder in profiler.recorders_made:
        seen = [recorder.usage(number) for number in numbers]
        known = [one for one in seen if one is not None]
        found.setdefault(recorder.thread_index, []).extend(known)
    sums = [ThreadUsage(*map(sum, zip(*known))) for known in found.values() if known]
    return tuple(sorted(sums, reverse=True))


cdef tuple brick_infos_of(ProfilerState profiler):
    """Return what is known of each brick with tiles, or calls that ended or go on, by name."""
    cdef BrickUsage usage
    # First of all: a call that other threads add meanwhile, of another element type even, is in its
    # brick's number of calls before it is in these.
    apart = {}
    for name, usage in list(profiler.usage_by_name.items()):
        batches = (0, 0, [], 0) if usage.batches is None else usage.batches.read()
        apart[name] = usage.call_times.copy(), usage.call_paces.copy(), batches
    found = {}
    for number, brick in enumerate(profiler.bricks):
        usage = profiler.usage_by_name.get((<Brick> brick).name)
        goes_on = usage is not None and bool(usage.held)
        if (<Brick> brick).calls or goes_on or recorders_with_tiles(profiler, number):
            found.setdefault((<Brick> brick).name, []).append(number)
    return tuple([brick_info(profiler, name, found[name], apart.get(name, ({}, {}, (0, 0, [], 0))))
                  for name in sorted(found)])


cdef tuple brick_paths_of(ProfilerState profiler):
    """Return the calls of bricks by the path of those around them, sorted."""
    cdef uint64_t q32 = profiler.ns_per_tick_q32
    return merge_brick_paths([
        BrickPath(path, category, calls, ticks * q32 + (1 << 31) >> 32, own * q32 + (1 << 31) >> 32)
        for path, category, calls, ticks, own in profiler.paths.read()])


cdef list event_copies(ProfilerState profiler):
    """Return the recorders, each with a copy of its events."""
    return [(made, (<Recorder> made).events_kept()) for made in profiler.recorders_made]


cdef uint64_t origin_of(ProfilerState profiler, list copies) except? 0:
    """Return the ticks that times count from.

    That is the start of the first event, and without events the time at which profiling was switched
    on first, or reset last.
    """
    cdef uint64_t first = UINT64_MAX
    for _, kept in copies:
        first = min(first, first_start(kept))
    return profiler.origin if first == UINT64_MAX else first


cdef uint64_t first_start(bytes kept) noexcept:
    """Return when the first of some events starts; UINT64_MAX without events."""
    cdef const bp_event *events = <const bp_event *> <const char *> kept
    cdef uint64_t i, first = UINT64_MAX
    for i in range(len(kept) // sizeof(bp_event)):
        first = min(first, events[i].start)
    return first


cdef tuple events_of(ProfilerState profiler, list copies, uint64_t origin):
    """Return copies of events in order of their time since an origin, and the number dropped."""
    cdef Recorder recorder
    cdef bytes kept
    cdef const bp_event *event
    cdef uint64_t i
    events, dropped = [], 0
    for recorder, kept in copies:
        dropped += recorder.events_lost()
        for i in range(len(kept) // sizeof(bp_event)):
            event = &(<const bp_event *> <const char *> kept)[i]
            events.append(TileEvent(
                start_ns=bp_ns(recorder.c, event.start - origin),
                stop_ns=bp_ns(recorder.c, event.stop - origin), thread=recorder.index,
                level=TileLevel(event.level), row=event.row, col=event.col,
                brick=(<Brick> profiler.bricks[event.brick]).name))
    return tuple(sorted(events)), dropped


cdef dict abandoned_of(ProfilerState profiler):
    """Return how many tiles were never stopped, by the reason."""
    found = dict(profiler.abandoned)
    for recorder in profiler.recorders_made:
        for reason, count in (<Recorder> recorder).orphans().items():
            found[reason] = found.get(reason, 0) + count
    return found


cdef str isa_of_roofs(object machine, tuple infos):
    """Return the instruction set that the bricks ran with; the default where they do not agree.

    A wrong BRICKPROF_ISA is an error of the kernels that use it, not of tiles of the user's own.
    """
    ran = {isa for info in infos for isa in info.isas}
    if len(ran) == 1:
        return ran.pop()
    try:
        return default_isa(machine)
    except ValueError:
        return machine.isa


cdef tuple stored_for(object machine, tuple infos):
    """Return the stored roofs of the most threads, and those that other bricks ran with."""
    default = isa_of_roofs(machine, infos)
    kinds = {(info.threads, (info.isas or (default,))[0]) for info in infos}
    most = max([info.threads for info in infos], default=1), default
    found = {kind: load_roofs(machine, kind[0], isa=kind[1]) for kind in {most, *kinds}}
    roofs = found.pop(most)
    return roofs, tuple([found[kind] for kind in sorted(found) if found[kind] is not None])


cdef tuple most_time_first(dict by_thread):
    """Return the self times of threads by level, those of the thread with most time first."""
    times = [tuple(times) for times in by_thread.values()]
    return tuple(sorted(times, key=lambda times: (sum(times), times), reverse=True))


cdef dict parts_of(ProfilerState profiler, bint single_tiles):
    """Return what a Recording holds of a profiler, by the names of its fields.

    Events, grids and checksums are in it if `single_tiles`.
    """
    cdef uint64_t origin
    tiles, own = {}, {}
    # First, so that each is of a tile that its row counts.
    copies = event_copies(profiler) if single_tiles else []
    origin = origin_of(profiler, copies)
    events, dropped = events_of(profiler, copies, origin)
    for level in range(BP_LEVELS):
        for thread, tile in rows_of(profiler, level, origin, single_tiles):
            tiles.setdefault((tile.brick, tile.level), []).append(tile)
            of_threads = own.setdefault(tile.brick, {})
            of_threads.setdefault(thread, [0] * BP_LEVELS)[level] += tile.self_ns
    # Before the bricks, so that each of these calls is in its brick's number of calls.
    brick_paths = brick_paths_of(profiler)
    abandoned = abandoned_of(profiler)
    lost = profiler.lost_time
    return dict(
        tiles=tuple([sum_tile_stats(tiles[name, level], level, name)
                     for name, level in sorted(tiles)]),
        brick_infos=tuple([
            replace(info, thread_self_ns=most_time_first(own.get(info.name, {})))
            for info in brick_infos_of(profiler)]),
        budgets=merge_budgets(list(profiler.budgets.values())),
        checksums=profiler.checksums.kept() if single_tiles else (),
        checksums_dropped=profiler.checksums.dropped,
        brick_paths=brick_paths, brick_paths_dropped=profiler.paths.dropped,
        open_tiles=profiler.open_tiles(),
        abandoned_tiles=sum(abandoned.values()), abandoned_by=tuple(sorted(abandoned.items())),
        brickless_threads=profiler.brickless_threads,
        clock_steps_back=sum([(<Recorder> made).steps_back() for made in profiler.recorders_made]),
        steal_ns=0 if lost is None else lost.steal_ns(),
        throttled_ns=0 if lost is None else lost.throttled_ns(),
        events=events, events_dropped=dropped)


cdef object recording_of(ProfilerState profiler, object roofs, bint single_tiles):
    """Return what was recorded so far as a Recording, with events and grids if `single_tiles`."""
    if roofs is not None and not isinstance(roofs, Roofs):
        raise TypeError(f"roofs must be a Roofs or None, got {short_repr(roofs)}")
    parts = between_resets(profiler, lambda: parts_of(profiler, single_tiles))
    machine = detect_machine()
    more_roofs = ()
    if roofs is None and profiler.clock != BP_CLOCK_MANUAL:
        roofs, more_roofs = stored_for(machine, parts["brick_infos"])
    return Recording(
        clock=ClockInfo(profiler.clock_name, profiler.ns_per_tick, profiler.clock_reason,
                        profiler.step_ns),
        overhead=profiler.overhead_info or Overhead(),
        machine=machine, roofs=roofs, more_roofs=more_roofs, sample_every=profiler.sample_every,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        version=__version__, **parts)
