"""Calls of other libraries: their code is not the user's, but how they are called is."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary

GOOD = 0.7
"""Share of what is attainable from which a library's call is as good as libraries are."""

FEW_CALLS = 3
"""Calls up to which the first ones, which start threads and touch memory, are much of the time."""

CALL_NS = 2_000.0
"""What a call of NumPy or PyTorch takes besides its work, in nanoseconds, at least."""

SHARED_NS = 20_000.0
"""Work at the roof, in nanoseconds, up to which it is as short as waking and awaiting threads."""

PRODUCTS = frozenset(
    {
        *("matmul", "matvec", "vecmat", "mm", "addmm", "bmm", "baddbmm", "mv", "addmv"),
        *("sgemm", "dgemm", "sgemv", "dgemv", "csr_matvec", "csc_matvec", "coo_matvec"),
    }
)
"""Products of matrices by the names of operations, which bricks end with: a matrix that is read
once can be multiplied with several vectors."""


def external_call(brick: BrickSummary, rows: list[LevelSummary]) -> Iterator[Finding]:
    """Yield what a brick of calls of a library reaches, and what its caller can do about it.

    Parameters
    ----------
    brick : BrickSummary
        The brick.
    rows : list of LevelSummary
        Its levels whose times are known.
    """
    row = max(rows, key=lambda one: one.stats.total_ns)
    share = row.typical_efficiency or row.typical_share
    if share is None:
        return
    cause, action = _advice(brick, row, share)
    yield Finding(
        code="library-call",
        brick=brick.info.name,
        level=row.level,
        symptom=f"a library's call at {units.format_percent(share)} of what is attainable",
        evidence=f"{_rate(row)}, {units.format_ns(row.typical_ns)} a call, on "
        f"{units.format_threads(brick.info.threads_inside)}",
        figures=(
            ("share", share),
            ("gflops", row.typical_gflops),
            ("bandwidth_gbs", row.typical_gbs),
            ("call_ns", row.typical_ns),
        ),
        cause=cause,
        action=action,
        # Of the first calls it is not known what later ones take.
        weight=row.stats.total_ns * max(1 - share, 0.0) * (brick.info.calls > FEW_CALLS),
    )


def _rate(row: LevelSummary) -> str:
    """Return the rate of a call: of its flops where they bound it, else of its bytes."""
    if row.stats.flops and row.bound != "memory":
        return units.format_gflops(row.typical_gflops)
    return units.format_gbs(row.typical_gbs)


def _advice(brick: BrickSummary, row: LevelSummary, share: float) -> tuple[str, str]:
    """Return the likely cause, and what the caller can do."""
    if row.bound == "memory" and brick.info.name.rpartition(" ")[2] in PRODUCTS:
        intensity = metrics.arithmetic_intensity(row.stats.flops, row.stats.nbytes)
        return (
            f"Memory is its nearer roof: it computes {units.format_intensity(intensity)} of its "
            "operands, as a product of a matrix with one or few vectors does.",
            "Multiply a matrix with many vectors in a call (a batch), which reads it once for all "
            "of them; or keep it in a smaller element type.",
        )
    if share >= GOOD:
        return (
            "The library is near what the machine can do.",
            "Call it for less: fewer operations, a smaller element type, or results kept.",
        )
    if brick.info.calls <= FEW_CALLS:
        return (
            "Of few calls it is not known what later ones take: first ones may start threads, load "
            "code and touch memory.",
            "Time more calls before anything is concluded.",
        )
    if metrics.share(CALL_NS, row.typical_ns) > 0.1:
        return (
            "A call takes a microsecond or two before it computes: much of so short a time.",
            "Make fewer and larger calls: batch operands into one array.",
        )
    threads, work_ns = brick.info.threads_inside, share * row.typical_ns
    if threads > 1 and work_ns < SHARED_NS:
        return (
            f"At the roof its work takes {units.format_ns(work_ns)}: waking {threads} threads and "
            "waiting for them takes as long.",
            "Make fewer and larger calls, or give the library fewer threads (`brickprof sweep "
            "python` compares thread counts; OPENBLAS_NUM_THREADS, torch.set_num_threads).",
        )
    if brick.info.name.rpartition(" ")[2] == "einsum":
        return (
            "einsum loops over all indices itself, where a product of matrices calls BLAS.",
            "Write the product as matmul (`@`) or tensordot, or let einsum find such products "
            "(optimize=True).",
        )
    if row.bound == "memory":
        return (
            "Memory is its nearer roof: each operand is read, and a result written, once a call.",
            "Write into arrays that are there (out=), fuse operations (numexpr, Numba, "
            "torch.compile), or work in blocks that stay in a cache.",
        )
    return (
        "Whether sizes, strides, element type, threads or the library's code hold it back, its "
        "rate does not tell.",
        "Try contiguous operands, other thread counts (`brickprof sweep python`), or another "
        "library for this line.",
    )
