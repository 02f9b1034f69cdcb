"""Plans of attention: views of what the kernel will run, and the blocks for this machine."""

import functools

from brickprof.kernels.attention.shape cimport (
    attention_macro_elements, attention_micro_bytes, attention_midi_elements, attention_midi_rows,
    attention_next_run, attention_run_of_chunks, attention_shape,
    attention_thread_of, attention_threads, attention_visible,
)
from brickprof.kernels.partition cimport ceil_div, round_up
from brickprof.kernels.plan_checks cimport (
    check_decisions, check_levels, check_micro, checked_size, levels_are_known, take_micro,
)
from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_micro_kernels, find_isa, isa_of, micro_kernel_of,
)

from brickprof.core.checks import (
    checked_flag, checked_integer, checked_thread_count, short_repr,
)
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_BLOCK, MAX_THREADS
from brickprof.machine import checked_machine, detect_machine
from brickprof.planning.attention import (
    ITEMSIZE, AttentionBlocks, AttentionPlan, attention_blocks,
)
from brickprof.planning.blocks import LevelPlan
from brickprof.planning.budget import default_threads

cdef enum:
    MAX_CAUSAL_MIDI = 1 << 19                       # about 0.3 s to add up
    MAX_CAUSAL_MICROPANELS = 1 << 24                # about 0.2 s

MAX_EXTENT = 2**31
"""Rows, keys and dim above this are taken for a mistake: no memory holds such heads."""


@functools.lru_cache(maxsize=256)
def machine_blocks_of(isa, dim):
    """Return the rows and keys of blocks for this machine."""
    micro = micro_kernel_of(find_isa(isa.decode()), BP_FLOAT32)
    blocks = attention_blocks(detect_machine(), micro, dim)
    return blocks.rows, blocks.keys


cdef int attention_machine_blocks(const attention_job *job, Py_ssize_t *rows,
                                  Py_ssize_t *keys) except -1:
    """Give the blocks for this machine, found once in a process for each head size."""
    rows[0], keys[0] = machine_blocks_of(job.isa.name, job.dim)
    return 0


cdef int attention_tile(attention_job *job, object plan, int threads) except -1:
    """Tile a call for this machine, or as a plan says."""
    cdef bint contiguous = job.k_step[3] == 1 or job.dim <= 1 or job.keys == 0
    cdef Py_ssize_t heads = job.batches * job.heads, rows, keys
    if plan is None:
        attention_machine_blocks(job, &rows, &keys)
        attention_shape(job, attention_threads(job, threads), contiguous, rows, keys)
        return 0
    if not isinstance(plan, AttentionPlan):
        raise TypeError(f"plan must be an AttentionPlan or None, got {short_repr(plan)}")
    check_problem(job, plan, heads)
    check_micro(plan.micro, job.isa, BP_FLOAT32)
    if plan.contiguous_keys and not contiguous:
        raise ValueError("plan must be made with contiguous_keys=False for these keys")
    threads = checked_size("plan", "threads", plan.threads, 1, MAX_THREADS)
    attention_tile_blocks(job, "plan.blocks", plan.blocks, threads, plan.contiguous_keys)
    check_decisions("plan_attention", plan, DECISIONS, tiling_of(job))
    if not levels_are_known(plan):
        check_levels("plan_attention", plan, levels_of(job))
    return 0


cdef int check_problem(const attention_job *job, object plan, Py_ssize_t heads) except -1:
    """Raise unless a plan is of this call's sizes."""
    for name in ("causal", "contiguous_keys"):
        if type(getattr(plan, name)) is not bool:
            raise TypeError(f"plan.{name} must be a bool, got {short_repr(getattr(plan, name))}")
    if (checked_size("plan", "heads", plan.heads, 0, MAX_BLOCK) != heads
            or checked_size("plan", "rows", plan.rows, 0, MAX_BLOCK) != job.rows
            or checked_size("plan", "keys", plan.keys, 0, MAX_EXTENT) != job.keys
            or checked_size("plan", "dim", plan.dim, 0, MAX_EXTENT) != job.dim
            or plan.causal != bool(job.causal)):
        raise ValueError(
            f"plan must be of this problem: {heads} heads, {job.rows} rows, {job.keys} keys, "
            f"dim {job.dim}, causal {bool(job.causal)}")
    return 0


cdef int attention_tile_blocks(attention_job *job, str name, object blocks, int threads,
                               bint contiguous) except -1:
    """Tile a call in blocks, and refuse those that no kernel runs or that pass 64 bits."""
    cdef Py_ssize_t rows, keys
    cdef double work, pairs = <double> job.rows * job.keys
    if not isinstance(blocks, AttentionBlocks):
        raise TypeError(f"{name} must be AttentionBlocks, got {short_repr(blocks)}")
    rows = checked_size(name, "rows", blocks.rows, 1, MAX_BLOCK)
    keys = checked_size(name, "keys", blocks.keys, 1, MAX_BLOCK)
    if keys % job.micro.nr:
        raise ValueError(f"{name}.keys must be a multiple of the micro-kernel's nr, "
                         f"{job.micro.nr}, got {keys}")
    attention_shape(job, threads, contiguous, rows, keys)
    # A Midi tile's bytes: scores pass a few times, keys and values for each micropanel of rows.
    work = 64.0 * (job.row_block + job.micro.mr) * (<double> job.keys + job.key_block)
    work *= <double> job.width + job.micro.nr
    if job.chunk < job.rows and job.splits == 1:
        pairs *= <double> job.batches * job.heads * job.threads
    if work >= 2.0 ** 63 or pairs >= 2.0 ** 63:
        raise ValueError(f"rows, keys and dim must be of tiles and threads' shares that 63 bits "
                         f"count, got {job.rows}, {job.keys} and {job.dim} in {name} {blocks}")
    return 0


cdef tuple DECISIONS = ("dotxf", "splits", "split_keys", "chunk", "row_block", "key_block")


cdef tuple tiling_of(const attention_job *job):
    """Return the decisions, in the order of DECISIONS."""
    return (bool(job.dotxf), job.splits, job.split_keys, job.chunk, job.row_block, job.key_block)


cdef struct midi_totals:
    Py_ssize_t tiles                                # Micro tiles
    Py_ssize_t elements                             # that the Midi tile moves
    Py_ssize_t micro_bytes


cdef void add_micro(const attention_job *job, Py_ssize_t rows, Py_ssize_t keys, bint begins,
                    Py_ssize_t count, midi_totals *totals) noexcept nogil:
    """Add so many Micro tiles that are alike."""
    totals.tiles += count
    totals.elements += count * attention_midi_elements(job, rows, keys, begins)
    totals.micro_bytes += count * attention_micro_bytes(job, rows, keys, begins)


cdef void add_micropanel(const attention_job *job, Py_ssize_t row, Py_ssize_t rows,
                         Py_ssize_t key0, Py_ssize_t key1, Py_ssize_t alike,
                         midi_totals *totals) noexcept nogil:
    """Add the Micro tiles of some rows: the first block of keys, those like it, and the last."""
    cdef Py_ssize_t seen = min(attention_visible(job, row + rows - 1), key1) - key0
    cdef Py_ssize_t block = job.key_block, later = seen - block
    if seen <= 0 or rows == 0:
        return
    add_micro(job, rows, min(seen, block), True, alike, totals)
    if later > 0:
        add_micro(job, rows, block, False, alike * (later // block), totals)
        if later % block:
            add_micro(job, rows, later % block, False, alike, totals)


cdef midi_totals totals_of_midi(const attention_job *job, Py_ssize_t first, Py_ssize_t last,
                                Py_ssize_t key0, Py_ssize_t key1) noexcept nogil:
    """Add up a Midi tile, micropanel by micropanel where each sees other keys."""
    cdef Py_ssize_t rows = last - first, micropanels = ceil_div(rows, job.micro.mr), u, high
    cdef Py_ssize_t row = first
    cdef midi_totals totals
    totals.tiles = totals.micro_bytes = 0
    totals.elements = attention_midi_rows(job, rows)
    if not job.causal:
        # Micropanels of a height are alike.
        high, u = rows // micropanels, rows % micropanels
        add_micropanel(job, row, high + 1, key0, key1, u, &totals)
        add_micropanel(job, row, high, key0, key1, micropanels - u, &totals)
        return totals
    for u in range(micropanels):
        high = rows // micropanels + (u < rows % micropanels)
        add_micropanel(job, row, high, key0, key1, 1, &totals)
        row += high
    return totals


cdef list macro_tiles(const attention_job *job):
    """Return the rows and keys of Macro tiles, and how many are alike."""
    cdef attention_run_of_chunks run
    cdef Py_ssize_t per_head = ceil_div(job.rows, job.chunk), units, at
    heads = job.batches * job.heads
    if job.splits > 1:
        keys = [(split * job.split_keys, min((split + 1) * job.split_keys, job.keys))
                for split in range(job.splits)]
        return [((0, job.rows, *part), heads) for part in keys]
    if job.chunk >= job.rows:
        return [((0, job.rows, 0, job.keys), heads)]
    alike = {}
    run.unit, run.first, run.last = 0, 0, 0
    units = job.batches * job.heads * per_head
    # Threads take adjacent runs, so that the next run is of the thread of its first chunk.
    while run.unit < units:
        at = run.unit % per_head * job.chunk
        attention_next_run(job, attention_thread_of(job, run.unit // per_head, at), &run)
        rows = run.first, run.last, 0, job.keys
        alike[rows] = alike.get(rows, 0) + 1
    return list(alike.items())


cdef int check_counted(const attention_job *job, object rows) except -1:
    """Raise where adding up the tiles of causal rows, each of which differs, would take seconds."""
    if job.causal and (rows // job.row_block > MAX_CAUSAL_MIDI
                       or rows // job.micro.mr > MAX_CAUSAL_MICROPANELS):
        raise ValueError(
            f"rows must be of at most {MAX_CAUSAL_MIDI} Midi tiles of {job.row_block} rows and "
            f"{MAX_CAUSAL_MICROPANELS} micropanels of {job.micro.mr} in causal attention, over "
            f"heads that differ in how threads share them, got {job.rows}")
    return 0


cdef list totals_of(const attention_job *job):
    """Return the tiles and the bytes of each level."""
    cdef Py_ssize_t first, last, key0, key1, row, end, alike
    cdef midi_totals one
    totals = [[0, 0] for _ in TileLevel]
    macro, midi, micro = totals
    tiles = macro_tiles(job)
    check_counted(job, sum([last - first for (first, last, _, _), _ in tiles]))
    for (first, last, key0, key1), count in tiles:
        elements = <object> (0 if job.dotxf else 2 * attention_visible(job, last - 1) * job.dim)
        row = first
        while row < last:
            end = min(row + job.row_block, last)
            one = totals_of_midi(job, row, end, key0, key1)
            seen = max(min(attention_visible(job, end - 1), key1) - key0, 0)
            alike = 1 if job.causal else max((last - row) // job.row_block, 1)
            elements += <object> alike * attention_macro_elements(job, end - row, seen)
            midi[0] += count * alike
            midi[1] += count * alike * one.elements * ITEMSIZE
            micro[0] += count * alike * one.tiles
            micro[1] += count * alike * one.micro_bytes
            row = end if alike == 1 else row + alike * job.row_block
        macro[0] += count
        macro[1] += count * elements * ITEMSIZE
    return totals


cdef object pairs_of(const attention_job *job):
    """Return the number of (row, key) pairs of a head that see each other, of any size."""
    rows, keys = <object> job.rows, <object> job.keys
    if not job.causal:
        return rows * keys
    seeing = min(rows, keys)
    return seeing * (max(keys - rows, 0) + 1) + seeing * (seeing - 1) // 2


cdef tuple levels_of(const attention_job *job):
    """Return the totals of all levels, and the footprints of their tiles."""
    heads = <object> job.batches * job.heads
    flops = 4 * heads * job.dim * pairs_of(job)
    totals = totals_of(job) if flops else [[0, 0]] * len(TileLevel)
    footprints = (
        2 * job.keys * job.dim,
        (job.row_block + job.key_block) * (job.dim + job.width),
        # Queries beside scores, then scores beside the output: never the three at once.
        job.micro.mr * (job.key_block + job.width),
    )
    return tuple([
        LevelPlan(level, tiles, flops, nbytes, footprint * ITEMSIZE)
        for level, (tiles, nbytes), footprint in zip(TileLevel, totals, footprints)])


def plan_attention(heads, rows, keys, dim, causal=False, machine=None, threads=None, isa=None,
                   key_heads=None, *, contiguous_keys=True, workers=None, blocks=None, micro=None):
    """Plan the tiles of attention, as `attention` will run it.

    Parameters
    ----------
    heads : int
        Query heads, over all batches; at most 2**40.
    rows, keys, dim : int
        Query rows and keys of a head, and its size; at most 2**31, and as many as give tiles and
        threads' shares that 63 bits count. Causal rows at most 2**24 times the micro-kernel's mr, and 2**19 times
        the rows of `blocks`, for all heads that threads share out in other parts.
    causal : bool
        Whether later keys are hidden.
    machine, threads, isa
        As for `plan_gemm`.
    key_heads : int, optional
        Heads of keys and values, over all batches, that divide `heads`; as many by default. With
        a single query row the heads that share keys are planned as rows of one.
    contiguous_keys : bool
        Whether the elements of a key are contiguous.
    workers : int, optional
        Threads to share the work out to, however little it is; by default as many of `threads` as
        there is work for.
    blocks : AttentionBlocks, optional
        Blocks in place of those that suit the machine.
    micro : MicroKernel, optional
        Register blocks of a CPU other than this one; in place of `isa`.

    Returns
    -------
    AttentionPlan
        With `levels`: tiles, flops, bytes and footprint of each.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range, `isa` is unknown, `key_heads` does not divide
        `heads`, sizes pass these bounds, or the keys of `blocks` are no multiple of the
        micro-kernel's nr.
    """
    cdef attention_job job
    cdef bp_micro_kernels shape
    if micro is None:
        micro = micro_kernel_of(isa_of(isa), BP_FLOAT32)
    take_micro("micro", micro, &shape)
    heads = checked_integer("heads", heads, 0, MAX_BLOCK)
    job.rows = checked_integer("rows", rows, 0, MAX_EXTENT)
    job.keys = checked_integer("keys", keys, 0, MAX_EXTENT)
    job.dim = checked_integer("dim", dim, 0, MAX_EXTENT)
    job.causal = checked_flag("causal", causal)
    lie_together = checked_flag("contiguous_keys", contiguous_keys)
    if key_heads is not None:
        shared = checked_integer("key_heads", key_heads, 1, MAX_BLOCK)
        if heads % shared:
            raise ValueError(f"key_heads must divide heads, {heads}, got {key_heads}")
        if job.rows == 1 and heads > shared:
            heads, job.rows, job.causal = shared, heads // shared, False
    if blocks is None:
        blocks = attention_blocks(checked_machine(machine), micro, job.dim)
    limit = default_threads() if threads is None else checked_thread_count("threads", threads)
    job.micro, job.batches, job.heads = &shape, 1, heads
    job.width = round_up(job.dim, shape.lanes)
    if workers is None:
        workers = attention_threads(&job, limit)
    attention_tile_blocks(&job, "blocks", blocks, checked_thread_count("workers", workers),
                          lie_together)
    return AttentionPlan(heads, job.rows, job.keys, job.dim, bool(job.causal), micro, blocks,
                         job.threads, lie_together, *tiling_of(&job), levels_of(&job))
