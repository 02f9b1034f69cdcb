"""A parallel region as it is built and run from Python."""

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport uint64_t
from libc.string cimport memset
from posix.types cimport pid_t
from posix.unistd cimport getpid

from brickprof.kernels.arrays cimport check_overlap, shape_of, step
from brickprof.kernels.attention.arena cimport attention_arena, attention_lay_out
from brickprof.kernels.attention.geometry cimport (
    attention_factor, attention_geometry, attention_scale, attention_set_isa,
)
from brickprof.kernels.attention.plan cimport attention_machine_blocks
from brickprof.kernels.attention.shape cimport attention_job, attention_shape
from brickprof.kernels.attention.splits cimport attention_partial_floats
from brickprof.kernels.gemm.plan cimport gemm_machine_blocks
from brickprof.kernels.gemm.shape cimport gemm_block_sizes
from brickprof.kernels.partition cimport ceil_div, round_up
from brickprof.kernels.region.arrays cimport (
    checked_eps, floats, region_apart, region_array, region_cache, region_shaped,
)
from brickprof.kernels.region.loops cimport (
    ATTEND, COUNTER_STRIDE, JOIN, MATVEC, RMS_NORM, ROTATE, SPLIT_KEYS, SWIGLU, SWIGLU_PART,
    region_job, region_run, region_set_keys, region_stage,
)
from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_interrupt, bp_isa, bp_pool, bp_workspace, checked_threads, give_pool,
    give_workspace, interruptible, isa_of, open_recorders, take_pool, take_workspace,
)
from brickprof.profiler.recorder_set cimport RecorderSet

from brickprof.core.checks import checked_flag, checked_integer, short_repr

cdef Py_ssize_t MAX_INDEX = (1 << 62) - 1           # of layers and positions


cdef class ParallelRegion:
    """ParallelRegion(threads=None, isa=None, name='region')\n--\n
    Operations on single vectors that threads walk through together, without a barrier in between.

    A decoder's step is a long row of small operations. Called one by one, each starts its threads
    and waits for them; in a region they start once, and between operations a thread waits for no
    more than the parts that others still have in work. Operations keep the arrays that they are
    given and allocate none.

    Parameters
    ----------
    threads : int, optional
        Threads to use at most; by default as many as this process may use.
    isa : str, optional
        Instruction set to use; by default the best one, or what BRICKPROF_ISA says.
    name : str
        Brick that a profiled run records.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range.

    Notes
    -----
    All arrays are float32 with contiguous elements along their last axis, and cannot be resized for
    as long as a region keeps them; their state must not be set (`ndarray.__setstate__`).

    Profiled, a Macro tile is what a thread does in a layer, a Midi tile some rows of a matrix or one
    head of keys, a Micro tile as many rows or keys as stay in L1. A Macro tile's self time is the
    small operations, and waiting for other threads.
    """
    cdef const bp_isa *isa
    cdef region_stage *stages
    cdef Py_ssize_t *counters
    cdef Py_ssize_t count, room, current, limit, arena_bytes, partial_floats
    cdef gemm_block_sizes blocks
    cdef list kept
    cdef int threads                                # 0: what is the default when it runs
    cdef pid_t runner                               # the process that runs it now, or 0
    cdef object name

    def __init__(self, threads=None, isa=None, name="region"):
        cdef int wanted = 0 if threads is None else checked_threads(threads)
        cdef const bp_isa *chosen = isa_of(isa)
        cdef gemm_block_sizes blocks
        cdef list kept
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, got {short_repr(name)}")
        name = str.__str__(name)                    # of a subclass: an exact one
        gemm_machine_blocks(chosen, BP_FLOAT32, &blocks)
        if self.runner == getpid():
            raise RuntimeError("the region is running on another thread")
        # What ends with the arrays of earlier operations may run code, so they go last.
        kept, self.kept = self.kept, []
        self.threads, self.isa, self.name, self.blocks = wanted, chosen, name, blocks
        self.count = self.current = self.arena_bytes = self.partial_floats = 0
        self.limit = -1

    def __dealloc__(self):
        PyMem_Free(self.stages)
        PyMem_Free(self.counters)

    def __len__(self):
        """Return the number of operations."""
        cdef Py_ssize_t s, joins = 0
        for s in range(self.count):
            joins += self.stages[s].kind == JOIN
        return self.count - joins

    cdef int _check_ready(self) except -1:
        """Raise unless operations may be added, or run."""
        if self.isa == NULL:
            raise RuntimeError("the region was not initialized")
        # A child of a fork is without the thread that ran it.
        if self.runner == getpid():
            raise RuntimeError("the region is running on another thread")
        return 0

    cdef region_stage *_add(self, int kind, list kept) except NULL:
        """Make room for one more stage, which keeps its arrays alive.

        Nothing may raise or run Python code from here until the stage is filled in.
        """
        cdef Py_ssize_t room = max(2 * self.room, 16)
        cdef region_stage *stages
        cdef Py_ssize_t *counters
        self._check_ready()
        if self.count == self.room:
            stages = <region_stage *> PyMem_Realloc(self.stages, room * sizeof(region_stage))
            if stages == NULL:
                raise MemoryError()
            self.stages = stages
            counters = <Py_ssize_t *> PyMem_Realloc(
                self.counters, room * COUNTER_STRIDE * sizeof(Py_ssize_t))
            if counters == NULL:
                raise MemoryError()
            self.counters, self.room = counters, room
        self.kept += kept
        stages = self.stages + self.count
        memset(stages, 0, sizeof(region_stage))
        stages.kind, stages.layer, stages.parts = kind, self.current, 1
        self.count += 1
        return stages

    def layer(self, number):
        """Begin a layer: profiled, operations from here on are in Macro tiles of this row.

        Parameters
        ----------
        number : int
            At least 0.
        """
        cdef Py_ssize_t current = checked_integer("number", number, 0, MAX_INDEX)
        self._check_ready()
        self.current = current

    def rms_norm(self, x, weight, out, eps=1e-6):
        """Add ``out = x / sqrt(mean(x**2) + eps) * weight``.

        Parameters
        ----------
        x, weight, out : ndarray, shape (n,)
            `out` may be `x`.
        eps : float
            Finite in float32, not negative.
        """
        cdef double added = checked_eps(eps)
        cdef list kept = []
        cdef cnp.ndarray source = region_array(x, "x", 1, False, kept)
        cdef tuple shape = shape_of(source)
        cdef cnp.ndarray factors = region_shaped(weight, "weight", shape, False, kept)
        cdef cnp.ndarray target = region_shaped(out, "out", shape, True, kept)
        cdef Py_ssize_t n = cnp.PyArray_DIM(source, 0)
        cdef region_stage *stage
        check_overlap(target, factors, "weight")
        if floats(target) != floats(source):
            check_overlap(target, source, "x")
        stage = self._add(RMS_NORM, kept)
        stage.rows, stage.eps = n, <float> added
        stage.x, stage.w, stage.out = floats(source), floats(factors), floats(target)
        stage.parts = 1 if n else 0

    def matvec(self, w, x, out, bias=None, add=False):
        """Add ``out = w @ x + bias``, or ``out + w @ x + bias``.

        Parameters
        ----------
        w : ndarray, shape (n, k)
            Its rows may have gaps between them.
        x : ndarray, shape (k,)
        out : ndarray, shape (n,)
        bias : ndarray, shape (n,), optional
        add : bool
            Add to what `out` holds.
        """
        cdef bint accumulate = checked_flag("add", add)
        cdef list kept = []
        cdef cnp.ndarray matrix = region_array(w, "w", 2, False, kept), target, source, start = None
        cdef Py_ssize_t n = cnp.PyArray_DIM(matrix, 0), k = cnp.PyArray_DIM(matrix, 1), tile
        cdef region_stage *stage
        if k < 1:
            raise ValueError(f"w must have at least one column, got shape {shape_of(matrix)}")
        source = region_shaped(x, "x", (k,), False, kept)
        target = region_shaped(out, "out", (n,), True, kept)
        if bias is not None:
            start = region_shaped(bias, "bias", (n,), False, kept)
            check_overlap(target, start, "bias")
        check_overlap(target, matrix, "w")
        check_overlap(target, source, "x")
        stage = self._add(MATVEC, kept)
        stage.rows, stage.depth, stage.row_stride = n, k, step(matrix, 0)
        stage.w, stage.x, stage.out = floats(matrix), floats(source), floats(target)
        stage.bias = NULL if start is None else floats(start)
        stage.accumulate = accumulate
        tile = max(self.blocks.l1_bytes // 2 // (k * sizeof(float)) // 4, 1) * 4
        stage.tile_rows = tile
        stage.part_rows = round_up(
            max(self.blocks.l2_bytes // 2 // <Py_ssize_t> (k * sizeof(float)), 1), tile)
        stage.parts = ceil_div(n, stage.part_rows)

    def swiglu(self, gate, up, out):
        """Add ``out = gate * sigmoid(gate) * up``.

        Parameters
        ----------
        gate, up, out : ndarray, shape (n,)
            `out` may be `gate` or `up`.
        """
        cdef list kept = []
        cdef cnp.ndarray left = region_array(gate, "gate", 1, False, kept)
        cdef tuple shape = shape_of(left)
        cdef cnp.ndarray right = region_shaped(up, "up", shape, False, kept)
        cdef cnp.ndarray target = region_shaped(out, "out", shape, True, kept)
        cdef region_stage *stage
        if floats(target) != floats(left):
            check_overlap(target, left, "gate")
        if floats(target) != floats(right):
            check_overlap(target, right, "up")
        stage = self._add(SWIGLU, kept)
        stage.rows = cnp.PyArray_DIM(left, 0)
        stage.x, stage.w, stage.out = floats(left), floats(right), floats(target)
        stage.parts = ceil_div(stage.rows, SWIGLU_PART)

    def rotate_and_store(self, q, k, v, cosine, sine, keys, values):
        """Add rotary embedding of `q`, in place, and `k`; store `k` and `v` at the position.

        Element j of a head is rotated with element j + dim / 2.

        Parameters
        ----------
        q : ndarray, shape (heads, dim)
            Even dim.
        k, v : ndarray, shape (key heads, dim)
        cosine, sine : ndarray, shape (context, dim / 2)
            Of the angles at each position.
        keys, values : ndarray, shape (key heads, context, dim)
            Written to at the position of the run.
        """
        cdef list kept = []
        cdef cnp.ndarray queries = region_array(q, "q", 2, True, kept), key, value, c, s
        cdef cnp.ndarray all_keys, all_values
        cdef Py_ssize_t heads = cnp.PyArray_DIM(queries, 0), dim = cnp.PyArray_DIM(queries, 1)
        cdef Py_ssize_t shared, context
        cdef region_stage *stage
        cdef cnp.ndarray written
        region_shaped(queries, "q", (heads, dim), True, kept)
        if dim < 2 or dim % 2:
            raise ValueError(f"q must have an even dim, got shape {shape_of(queries)}")
        key = region_array(k, "k", 2, False, kept)
        shared = cnp.PyArray_DIM(key, 0)
        region_shaped(key, "k", (shared, dim), False, kept)
        value = region_shaped(v, "v", (shared, dim), False, kept)
        all_keys = region_cache(keys, "keys", shared, dim, -1, kept)
        context = cnp.PyArray_DIM(all_keys, 1)
        all_values = region_cache(values, "values", shared, dim, context, kept)
        c = region_shaped(cosine, "cosine", (context, dim // 2), False, kept)
        s = region_shaped(sine, "sine", (context, dim // 2), False, kept)
        for written, name in ((queries, "q"), (all_keys, "keys"), (all_values, "values")):
            for array, other in ((key, "k"), (value, "v"), (c, "cosine"), (s, "sine")):
                region_apart(written, name, array, other)
        region_apart(queries, "q", all_keys, "keys")
        region_apart(queries, "q", all_values, "values")
        region_apart(all_keys, "keys", all_values, "values")
        stage = self._add(ROTATE, kept)
        stage.heads, stage.key_heads, stage.dim = heads, shared, dim
        stage.x = stage.out = floats(queries)
        stage.k, stage.v, stage.cosine, stage.sine = floats(key), floats(value), floats(c), floats(s)
        stage.keys, stage.values = floats(all_keys), floats(all_values)
        stage.key_head, stage.key_row = step(all_keys, 0), step(all_keys, 1)
        stage.value_head, stage.value_row = step(all_values, 0), step(all_values, 1)
        self._bound(context)

    def attend(self, q, keys, values, out, scale=None, isa=None):
        """Add attention of one row a head to the keys up to the position of the run.

        Parameters
        ----------
        q, out : ndarray, shape (heads, dim)
        keys, values : ndarray, shape (key heads, context, dim)
            Key heads divide heads.
        scale : float, optional
            Factor of the scores; ``1 / sqrt(dim)`` by default.
        isa : str, optional
            Instruction set for this operation; by default the region's.
        """
        cdef object factor = attention_factor(scale)
        cdef const bp_isa *chosen = NULL if isa is None else isa_of(isa)
        cdef list kept = []
        cdef cnp.ndarray queries = region_array(q, "q", 2, False, kept)
        cdef cnp.ndarray target, all_keys, all_values
        cdef Py_ssize_t heads = cnp.PyArray_DIM(queries, 0), dim = cnp.PyArray_DIM(queries, 1)
        cdef Py_ssize_t context, shared, first, block_rows, block_keys, s
        cdef attention_job job
        cdef attention_arena arena
        self._check_ready()
        region_shaped(queries, "q", (heads, dim), False, kept)
        all_keys = region_cache(keys, "keys", -1, dim, -1, kept)
        shared, context = cnp.PyArray_DIM(all_keys, 0), cnp.PyArray_DIM(all_keys, 1)
        all_values = region_cache(values, "values", shared, dim, context, kept)
        if not heads or not dim or not shared or heads % shared:
            raise ValueError("q must have a dim and as many heads as keys or a multiple, got shapes "
                             f"{shape_of(queries)} and {shape_of(all_keys)}")
        target = region_shaped(out, "out", (heads, dim), True, kept)
        check_overlap(target, queries, "q")
        check_overlap(target, all_keys, "keys")
        check_overlap(target, all_values, "values")
        memset(&job, 0, sizeof(attention_job))
        attention_set_isa(&job, self.isa if chosen == NULL else chosen)
        attention_geometry(&job, queries[:, None], all_keys, all_values, False,
                           heads // shared <= job.micro.max_dotxf)
        attention_scale(&job, factor)
        job.out = floats(target)
        job.keys = SPLIT_KEYS
        attention_machine_blocks(&job, &block_rows, &block_keys)
        attention_shape(&job, 1, True, block_rows, block_keys)
        self._check_ready()
        first = self.count
        try:
            self._add(ATTEND, kept)
            self._add(JOIN, [])
        except MemoryError:
            self.count = first                      # neither without the other
            raise
        for s in range(first, self.count):
            self.stages[s].attention = job
        self.arena_bytes = max(self.arena_bytes, attention_lay_out(&job, NULL, &arena))
        self.partial_floats = max(self.partial_floats, job.heads * ceil_div(
            context, SPLIT_KEYS) * attention_partial_floats(&job))
        self._bound(context)

    cdef void _bound(self, Py_ssize_t context):
        """Let no run pass the end of an array of keys."""
        self.limit = context if self.limit < 0 else min(self.limit, context)

    def run(self, position=0, threads=None, profiler=None, fused=True):
        """Run the operations in the order that they were added.

        Parameters
        ----------
        position : int
            Where `rotate_and_store` stores, and the last key that `attend` sees.
        threads : int, optional
            Threads to use at most; by default the region's.
        profiler : BrickProfiler, optional
            Records the tiles of all three levels.
        fused : bool
            Run all in one parallel region; otherwise each operation in one of its own.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or range; nothing is written then.
        TileNestingError
            If a tile finer than Macro is open on this thread.
        MemoryError, RuntimeError
            If there is no memory, the threads that were asked for cannot be started, or the region
            is running already.

        Notes
        -----
        On the main thread, signals are handled during long runs, too. Where a handler raises, as
        that of Ctrl-C does, the run ends with its exception and what is in outputs is undefined.
        """
        cdef region_job job
        cdef bp_interrupt interrupt
        cdef bp_workspace *workspace = NULL
        cdef RecorderSet recorders = None
        cdef bp_pool *pool
        cdef bint together = checked_flag("fused", fused)
        cdef int count = self.threads if threads is None and self.threads else checked_threads(
            threads)
        cdef Py_ssize_t at = checked_integer("position", position, 0, MAX_INDEX)
        self._check_ready()
        if 0 <= self.limit <= at:
            raise ValueError(f"position must be in [0, {self.limit - 1}], got {at}")
        if self.count == 0:
            return
        job.isa, job.micro = self.isa, self.isa.micro[<int> BP_FLOAT32]
        job.stages, job.counters = self.stages, self.counters
        job.first, job.last = 0, self.count
        job.position = at if self.limit >= 0 else 0
        pool = take_pool(&count, threads is not None or self.threads != 0)
        failed = True
        self.runner = getpid()
        try:
            recorders = open_recorders(profiler, self.name, count, "float32", self.isa, None)
            job.recorders = NULL if recorders is None else recorders.c
            workspace = self._prepare(&job, count)  # last: no other Python code runs from here on
            job.interrupt = interruptible(&interrupt, job.flops)
            with nogil:
                region_run(&job, pool, count, together)
            if job.recorders != NULL:
                recorders.note_waits(job.waited)
            failed = False
        finally:
            self.runner = 0
            give_workspace(workspace)
            give_pool(pool)
            if recorders is not None:
                recorders.close(failed)

    cdef bp_workspace *_prepare(self, region_job *job, int threads) except NULL:
        """Take the workspace, and fit attention to the number of keys."""
        cdef const region_stage *stage
        cdef Py_ssize_t s
        cdef size_t waited = round_up(threads * <Py_ssize_t> sizeof(uint64_t), 64)
        cdef size_t bytes = waited + threads * self.arena_bytes
        cdef bp_workspace *workspace = take_workspace(bytes + self.partial_floats * sizeof(float))
        cdef char *memory
        if workspace == NULL:
            raise MemoryError("no memory for a region's threads")
        memory = workspace.memory
        job.arena_bytes = self.arena_bytes
        job.waited, job.memory = <uint64_t *> memory, memory + waited
        memset(job.waited, 0, waited)
        job.flops = 0
        for s in range(self.count):
            stage = &self.stages[s]
            if stage.kind == MATVEC:
                job.flops += 2.0 * stage.rows * stage.depth
            elif stage.kind == ATTEND:
                job.flops += (4.0 * stage.attention.heads * stage.attention.rows
                              * stage.attention.dim * (job.position + 1))
            if self.stages[s].kind == ATTEND or self.stages[s].kind == JOIN:
                region_set_keys(&self.stages[s], job.position + 1)
                self.stages[s].attention.partial = <float *> (
                    job.memory + threads * self.arena_bytes)
        return workspace
