"""BLIS through its CBLAS functions, called by ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLACES = (
    "/usr/lib/*-linux-gnu/libblis.so.4",
    "/usr/lib/*-linux-gnu/blis-openmp/libblis.so.4",
    "/usr/lib/*-linux-gnu/blis-pthread/libblis.so.4",
    "/usr/lib64/libblis.so.4",
    "/usr/local/lib/libblis.so.4",
    "/opt/blis/lib/libblis.so.4",
)

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112

_ASK_ARCHITECTURE = """
import ctypes, itertools, sys
blis = ctypes.CDLL(sys.argv[1])
blis.bli_arch_string.restype = ctypes.c_char_p
print(blis.bli_arch_string(blis.bli_arch_query_id()).decode())
for number in itertools.count():  # "generic" is the last of the list
    name = blis.bli_arch_string(number).decode()
    print(number, name)
    if name == "generic" or number > 99:
        break
"""


def find() -> str | None:
    """Return the library's name or path; None where there is none."""
    name = ctypes.util.find_library("blis")
    places = (path for place in PLACES for path in sorted(Path("/").glob(place[1:])))
    for candidate in (name, *map(str, places)):
        try:
            if candidate and ctypes.CDLL(candidate).cblas_sgemm:
                return candidate
        except (OSError, AttributeError):
            continue
    return None


def architecture(library: str, flags: set[str]) -> tuple[str, str | None]:
    """Return the kernels that BLIS uses here, and the BLIS_ARCH_TYPE that gives better ones.

    BLIS 0.9 does not know CPUs later than Zen 3 and runs its portable kernels there. The numbers
    of its architectures differ from version to version; a child asks, for the library decides
    once in a process.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ASK_ARCHITECTURE, library],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return "unknown", None
    used, *listed = done.stdout.split("\n")
    numbers = {name: number for number, _, name in (line.partition(" ") for line in listed)}
    if used != "generic":
        return used, None
    wanted = "skx" if "avx512f" in flags else "haswell" if "avx2" in flags else "generic"
    return (wanted, numbers[wanted]) if wanted in numbers else (used, None)


def load(library: str) -> ctypes.CDLL:
    """Load the library and declare that its functions return nothing."""
    blis = ctypes.CDLL(library)
    for name in ("cblas_sgemm", "cblas_dgemm", "cblas_sgemv", "cblas_dgemv"):
        getattr(blis, name).restype = None
    return blis


def product(
    blis: ctypes.CDLL, a: NDArray[np.generic], b: NDArray[np.generic], out: NDArray[np.generic]
) -> Callable[[], object]:
    """Return a call that writes ``a @ b`` to a C-contiguous `out`; vectors go through gemv."""
    single = a.dtype == "float32"
    scalar = ctypes.c_float if single else ctypes.c_double
    (m, k), n = a.shape, b.shape[1]
    if m == 1 or n == 1:
        matrix, vector = (b.T, a) if m == 1 else (a, b)
        order, leading = _storage(matrix)
        function = blis.cblas_sgemv if single else blis.cblas_dgemv
        rows, columns = matrix.shape if order == _PLAIN else matrix.shape[::-1]
        return functools.partial(
            function, _ROW_MAJOR, order, rows, columns, scalar(1), _address(matrix), leading,
            _address(vector), 1, scalar(0), _address(out), 1,
        )  # fmt: skip
    order_a, leading_a = _storage(a)
    order_b, leading_b = _storage(b)
    function = blis.cblas_sgemm if single else blis.cblas_dgemm
    return functools.partial(
        function, _ROW_MAJOR, order_a, order_b, m, n, k, scalar(1), _address(a), leading_a,
        _address(b), leading_b, scalar(0), _address(out), n,
    )  # fmt: skip


def _address(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _storage(matrix: NDArray[np.generic]) -> tuple[int, int]:
    """Return whether a contiguous matrix is stored transposed, and its leading dimension."""
    if matrix.flags.c_contiguous:
        return _PLAIN, max(matrix.shape[1], 1)
    return _TRANSPOSED, max(matrix.shape[0], 1)
