"""What the kernels' results are held against: references, error bounds, tilings in miniature."""

from __future__ import annotations

import ctypes
import math
import mmap
from typing import Any

import numpy as np

import brickprof as bp
from brickprof.core.levels import TileLevel
from brickprof.kernels.spec import Plan
from brickprof.machine.isas import default_isa
from brickprof.planning.attention import AttentionBlocks
from brickprof.planning.gemm import Blocks

Array = np.ndarray[Any, Any]

ISAS = bp.isas()
DEFAULT_ISA = default_isa(bp.detect_machine())
"""The best one, unless BRICKPROF_ISA asks for a lower one."""
DTYPES = ("float32", "float64")


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Return small whole numbers: sums of their products are exact, in whatever order."""
    return rng.integers(-4, 5, shape).astype(dtype)


def normals(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Return normal deviates."""
    return rng.standard_normal(shape).astype(dtype)


def exact_product(a: Array, b: Array) -> Array:
    """Return the product of matrices of small whole numbers."""
    return a.astype("float64") @ b.astype("float64")


def assert_product(c: Array, a: Array, b: Array) -> None:
    """Hold a product against a wider one.

    A sum of k products in any order is off by at most gamma_k |A| |B|, with gamma_k = k u / (1 -
    k u) and u the unit roundoff (N. Higham, "Accuracy and Stability of Numerical Algorithms",
    2nd ed., section 3.5); two more roundings are allowed for.
    """
    wide = np.float64 if c.dtype == np.float32 else np.longdouble
    left, right = a.astype(wide), b.astype(wide)
    roundings = (a.shape[1] + 2) * float(np.finfo(c.dtype).eps) / 2
    gamma = roundings / (1 - roundings)
    bound = gamma * (abs(left) @ abs(right)).astype(np.float64)
    assert c.shape == (a.shape[0], b.shape[1])
    error = abs(c.astype(wide) - left @ right).astype(np.float64)
    assert (error <= bound).all(), f"error is up to {(error / bound).max():.2f} of the bound"


def tiny_plan(
    m: int, n: int, k: int, dtype: str, isa: str, threads: int = 1, deep: int = 5, **more: Any
) -> bp.GemmPlan:
    """Plan a product in blocks so small that each loop takes several turns."""
    micro = bp.plan_gemm(1, 1, 1, dtype, threads=1, isa=isa).micro
    caches = {name: more.pop(name) for name in ("l1_bytes", "l2_bytes") if name in more}
    blocks = Blocks(2 * micro.mr, 2 * micro.nr, deep, 2 * micro.mr, **caches)
    return bp.plan_gemm(m, n, k, dtype, threads=threads, isa=isa, blocks=blocks, **more)


def layout_of(array: Array) -> tuple[str, int | None]:
    """Return what a plan calls a matrix's layout, and its stride between rows or columns."""
    rows, columns = array.shape
    row, column = (
        stride // array.itemsize if extent > 1 else 0
        for stride, extent in zip(array.strides, array.shape, strict=True)
    )
    if column == 1 or columns == 1:
        return "rows", row
    if row == 1 or rows == 1:
        return "columns", column
    return "strided", None


def layouts_of(a: Array, b: Array) -> dict[str, Any]:
    """Return what a plan has to know of how two matrices lie."""
    (a_layout, a_stride), (b_layout, b_stride) = layout_of(a), layout_of(b)
    return {
        "a_layout": a_layout,
        "b_layout": b_layout,
        "a_stride": a_stride,
        "b_stride": b_stride,
    }


def fenced(values: Array, after: bool = True) -> Array:
    """Copy to memory whose end, or start, no access may pass: the page behind is not mapped."""
    page = mmap.PAGESIZE
    pages = -(-max(values.nbytes, 1) // page)
    room = mmap.mmap(-1, (pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(room))
    libc, no_access = ctypes.CDLL(None), 0
    for fence in (address, address + (pages + 1) * page):
        assert libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(page), no_access) == 0
    first = page if not after else (pages + 1) * page - values.nbytes
    order = "F" if values.flags.f_contiguous and not values.flags.c_contiguous else "C"
    copy = np.ndarray(values.shape, values.dtype, room, first, order=order)
    copy[...] = values
    return copy


def tiny_attention_plan(
    q: Array, k: Array, causal: bool, isa: str, threads: int = 1, contiguous_keys: bool = True
) -> bp.AttentionPlan:
    """Plan attention in blocks so small that each loop takes several turns."""
    micro = bp.plan_attention(1, 1, 1, 1, threads=1, isa=isa).micro
    return bp.plan_attention(
        math.prod(q.shape[:-2]),
        q.shape[-2],
        k.shape[-2],
        q.shape[-1],
        causal,
        workers=threads,
        isa=isa,
        contiguous_keys=contiguous_keys,
        blocks=AttentionBlocks(2 * micro.mr, 2 * micro.nr),
    )


def visible_keys(rows: int, keys: int, causal: bool) -> Array:
    """Return which keys each row sees, as booleans of shape (rows, keys)."""
    if not causal:
        return np.ones((rows, keys), bool)
    return np.arange(keys) <= np.arange(rows)[:, None] + keys - rows


def shared_heads(q: Array, k: Array) -> Array:
    """Repeat the heads of keys or values for the groups of query heads that share them."""
    return np.repeat(k, q.shape[-3] // k.shape[-3], axis=-3)


def attention_reference(
    q: Array, k: Array, v: Array, causal: bool = False, scale: float | None = None
) -> tuple[Array, Array]:
    """Return softmax(scale q k^T) v in float64, and how far float32 may be from it.

    With u = 2**-24, dimension d, n keys, scores t (in powers of two) and their largest M of a row:

    - a score is a dot product, twice rounded when scaled: |dt| <= gamma_(d+2) |c| |q| |k|;
    - the maxima that are subtracted, block by block, only grow, so that the roundings of the
      differences sum up to u (M - t) at most, whatever the blocks;
    - exp2 is a polynomial of relative error 5 u, and each further block of keys may multiply by
      one more, with one more rounding: 6 u for each, and no more blocks than keys;
    - sums over keys add n roundings, to the weights and to the weighted values.

    So each weight carries a relative error E = 2**(|dt| + u (M - t)) (1 + gamma_(7 n + 8)) - 1, in
    the numerator and in the denominator, and of o = sum p v, with p the exact weights, the error is
    at most (sum p E |v| + |o| sum p E) / (1 - sum p E), and one rounding. Weights under 2**-126 of
    the largest are flushed to 0.
    """
    q, k, v = (array.astype(np.float64) for array in (q, shared_heads(q, k), shared_heads(q, v)))
    d, n, unit = q.shape[-1], k.shape[-2], 2.0**-24
    seen = visible_keys(q.shape[-2], n, causal)
    factor = (max(d, 1) ** -0.5 if scale is None else scale) / math.log(2)
    if n == 0:
        return np.zeros(q.shape), np.zeros(q.shape)
    t = np.where(seen, factor * (q @ np.swapaxes(k, -1, -2)), -np.inf)
    blind = ~seen.any(-1)[:, None]
    below = np.where(blind, np.inf, np.where(blind, 0, t.max(-1, keepdims=True)) - t)
    p = np.exp2(-below)
    p /= np.where(blind, 1, p.sum(-1, keepdims=True))
    out = p @ v
    finite = np.isfinite(below)
    spread = (d + 2) * unit * abs(factor) * (abs(q) @ np.swapaxes(abs(k), -1, -2))
    spread = np.where(finite, spread, 0)
    drift = spread + spread.max(-1, keepdims=True) + unit * np.where(finite, below, 0)
    each = np.expm1(math.log(2) * drift + (7 * n + 8) * unit)
    off = (p * each).sum(-1, keepdims=True)
    bound = ((p * each) @ abs(v) + abs(out) * off) / np.maximum(1 - off, 0.5)
    return out, bound + 2 * unit * abs(out) + 2.0**-125 * abs(v).sum(-2, keepdims=True)


def assert_attention(
    out: Array,
    q: Array,
    k: Array,
    v: Array,
    causal: bool = False,
    scale: float | None = None,
) -> None:
    """Hold attention against a float64 reference; NaN where that is NaN."""
    assert out.shape == q.shape
    assert out.dtype == np.float32
    wanted, bound = attention_reference(q, k, v, causal, scale)
    error = abs(out.astype(np.float64) - wanted)
    agree = (error <= bound) | (np.isnan(out) & np.isnan(wanted))
    assert agree.all(), f"error is up to {np.nanmax(error / bound):.2f} of the bound"


def running(**options: int) -> bp.BrickProfiler:
    """Return a profiler that is on."""
    profiler = bp.BrickProfiler(**options)
    profiler.enable_tile_profiling()
    return profiler


def assert_recorded(profiler: bp.BrickProfiler, brick: str, plan: Plan, calls: int = 1) -> None:
    """Check that each level recorded exactly what the plan says, for so many runs."""
    elements = set()
    for level in TileLevel:
        stats, planned = profiler.tile_stats(level, brick), plan.level(level)
        assert stats.count == calls * planned.tiles, level
        assert stats.flops == calls * planned.flops == calls * plan.flops, level
        assert stats.nbytes == calls * planned.nbytes, level
        assert stats.nbytes_declared
        elements.add(stats.elements)
    if isinstance(plan, bp.GemmPlan):
        assert len(elements) == 1
