"""The kernels' template at vector widths that this CPU may lack: tiles, dot products, packing."""

from __future__ import annotations

import ctypes
import itertools
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from support.kernel_checks import Array
from support.template_library import (
    COMPILER,
    SHIPPED,
    Axpyf,
    Dotxf,
    Library,
    RegisterTile,
    at,
    compiled,
    number_of,
    size,
)

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER.split()[0]) is None, reason="there is no C compiler"
)
each_type = pytest.mark.parametrize(
    "kind", range(3), ids=["float32", "float64", "float32 to float64"]
)
each_order = pytest.mark.parametrize("accumulate", [0, 1])
DEPTHS = (0, 1, 3, 4, 5, 13)


@pytest.fixture(scope="module", params=SHIPPED)
def library(request: pytest.FixtureRequest) -> Library:
    """Compile the template for one register block."""
    return compiled(request.param)


def storage_of(kind: int) -> str:
    """Return the type that A and B are stored in."""
    return "float64" if kind == 1 else "float32"


def sums_of(kind: int) -> str:
    """Return the type that products are accumulated in."""
    return "float64" if kind else "float32"


def whole(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> Array:
    """Return small whole numbers, whose products and sums are exact."""
    return rng.integers(-4, 5, shape).astype(storage_of(kind))


def product(a: Array, b: Array) -> Array:
    """Return the product of whole numbers, without a BLAS.

    OpenBLAS multiplies what lies behind small matrices as well, and flags NaN that it finds there.
    """
    exact: Array = a.astype(np.int64) @ b.astype(np.int64)
    return exact


@each_type
def test_the_register_blocks_are_those_of_the_tables(library: Library, kind: int) -> None:
    lanes = number_of(library.isa, "VBYTES") // np.dtype(sums_of(kind)).itemsize
    assert library.wide_lanes(kind) == lanes
    assert library.wide_nr(kind) == lanes * number_of(library.isa, "NV")
    assert library.wide_mr(kind) == number_of(library.isa, "MR")
    assert library.wide_wide_rows(kind) == number_of(library.isa, "WIDE")
    assert library.wide_max_dotxf(kind) == number_of(library.isa, "MAX_DOTXF")


def tile_functions(library: Library, kind: int) -> Iterator[tuple[int, int, int]]:
    """Yield the height, the vectors and the layout of A of every tile function there must be."""
    for rows in range(1, library.wide_mr(kind) + 1):
        for vectors in (1, 2, 4) if rows <= library.wide_wide_rows(kind) else (1, 2):
            for by_rows in (0, 1):
                yield rows, vectors, by_rows


@each_type
def test_there_are_tiles_of_every_height(library: Library, kind: int) -> None:
    there = {
        (rows, vectors, by_rows)
        for rows in range(1, library.wide_mr(kind) + 1)
        for vectors in (1, 2, 3, 4)
        for by_rows in (0, 1)
        if library.wide_has_tile(kind, rows, vectors, by_rows)
    }
    assert there == set(tile_functions(library, kind))


def fenced_off(values: Array, spare: int) -> Array:
    """Copy to rows that are followed by NaNs, which poison whatever takes them in."""
    room = np.full((values.shape[0], values.shape[1] + spare), np.nan, values.dtype)
    room[:, : values.shape[1]] = values
    return room


def run_tile(
    library: Library,
    kind: int,
    place: tuple[int, int, int],
    a: Array,
    b: Array,
    how: str,
    accumulate: int,
) -> None:
    """Run one tile function in one way and check C, all around C, and the copy of B."""
    rows, vectors, by_rows = place
    k, n, lanes = a.shape[1], b.shape[1], library.wide_lanes(kind)
    padded = vectors * lanes
    left = fenced_off(a if by_rows else np.ascontiguousarray(a.T), 3)
    # Where it is taken in place B ends where C does; otherwise numbers pad it to full vectors.
    right = fenced_off(b, padded - n + 2)
    if how == "packed":
        right[:, n:padded] = 1
    kept = np.full(k * padded + 1, np.nan, a.dtype)
    c = np.full((rows + 1, padded + 3), 7, sums_of(kind))
    wanted = c.copy()
    wanted[:rows, :n] = product(a, b) + (7 if accumulate else 0)
    tile = RegisterTile(
        k=k, a=at(left), lda=left.shape[1], b=at(right), ldb=right.shape[1], prefetch_distance=0,
        c=at(c), ldc=c.shape[1], packed_copy=at(kept) if how == "copy" else None, n=n,
        accumulate=accumulate,
        mask_b=how == "masked",
    )  # fmt: skip
    library.wide_tile(kind, rows, vectors, by_rows, ctypes.byref(tile))
    assert np.array_equal(c, wanted), (place, n, k, how)
    if how == "copy":
        copy = kept[:-1].reshape(k, padded)
        assert np.array_equal(copy[:, :n], b)
        assert not copy[:, n:].any()
    assert np.isnan(kept[-1])


@each_type
@each_order
@pytest.mark.parametrize("how", ["packed", "masked", "copy"])
def test_tiles(library: Library, kind: int, accumulate: int, how: str) -> None:
    rng = np.random.default_rng(2)
    lanes = library.wide_lanes(kind)
    for place in tile_functions(library, kind):
        rows, vectors, _ = place
        for edge, k in itertools.product(sorted({1, lanes // 2 + 1, lanes - 1, lanes}), DEPTHS):
            n = (vectors - 1) * lanes + edge
            a, b = whole(rng, (rows, k), kind), whole(rng, (k, n), kind)
            run_tile(library, kind, place, a, b, how, accumulate)


@each_type
@pytest.mark.parametrize("packed", [True, False])
def test_tiles_side_by_side(library: Library, kind: int, packed: bool) -> None:
    rng = np.random.default_rng(6)
    for rows, vectors, by_rows in tile_functions(library, kind):
        width, k, tiles = vectors * library.wide_lanes(kind), 5, 3
        a, b = whole(rng, (rows, k), kind), whole(rng, (k, tiles * width), kind)
        left = fenced_off(a if by_rows else np.ascontiguousarray(a.T), 3)
        right = fenced_off(b, 2)
        if packed:
            right = np.concatenate(np.split(b, tiles, axis=1))
        c = np.full((rows + 1, tiles * width + 3), 7, sums_of(kind))
        tile = RegisterTile(
            k=k, a=at(left), lda=left.shape[1], b=at(right), ldb=right.shape[1], c=at(c),
            ldc=c.shape[1], n=width, mask_b=not packed, tiles=tiles,
            b_step=k * width if packed else width,
        )  # fmt: skip
        library.wide_tile(kind, rows, vectors, by_rows, ctypes.byref(tile))
        assert np.array_equal(c[:rows, :-3], product(a, b))
        assert (c[rows:] == 7).all() and (c[:, -3:] == 7).all()


@each_type
@each_order
def test_dot_products(library: Library, kind: int, accumulate: int) -> None:
    rng = np.random.default_rng(3)
    lanes = library.wide_lanes(kind)
    depths = sorted({0, 1, lanes - 1, lanes, lanes + 1, 4 * lanes, 9 * lanes + 3})
    for vectors, k in itertools.product(range(1, library.wide_max_dotxf(kind) + 1), depths):
        for count in (0, 1, 2, 3, 4, 5, 8, 11):
            x, rows = whole(rng, (vectors, k), kind), whole(rng, (count, k), kind)
            wanted = product(x, rows.T) + (7 if accumulate else 0)
            for by_vector in (True, False):
                shape = (vectors + 1, count + 2) if by_vector else (count + 1, vectors + 2)
                c = np.full(shape, 7, sums_of(kind))
                steps = (shape[1], 1) if by_vector else (1, shape[1])
                left, right = fenced_off(x, 2), fenced_off(rows, 5)
                dot = Dotxf(
                    k,
                    at(left),
                    left.shape[1],
                    at(right),
                    right.shape[1],
                    count,
                    at(c),
                    *steps,
                    accumulate,
                )
                library.wide_dotxf(kind, vectors, ctypes.byref(dot))
                got = c if by_vector else c.T
                assert np.array_equal(got[:vectors, :count], wanted), (vectors, k, count)
                assert (got[vectors:] == 7).all() and (got[:, count:] == 7).all()


@each_type
def test_sums_of_rows(library: Library, kind: int) -> None:
    rng = np.random.default_rng(4)
    lanes = library.wide_lanes(kind)
    for n, k in itertools.product((1, lanes - 1, lanes, lanes + 1, 3 * lanes + 2), DEPTHS[1:]):
        for incx in (1, 3, -2):
            x, b = whole(rng, (1, k), kind), whole(rng, (k, n), kind)
            room = np.full(3 * k + 1, np.nan, x.dtype)
            factors = room[:: abs(incx)][:k] if incx > 0 else room[:: abs(incx)][:k][::-1]
            factors[...] = x[0]
            right, c = fenced_off(b, 4), np.full(n + lanes, 7, sums_of(kind))
            sums = Axpyf(k, at(factors), incx, at(right), right.shape[1], n, at(c))
            library.wide_axpyf(kind, ctypes.byref(sums))
            assert np.array_equal(c[:n], product(x, b)[0]), (n, k, incx)
            assert (c[n:] == 7).all()


def strided_copies(vectors: Array) -> Iterator[tuple[Array, int, int]]:
    """Yield the vectors (one a row) in memory of several strides, given in elements."""
    count, depth = vectors.shape
    yield np.ascontiguousarray(vectors), depth, 1
    yield np.asfortranarray(vectors), 1, count
    room = np.full((2 * count + 1, 3 * depth + 2), np.nan, vectors.dtype)
    for view in (room[:count, :depth], room[: 2 * count : 2, : 3 * depth : 3]):
        for reversed_view in (view, view[::-1, ::-1]):
            reversed_view[...] = vectors
            strides = (stride // vectors.itemsize for stride in reversed_view.strides)
            yield reversed_view, *strides


@each_type
def test_packing(library: Library, kind: int) -> None:
    rng = np.random.default_rng(1)
    lanes, nr = library.wide_lanes(kind), library.wide_nr(kind)
    widths = sorted({1, 3, lanes, library.wide_mr(kind), nr, 4 * lanes})
    for width, depth in itertools.product(widths, (0, 1, 3, lanes, 2 * lanes + 1)):
        for count in sorted({1, max(width - 1, 1), width // 2 + 1, width}):
            vectors = whole(rng, (count, depth), kind)
            for source, vector_stride, depth_stride in strided_copies(vectors):
                out = np.full(width * depth + lanes + 3, 7, vectors.dtype)
                library.wide_pack(
                    kind, size(width), size(count), size(depth), at(source), size(vector_stride),
                    size(depth_stride), at(out),
                )  # fmt: skip
                panel = out[: width * depth].reshape(depth, width)
                assert np.array_equal(panel[:, :count], vectors.T), (width, count, depth)
                assert (out[width * depth + lanes :] == 7).all()


@each_type
def test_packing_of_repeated_vectors(library: Library, kind: int) -> None:
    width, depth = library.wide_nr(kind), 7
    numbers = np.arange(depth).astype(storage_of(kind))
    for vector_stride, depth_stride in ((0, 1), (1, 0), (0, 0)):
        if (vector_stride, depth_stride) == (1, 0):
            numbers = np.arange(width).astype(storage_of(kind))
        out = np.zeros((depth + 1, width), numbers.dtype)
        library.wide_pack(
            kind, size(width), size(width), size(depth), at(numbers), size(vector_stride),
            size(depth_stride), at(out),
        )  # fmt: skip
        places = np.arange(depth)[:, None] * depth_stride + np.arange(width) * vector_stride
        assert np.array_equal(out[:depth], numbers[places])
