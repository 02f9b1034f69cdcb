"""The kernels' template, compiled for vector widths that this CPU may lack and called directly."""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.kernel_checks import Array

PACKAGE = Path(__file__).parents[2] / "brickprof"
MICRO = PACKAGE / "kernels" / "micro"
COMPILER = os.environ.get("CC", "cc")
SHIPPED = ("avx512", "avx2", "neon", "base")

Library = ctypes.CDLL


def shape_of(isa: str) -> str:
    """Return the definitions of an instruction set's register block, as C."""
    source = (MICRO / f"{isa}.c").read_text().replace("\\\n", " ")
    names = r"VBYTES|MR|NV|WIDE|CHAINS|MAX_DOTXF|FOR_EACH_\w+\(X\)"
    return "".join(f"{line}\n" for line in re.findall(rf"^#define (?:{names}) .*$", source, re.M))


def number_of(isa: str, name: str) -> int:
    """Return one number of an instruction set's register block."""
    return int(re.findall(rf"#define {name} (\d+)", shape_of(isa))[0])


@functools.cache
def compiled(isa: str) -> Library:
    """Compile the template for the register block of an instruction set, without its masks."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "shape.h").write_text(shape_of(isa))
    built = folder / f"{isa}.so"
    flags = [
        "-O0",
        "-shared",
        "-fPIC",
        "-w",
        "-fno-math-errno",
        f"-I{PACKAGE}",
        f"-I{MICRO}",
        f"-I{folder}",
    ]
    source = Path(__file__).with_name("template_isa.c")
    subprocess.run(
        [*COMPILER.split(), *flags, str(source), "-o", str(built), "-lm"],
        check=True,
    )
    library = ctypes.CDLL(str(built))
    library.isa = isa
    return library


class RegisterTile(ctypes.Structure):
    """bp_register_tile of micro_kernels.h."""

    _fields_ = (
        ("k", ctypes.c_ssize_t),
        ("a", ctypes.c_void_p),
        ("lda", ctypes.c_ssize_t),
        ("b", ctypes.c_void_p),
        ("ldb", ctypes.c_ssize_t),
        ("prefetch_distance", ctypes.c_ssize_t),
        ("c", ctypes.c_void_p),
        ("ldc", ctypes.c_ssize_t),
        ("packed_copy", ctypes.c_void_p),
        ("n", ctypes.c_int),
        ("accumulate", ctypes.c_int),
        ("mask_b", ctypes.c_int),
        ("tiles", ctypes.c_int),
        ("b_step", ctypes.c_ssize_t),
    )


class Dotxf(ctypes.Structure):
    """bp_dotxf of micro_kernels.h."""

    _fields_ = (
        ("k", ctypes.c_ssize_t),
        ("x", ctypes.c_void_p),
        ("ldx", ctypes.c_ssize_t),
        ("rows", ctypes.c_void_p),
        ("ldr", ctypes.c_ssize_t),
        ("count", ctypes.c_ssize_t),
        ("c", ctypes.c_void_p),
        ("c_vector_stride", ctypes.c_ssize_t),
        ("c_row_stride", ctypes.c_ssize_t),
        ("accumulate", ctypes.c_int),
    )


class Axpyf(ctypes.Structure):
    """bp_axpyf of micro_kernels.h."""

    _fields_ = (
        ("k", ctypes.c_ssize_t),
        ("x", ctypes.c_void_p),
        ("incx", ctypes.c_ssize_t),
        ("b", ctypes.c_void_p),
        ("ldb", ctypes.c_ssize_t),
        ("n", ctypes.c_ssize_t),
        ("c", ctypes.c_void_p),
    )


def at(array: Array) -> ctypes.c_void_p:
    """Return the address of an array's first element."""
    return ctypes.c_void_p(array.ctypes.data)


def size(number: int) -> ctypes.c_ssize_t:
    """Return a number as a ptrdiff_t."""
    return ctypes.c_ssize_t(number)
