"""Plans of GEMM: views of what the kernel will run, and the blocks for this machine."""

from cpython.mem cimport PyMem_RawCalloc

from brickprof.kernels.gemm.loops cimport gemm_choose_block
from brickprof.kernels.gemm.shape cimport (
    AXPYF, COLUMNS, DOTXF_GRAIN, DOTXF_ROWS, ROWS, STRIDED, TILES, gemm_b_mode_of,
    gemm_batches, gemm_columns_at_once, gemm_packs_a, gemm_shape,
)
from brickprof.kernels.gemm.traffic cimport (
    axpyf_micro_bytes, axpyf_outer_bytes, dotxf_macro_bytes, dotxf_micro_bytes, dotxf_midi_bytes,
    gemm_macro_bytes, gemm_micro_bytes, gemm_midi_bytes, gemm_midi_updates, gemm_step,
)
from brickprof.kernels.partition cimport ceil_div
from brickprof.kernels.plan_checks cimport (
    check_decisions, check_levels, check_micro, checked_size, levels_are_known, take_micro,
)
from brickprof.kernels.runtime.runtime cimport (
    bp_micro_kernels, dtype_itemsize, dtype_name, dtype_number, isa_of, isa_table, micro_kernel_of,
)

from brickprof.core.checks import checked_integer, checked_thread_count, short_repr
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_BLOCK, MAX_THREADS
from brickprof.machine import checked_machine, detect_machine
from brickprof.planning.blocks import LAYOUTS, LevelPlan
from brickprof.planning.budget import default_threads
from brickprof.planning.gemm import Blocks, GemmPlan, gemm_blocks


cdef tuple KINDS = ("tiles", "dotxf rows", "dotxf columns", "axpyf")
cdef tuple DECISIONS = ("kind", "grid", "workers", "mc", "nc", "kc", "packs_a", "b_mode",
                        "edge_b_mode")
cdef tuple B_MODES = ("in place", "single pass", "copied", "transposed", "packed")


cdef gemm_block_sizes *new_machine_blocks() except NULL:
    """Return room for the blocks of every instruction set and dtype."""
    cdef gemm_block_sizes *blocks
    cdef int isas = 0
    while isa_table[isas] != NULL:
        isas += 1
    blocks = <gemm_block_sizes *> PyMem_RawCalloc(isas * BP_DTYPES, sizeof(gemm_block_sizes))
    if blocks == NULL:
        raise MemoryError()
    return blocks


machine_blocks = new_machine_blocks()


cdef int take_blocks(str name, object blocks, gemm_block_sizes *sizes) except -1:
    """Copy the sizes of a Blocks."""
    if not isinstance(blocks, Blocks):
        raise TypeError(f"{name} must be Blocks, got {short_repr(blocks)}")
    sizes.mc = checked_size(name, "mc", blocks.mc, 1, MAX_BLOCK)
    sizes.nc = checked_size(name, "nc", blocks.nc, 1, MAX_BLOCK)
    sizes.kc = checked_size(name, "kc", blocks.kc, 1, MAX_BLOCK)
    sizes.rows = checked_size(name, "rows", blocks.rows, 1, MAX_BLOCK)
    sizes.l1_bytes = checked_size(name, "l1_bytes", blocks.l1_bytes, 1, MAX_BLOCK)
    sizes.l2_bytes = checked_size(name, "l2_bytes", blocks.l2_bytes, 1, MAX_BLOCK)
    return 0


cdef double largest_count(const gemm_job *job) noexcept:
    """Return a bound of what counting a tile's bytes computes, in floating point."""
    cdef double size = job.itemsize, rows, columns, mc, deep = job.kc
    cdef double sweeps, heights, held, moved
    if job.kind == AXPYF:
        return 4 * size * job.k * (<double> job.n / job.across + job.micro.nr)
    if job.kind != TILES:
        return 4 * size * max(job.vectors, 1) * max(job.count, 1) * deep
    # A sweep and a row of C may take most of a line more, a column up to 13 elements with it.
    rows = ceil_div(job.m, job.down)
    columns = 13 * <double> (ceil_div(job.n, job.across) + job.micro.nr)
    mc = min(job.mc, rows) + job.micro.mr
    sweeps, heights = columns / job.micro.nr + 1, mc / job.micro.mr + 1
    held = 100 * size * (2 * (mc + columns) * deep + mc * columns)
    moved = 43 * max(max(sweeps * mc, heights * columns) * job.blocks.l1_bytes,
                     (rows / job.mc + 2) * columns * job.blocks.l2_bytes)
    return max(max(held, moved), 4 * size * (rows + mc) * columns * deep)


cdef int gemm_tile_blocks(gemm_job *job, str name, object blocks, int threads) except -1:
    """Tile a product in blocks, and refuse those whose tiles pass 64 bits."""
    take_blocks(name, blocks, &job.blocks)
    gemm_shape(job, threads)
    if largest_count(job) >= 2.0 ** 63:
        raise ValueError(f"{name} must be of tiles whose bytes 63 bits count, got {blocks} for "
                         f"{job.m} x {job.n} x {job.k}")
    return 0


cdef int gemm_find_machine_blocks(const bp_isa *isa, int dtype,
                                  gemm_block_sizes *blocks) except -1:
    """Choose the blocks for this machine and keep them for the process."""
    micro = micro_kernel_of(isa, dtype)
    itemsize = dtype_itemsize(dtype)
    take_blocks("blocks", gemm_blocks(detect_machine(), micro, itemsize), blocks)
    machine_blocks[isa_index(isa) * BP_DTYPES + dtype] = blocks[0]
    return 0


cdef list part_sizes(object extent, object parts, object grain):
    """Return the sizes of even parts of whole grains, and how many parts are of each.

    The first grains % parts parts but one, and the last, have a grain more; the last part ends
    with the extent.
    """
    grains = -(-extent // grain)
    each, larger = divmod(grains, parts)
    last = extent - (grains - each - (larger > 0)) * grain
    sizes = [((each + 1) * grain, larger - 1), (each * grain, parts - max(larger, 1)), (last, 1)]
    return [(size, count) for size, count in sizes if count > 0 and size]


cdef list block_sizes(object extent, object block):
    """Return the sizes of full blocks and of the last one, and how many blocks are of each."""
    full, rest = divmod(extent, block)
    return [(size, count) for size, count in ((block, full), (rest, 1)) if count and size]


cdef list depths(const gemm_job *job):
    """Return the depth of the steps of k, whether they add to C, and how many are alike."""
    first = min(job.kc, job.k)
    return [(first, False, 1)] + [(kb, True, count)
                                  for kb, count in block_sizes(job.k - first, job.kc)]


cdef class Totals:
    """Tiles of a level, the bytes that they move, and those of them that update C."""
    cdef object tiles, nbytes, updated

    def __cinit__(self):
        self.tiles = self.nbytes = self.updated = 0

    cdef int add(self, object tiles, object nbytes, object updated=0) except -1:
        """Add so many tiles, with the bytes of each."""
        self.tiles += tiles
        self.nbytes += tiles * nbytes
        self.updated += tiles * updated
        return 0


cdef int add_block(const gemm_job *job, gemm_step *at, object times, Totals midi,
                   Totals micro) except -1:
    """Add Midi tiles of one block of A, and the Micro tiles in them."""
    cdef Py_ssize_t columns = at.j1, wide, full, rest
    cdef bint batches
    gemm_choose_block(job, at)
    wide = gemm_columns_at_once(job, at.mb, at.b_mode)
    midi.add(times, gemm_midi_bytes(job, at, wide), gemm_midi_updates(job, at, wide))
    full, rest = columns // wide, columns % wide
    batches = full > 0 and gemm_batches(at.micropanels, at.b_mode)
    if full:
        micro.add(times * (1 if batches else full),
                  gemm_micro_bytes(job, at, wide) * (full if batches else 1))
    for width, count in block_sizes(rest, job.micro.nr):
        micro.add(times * count, gemm_micro_bytes(job, at, width))
    return 0


cdef int add_tiles(const gemm_job *job, Totals macro, Totals midi, Totals micro) except -1:
    """Add up the tiles of register blocks, those alike at once."""
    cdef gemm_step at
    cdef Py_ssize_t rows
    at.j0 = 0
    for rows, down in part_sizes(job.m, job.down, 1):
        for at.j1, across in part_sizes(job.n, job.across, job.micro.nr):
            at.b_micropanels = ceil_div(at.j1, job.micro.nr)
            for at.kb, accumulate, steps in depths(job):
                at.p0 = accumulate
                times = down * across * steps
                macro.add(times, gemm_macro_bytes(job, &at, rows),
                          rows * at.j1 * job.itemsize * accumulate)
                for at.mb, blocks in block_sizes(rows, job.mc):
                    add_block(job, &at, times * blocks, midi, micro)
    return 0


cdef int add_dotxf(const gemm_job *job, Totals macro, Totals midi, Totals micro) except -1:
    """Add up the tiles of fused dot products, those alike at once."""
    groups = ceil_div(job.vectors, job.micro.max_dotxf)
    for rows, parts in part_sizes(job.count, job.down, DOTXF_GRAIN):
        for kb, accumulate, steps in depths(job):
            times = parts * steps
            macro.add(times, dotxf_macro_bytes(job, rows, kb, accumulate))
            for count, blocks in block_sizes(rows, job.block):
                midi.add(times * blocks, dotxf_midi_bytes(job, count, kb, accumulate))
                for vectors, alike in part_sizes(job.vectors, groups, 1):
                    micro.add(times * blocks * alike,
                              dotxf_micro_bytes(job, vectors, count, kb, accumulate))
    return 0


cdef int add_axpyf(const gemm_job *job, Totals macro, Totals midi, Totals micro) except -1:
    """Add up the tiles of a fused sum of rows, those alike at once."""
    for columns, parts in part_sizes(job.n, job.across, job.micro.nr):
        macro.add(parts, axpyf_outer_bytes(job, columns))
        for count, blocks in block_sizes(columns, job.block):
            midi.add(parts * blocks, axpyf_outer_bytes(job, count))
            micro.add(parts * blocks, axpyf_micro_bytes(job, count))
    return 0


cdef tuple footprints_of(const gemm_job *job, object nc):
    """Return the bytes that a full tile holds in its cache to use again, by level."""
    if job.kind == TILES:
        elements = (job.kc * nc + job.m * nc // job.down, job.mc * job.kc, job.kc * job.micro.nr)
    elif job.kind == AXPYF:
        elements = job.n, job.block, job.block
    else:
        elements = (job.vectors * job.kc,) * 3
    return tuple([job.itemsize * count for count in elements])


cdef tuple levels_of(const gemm_job *job, object nc):
    """Return the totals of all levels."""
    cdef Totals macro = Totals(), midi = Totals(), micro = Totals()
    flops = 2 * <object> job.m * job.n * job.k
    footprints = footprints_of(job, nc) if flops else (0, 0, 0)
    if flops and job.kind == TILES:
        add_tiles(job, macro, midi, micro)
    elif flops and job.kind == AXPYF:
        add_axpyf(job, macro, midi, micro)
    elif flops:
        add_dotxf(job, macro, midi, micro)
    return tuple([
        LevelPlan(level, (<Totals> total).tiles, flops, (<Totals> total).nbytes, footprint,
                  (<Totals> total).updated)
        for level, total, footprint in zip(TileLevel, (macro, midi, micro), footprints)])


cdef tuple tiling_of(const gemm_job *job):
    """Return the decisions, in the order of DECISIONS."""
    cdef Py_ssize_t rows = ceil_div(job.m, job.down), mr = job.micro.mr, edge
    grid, mc, nc, packs_a = (job.down, job.across), job.mc, job.n, False
    mode = edge_mode = "in place"
    if job.kind == TILES:
        nc = max([size for size, _ in part_sizes(job.n, job.across, job.micro.nr)], default=0)
        packs_a = bool(gemm_packs_a(job, ceil_div(nc, job.micro.nr)))
        edge = rows % job.mc or job.mc
        mode = B_MODES[gemm_b_mode_of(job, ceil_div(min(job.mc, rows), mr))]
        edge_mode = B_MODES[gemm_b_mode_of(job, ceil_div(min(edge, rows), mr))]
    elif job.kind == AXPYF:
        mc, nc = 1, job.block
    elif job.kind == DOTXF_ROWS:
        mc, nc = job.block, job.n
    else:
        grid, mc, nc = (1, job.down), job.m, job.block
    return KINDS[job.kind], grid, job.threads, mc, nc, job.kc, packs_a, mode, edge_mode


cdef object view_of(const gemm_job *job, str dtype, object micro, object blocks, int threads):
    """Return the plan of a job that was tiled."""
    tiling = tiling_of(job)
    levels = levels_of(job, tiling[4])
    b_layout = "packed" if job.prepacked else LAYOUTS[job.b_layout]
    return GemmPlan(job.m, job.n, job.k, dtype, micro, blocks, threads, LAYOUTS[job.a_layout],
                    b_layout, job.a_stride, job.b_stride, *tiling, levels)


cdef int take_layout(str name, object planned, int actual, bint empty, bint one_row) except -1:
    """Return the layout that a plan was made for; raise unless the array has it, or is empty."""
    if not isinstance(planned, str) or planned not in LAYOUTS:
        raise ValueError(f"plan must have an {name}_layout of {LAYOUTS}, got {short_repr(planned)}")
    layout = LAYOUTS.index(planned)
    # The elements of a single row are taken at any distance where it lies by columns.
    if not (empty or layout == actual or layout == STRIDED or (one_row and layout == COLUMNS)):
        raise ValueError(f"plan must be made with {name}_layout={LAYOUTS[actual]!r} for this "
                         f"{name}, got {short_repr(planned)}")
    return layout


cdef int take_problem(gemm_job *job, object plan, str dtype) except -1:
    """Take the layouts and strides that a plan was made for; raise unless it is of this product."""
    cdef bint empty = job.m == 0 or job.n == 0 or job.k == 0
    if (checked_size("plan", "m", plan.m, 0, MAX_BLOCK) != job.m
            or checked_size("plan", "n", plan.n, 0, MAX_BLOCK) != job.n
            or checked_size("plan", "k", plan.k, 0, MAX_BLOCK) != job.k
            or not isinstance(plan.dtype, str) or plan.dtype != dtype):
        raise ValueError(
            f"plan must be of this product, {job.m} x {job.n} x {job.k} {dtype}, "
            f"got {plan.m} x {plan.n} x {plan.k} {plan.dtype}")
    if job.prepacked != (isinstance(plan.b_layout, str) and plan.b_layout == "packed"):
        raise ValueError("plan must be made with b_layout='packed' for a packed b, and for no other"
                         f", got {short_repr(plan.b_layout)}")
    job.a_layout = take_layout("a", plan.a_layout, job.a_layout, empty, job.m == 1)
    if not job.prepacked:
        job.b_layout = take_layout("b", plan.b_layout, job.b_layout, empty, job.k == 1)
    job.a_stride = checked_size("plan", "a_stride", plan.a_stride, -MAX_BLOCK, MAX_BLOCK)
    job.b_stride = checked_size("plan", "b_stride", plan.b_stride, -MAX_BLOCK, MAX_BLOCK)
    return 0


cdef int gemm_take_plan(gemm_job *job, object plan, const bp_isa *isa, int dtype) except -1:
    """Tile a product as a plan says, after checking every field of it."""
    cdef int threads
    if not isinstance(plan, GemmPlan):
        raise TypeError(f"plan must be a GemmPlan or None, got {short_repr(plan)}")
    take_problem(job, plan, dtype_name(dtype))
    check_micro(plan.micro, isa, dtype)
    job.c_stride = c_stride_of(job)
    threads = checked_size("plan", "threads", plan.threads, 1, MAX_THREADS)
    gemm_tile_blocks(job, "plan.blocks", plan.blocks, threads)
    tiling = tiling_of(job)
    check_decisions("plan_gemm", plan, DECISIONS, tiling)
    if not levels_are_known(plan):
        check_levels("plan_gemm", plan, levels_of(job, tiling[4]))
    return 0


cdef Py_ssize_t c_stride_of(const gemm_job *job) noexcept:
    """Return the stride of a C without gaps."""
    return job.n if job.m > 1 else 0


cdef str seen_layout(str name, object layout, tuple known, object rows, object columns,
                     object stride):
    """Return the layout that the kernel sees: a single row or column lies both ways."""
    if not isinstance(layout, str) or layout not in known:
        raise ValueError(f"{name} must be one of {known}, got {short_repr(layout)}")
    layout = known[known.index(layout)]             # of a subclass: an exact str
    if layout == "packed":
        return layout
    if columns == 1 or (rows == 1 and layout == "columns" and stride in (None, 1)):
        return "rows"
    return "columns" if rows == 1 and layout == "strided" else layout


def plan_gemm(m, n, k, dtype="float32", machine=None, threads=None, isa=None, a_layout="rows",
              b_layout="rows", *, a_stride=None, b_stride=None, blocks=None, micro=None):
    """Plan the tiles of an (m x k) by (k x n) product, as `gemm` will run it.

    Parameters
    ----------
    m, n, k : int
        Problem size, at most 2**40.
    dtype : {"float32", "float64"}, or NumPy's dtype
        Element type.
    machine : Machine, optional
        Whose caches to tile for; this one by default.
    threads : int, optional
        Threads that share the work at most; by default what `gemm` would use.
    isa : str, optional
        Instruction set whose micro-kernels are used; by default the best that this CPU has.
    a_layout, b_layout : {"rows", "columns", "strided"}
        What is contiguous; ``"columns"`` for a transposed array. A single row or column without
        gaps lies by rows as well, and is planned so. `b_layout` may also be ``"packed"``, for a
        `b` that `pack` made.
    a_stride, b_stride : int, optional
        Elements from one row (or column) to the next; by default there is no gap.
    blocks : Blocks, optional
        Cache blocks in place of those that suit the machine.
    micro : MicroKernel, optional
        Register blocks of a CPU other than this one; in place of `isa`.

    Returns
    -------
    GemmPlan
        With `levels`: tiles, flops, bytes and footprint of each. ``gemm(a, b, plan=plan)`` runs it,
        for arrays that lie as it was made for.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range, `dtype`, `isa` or a layout unknown, or a tile
        moves more bytes than 63 bits count.
    """
    cdef gemm_job job
    cdef bp_micro_kernels shape
    cdef int number = dtype_number(dtype), limit
    if micro is None:
        micro = micro_kernel_of(isa_of(isa), number)
    take_micro("micro", micro, &shape)
    job.micro = &shape
    job.itemsize = dtype_itemsize(number)
    job.m = checked_integer("m", m, 0, MAX_BLOCK)
    job.n = checked_integer("n", n, 0, MAX_BLOCK)
    job.k = checked_integer("k", k, 0, MAX_BLOCK)
    if blocks is None:
        blocks = gemm_blocks(checked_machine(machine), micro, job.itemsize)
    limit = default_threads() if threads is None else checked_thread_count("threads", threads)
    layout = seen_layout("a_layout", a_layout, LAYOUTS, job.m, job.k, a_stride)
    job.a_layout = LAYOUTS.index(layout)
    layout = seen_layout("b_layout", b_layout, (*LAYOUTS, "packed"), job.k, job.n, b_stride)
    job.prepacked = layout == "packed"
    job.b_layout = ROWS if job.prepacked else LAYOUTS.index(layout)
    if a_stride is None:
        a_stride = job.k if job.a_layout == ROWS else job.m
    if b_stride is None:
        b_stride = 0 if job.k == 1 else job.n if job.b_layout == ROWS else job.k
    job.a_stride = checked_integer("a_stride", a_stride, -MAX_BLOCK, MAX_BLOCK)
    job.b_stride = checked_integer("b_stride", b_stride, -MAX_BLOCK, MAX_BLOCK)
    job.c_stride = c_stride_of(&job)
    gemm_tile_blocks(&job, "blocks", blocks, limit)
    return view_of(&job, dtype_name(number), micro, blocks, limit)
