"""The kernels' template at vector widths that this CPU may lack, called directly."""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from kernel_checks import Array

KERNELS = Path(__file__).parents[1] / "brickprof" / "kernels"
COMPILER = os.environ.get("CC", "cc")


def shipped(isa: str) -> list[int]:
    """Read an instruction set's vector width in bytes, and its rows and vectors of a block."""
    source = (KERNELS / f"ukr_{isa}.c").read_text()
    return [int(re.findall(rf"#define {name} (\d+)", source)[0]) for name in ("VBYTES", "MR", "NV")]


BLOCKS = {isa: shipped(isa) for isa in ("avx512", "avx2", "neon")}

Library = ctypes.CDLL

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER.split()[0]) is None, reason="there is no C compiler"
)


@pytest.fixture(scope="module", params=BLOCKS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Compile the template for one register block."""
    vbytes, mr, nv = BLOCKS[request.param]
    built = tmp_path_factory.mktemp("template") / f"{request.param}.so"
    command = [
        *COMPILER.split(),
        "-O1",
        "-shared",
        "-fPIC",
        "-w",
        "-fno-math-errno",
        f"-I{KERNELS}",
        f"-DVBYTES={vbytes}",
        f"-DMR={mr}",
        f"-DNV={nv}",
        "-DCHAINS=2",
        str(Path(__file__).with_name("template_isa.c")),
        "-o",
        str(built),
        "-lm",
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(built))


def at(array: Array) -> ctypes.c_void_p:
    """Return the address of an array's first element."""
    return ctypes.c_void_p(array.ctypes.data)


def size(number: int) -> ctypes.c_ssize_t:
    """Return a number as a ptrdiff_t."""
    return ctypes.c_ssize_t(number)


def packed_panels(vectors: Array, width: int) -> Array:
    """Return vectors (one a row) in panels of `width`, depth-major, padded with zeros."""
    count, depth = vectors.shape
    panels = -(-count // width)
    padded = np.zeros((panels * width, depth), vectors.dtype)
    padded[:count] = vectors
    return padded.reshape(panels, width, depth).swapaxes(1, 2).flatten()


def test_the_register_blocks_are_those_of_the_tables(library: Library) -> None:
    blocks = []
    for doubles, itemsize in ((0, 4), (1, 8)):
        blocks.append((library.wide_mr(doubles), library.wide_nr(doubles) * itemsize))
    assert blocks[0] == blocks[1]
    assert blocks[0] in [(mr, vbytes * nv) for vbytes, mr, nv in BLOCKS.values()]


@pytest.mark.parametrize("doubles", [0, 1])
@pytest.mark.parametrize("is_b", [0, 1])
def test_packing(library: Library, doubles: int, is_b: int) -> None:
    dtype = "float64" if doubles else "float32"
    width = (library.wide_nr if is_b else library.wide_mr)(doubles)
    rng = np.random.default_rng(1)
    for count, depth in itertools.product((0, 1, width - 1, width, 2 * width + 1), (0, 1, 3, 17)):
        room = rng.integers(-9, 9, (2 * count + 1, 3 * depth + 1)).astype(dtype)
        for vectors in (
            room[:count, :depth],
            room[: 2 * count : 2, : 3 * depth : 3],
            room[:count, :depth][::-1, ::-1],
            room[:1, :depth].repeat(count, 0),
        ):
            between, along = (stride // vectors.itemsize for stride in vectors.strides)
            columns = np.asfortranarray(vectors)
            wanted = packed_panels(vectors, width)
            for source, steps in ((vectors, (between, along)), (columns, (1, max(count, 1)))):
                out = np.full(wanted.size + 5, 7, dtype)
                library.wide_pack(
                    doubles,
                    is_b,
                    size(count),
                    size(depth),
                    at(source),
                    size(steps[0]),
                    size(steps[1]),
                    at(out),
                )
                assert np.array_equal(out[: wanted.size], wanted)
                assert (out[wanted.size :] == 7).all()


@pytest.mark.parametrize("doubles", [0, 1])
@pytest.mark.parametrize("add", [0, 1])
def test_micro_kernels(library: Library, doubles: int, add: int) -> None:
    dtype = "float64" if doubles else "float32"
    mr, nr = library.wide_mr(doubles), library.wide_nr(doubles)
    rng = np.random.default_rng(2)
    for m, n, k in itertools.product((1, mr - 1, mr), (1, nr - 1, nr), (0, 1, 13)):
        a = rng.integers(-4, 5, (mr, k)).astype(dtype)
        b = rng.integers(-4, 5, (k, nr + 3)).astype(dtype)
        before = rng.integers(-4, 5, (mr, nr + 2)).astype(dtype)
        wanted = before.copy()
        wanted[:m, :n] = a[:m] @ b[:, :n] + (before[:m, :n] if add else 0)
        by_step = np.ascontiguousarray(a.T)
        c = before.copy()
        library.wide_packed(
            doubles, size(k), at(by_step), at(b), size(nr + 3), at(c), size(nr + 2), m, n, add
        )
        assert np.array_equal(c, wanted)
        c = before.copy()
        library.wide_rows(
            doubles, size(k), at(a), size(k), at(b), size(nr + 3), at(c), size(nr + 2), m, n, add
        )
        assert np.array_equal(c, wanted)


@pytest.mark.parametrize("step", [0, 1])
def test_online_softmax(library: Library, step: int) -> None:
    nr, rows, width = library.wide_nr(0), 9, library.wide_nr(0) * 2
    rng = np.random.default_rng(3)
    ld, scale = 4 * nr, 0.3 * math.log2(math.e)
    maximum, total = np.full(rows, -np.inf, "float32"), np.zeros(rows, "float32")
    out = np.zeros((rows, width), "float32")
    values = rng.standard_normal((4, 4 * nr, width)).astype("float32")
    scores = 20 * rng.standard_normal((4, rows, 4 * nr)).astype("float32")
    weighted, seen_scores = np.zeros((rows, width)), np.full((4, rows, 4 * nr), -np.inf)
    for block, keys in enumerate((4 * nr, 3 * nr + 1, nr, 1)):
        visible = 2 * nr + 1 - block * nr if step else keys
        given = np.full((rows, ld), np.nan, "float32")
        given[:, :keys] = scores[block, :, :keys]
        library.wide_softmax(
            at(given),
            size(ld),
            rows,
            keys,
            size(visible),
            step,
            ctypes.c_float(scale),
            at(maximum),
            at(total),
            at(out),
            size(width),
            width,
        )
        for row in range(rows):
            seen = min(max(visible + row * step, 0), keys)
            seen_scores[block, row, :seen] = 0.3 * scores[block, row, :seen].astype("float64")
            assert not given[row, seen:keys].any()
        out += given[:, :keys] @ values[block, :keys]
    top = seen_scores.max((0, 2))
    weights = np.exp(seen_scores - top[None, :, None])
    weighted = np.einsum("brk,bkw->rw", weights, values)
    assert np.allclose(maximum, top / 0.3, rtol=1e-6)
    assert np.allclose(total, weights.sum((0, 2)), rtol=1e-4)
    assert np.allclose(out, weighted, rtol=1e-4, atol=1e-4)
    divided = np.empty(width, "float32")
    library.wide_divide(at(out[2]), ctypes.c_float(total[2]), at(divided), size(width))
    assert np.array_equal(divided, out[2] / total[2])


def test_negate(library: Library) -> None:
    data = np.arange(-20, 21, dtype="float32")
    library.wide_negate(at(data), size(data.size - 1))
    assert np.array_equal(data, [*range(20, -20, -1), 20])


def test_powers_of_two(library: Library) -> None:
    nr = library.wide_nr(0)
    exponents = np.concatenate(
        [
            -np.geomspace(2.0**-30, 125.9, 4000),
            -np.arange(126.0),
            -np.arange(126.0) - 0.5,
            [-126.5, -127, -200, -1e9, -3e38, -np.inf, np.nan, 0],
        ]
    ).astype("float32")
    for first in range(0, exponents.size, nr - 1):
        some = exponents[first : first + nr - 1]
        row = np.zeros(nr, "float32")
        row[1 : 1 + some.size] = some
        maximum, total = np.array([-np.inf], "float32"), np.zeros(1, "float32")
        library.wide_softmax(
            at(row),
            size(nr),
            1,
            1 + some.size,
            size(1 + some.size),
            0,
            ctypes.c_float(1),
            at(maximum),
            at(total),
            at(np.zeros(nr, "f4")),
            size(nr),
            nr,
        )
        wanted = np.exp2(some.astype("float64"))
        wanted[some < -126] = 0
        got = row[1 : 1 + some.size]
        good = abs(got - wanted) <= 5 * 2.0**-24 * wanted
        assert (good | (np.isnan(got) & np.isnan(some))).all()


def test_all_finite(library: Library) -> None:
    data = np.zeros((5, 40), "float32")
    data[:, 33:] = np.nan
    assert library.wide_all_finite(at(data), size(5), size(40), size(33))
    for bad in (np.nan, np.inf, -np.inf):
        for row, column in ((0, 0), (4, 32), (2, 17)):
            spoilt = data.copy()
            spoilt[row, column] = bad
            assert not library.wide_all_finite(at(spoilt), size(5), size(40), size(33))
    data[0, 0], data[1, 1] = 3e38, 3e38
    assert library.wide_all_finite(at(data), size(5), size(40), size(33))
