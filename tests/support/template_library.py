"""The kernels' template, compiled for vector widths that this CPU may lack and called directly."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import os
import re
import subprocess
from pathlib import Path

from support.kernel_checks import Array

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "brickprof"
MICRO = PACKAGE / "kernels" / "micro"
CACHE = ROOT / "build" / "templates"
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


def key_of(command: list[str], files: list[Path]) -> str:
    """Return what changes with a compiler, its options and the files that it reads."""
    compiler = subprocess.run([command[0], "--version"], check=True, capture_output=True).stdout
    parts = [compiler, " ".join(command).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def build(isa: str) -> Path:
    """Return the library of an instruction set, compiled by the first process that needs it."""
    source = Path(__file__).with_name("template_isa.c")
    flags = ["-O0", "-shared", "-fPIC", "-w", "-fno-math-errno", f"-I{PACKAGE}", f"-I{MICRO}"]
    command = [*COMPILER.split(), *flags]
    key = key_of(command, [source, MICRO / f"{isa}.c", *sorted(MICRO.glob("*.h"))])
    folder = CACHE / f"{isa}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / "template.so"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            (folder / "shape.h").write_text(shape_of(isa))
            # Renamed once it is complete: a compiler that is interrupted leaves no library.
            part = folder / "template.part"
            subprocess.run(
                [*command, f"-I{folder}", str(source), "-o", str(part), "-lm"], check=True
            )
            part.rename(built)
    return built


@functools.cache
def compiled(isa: str) -> Library:
    """Load the template for the register block of an instruction set, without its masks."""
    library = ctypes.CDLL(str(build(isa)))
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
