"""Builds the compiled extensions; everything else is in pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

INCLUDE = "brickprof/include"
KERNEL_HEADERS = sorted(str(path) for path in Path("brickprof/kernels").glob("*.h"))
KERNEL_SOURCES = sorted(str(path) for path in Path("brickprof/kernels").glob("*.c"))
TILE_HEADERS = [f"{INCLUDE}/brickprof/tile.h", "brickprof/clock.h"]
CHECKS = os.environ.get("BRICKPROF_BUILD_CHECKS") == "1"
"""Build with Cython's bounds checks and the address and undefined-behaviour sanitizers."""


def extension(name: str, sources: list[str], depends: list[str]) -> Extension:
    """Describe one extension; all are compiled alike."""
    return Extension(
        f"brickprof.{name}",
        [f"brickprof/{name}.pyx", *sources],
        depends=[*TILE_HEADERS, *depends],
        include_dirs=[INCLUDE, "brickprof", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


EXTENSIONS = [
    extension("_recorder", [], []),
    extension("_profiler", ["brickprof/clock.c"], []),
    extension("_arrays", [], []),
]
if Path("brickprof/_kernels.pyx").exists():
    EXTENSIONS.append(extension("_kernels", KERNEL_SOURCES, KERNEL_HEADERS))


class BuildExtensions(build_ext):
    """build_ext with this project's flags, that says in one line what is missing."""

    def build_extensions(self) -> None:
        """Add the flags, then build."""
        self._require_compiler()
        flags = ["-O3", "-g0", "-fvisibility=hidden", "-fno-math-errno", "-Wno-psabi", "-pthread"]
        links = ["-pthread"]
        if CHECKS:
            sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
            flags = [*flags, "-O1", "-g", "-fno-omit-frame-pointer", *sanitize]
            links += sanitize
        for ext in self.extensions:
            ext.extra_compile_args = [*ext.extra_compile_args, *flags]
            ext.extra_link_args = [*ext.extra_link_args, *links]
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        """Build an extension; an editable install keeps one that is newer than its sources."""
        built = self.get_ext_filename(ext.name)
        if self.editable_mode and not newer_group(
            [__file__, *ext.sources, *ext.depends], built, missing="newer"
        ):
            place = self.get_ext_fullpath(ext.name)
            self.mkpath(str(Path(place).parent))
            self.copy_file(built, place)
        else:
            super().build_extension(ext)

    def _require_compiler(self) -> None:
        """Stop with one line where there is no compiler."""
        command = self.compiler.compiler[0]
        try:
            subprocess.run([command, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(f"brickprof: no C compiler ({command}): install gcc or clang")


setup(
    ext_modules=cythonize(
        EXTENSIONS,
        include_path=["."],
        compiler_directives={
            "language_level": 3,
            "binding": False,
            "embedsignature": True,
            "boundscheck": CHECKS,
            "wraparound": CHECKS,
            "initializedcheck": CHECKS,
            "cdivision": True,
        },
        annotate=bool(os.environ.get("BRICKPROF_ANNOTATE")),
    ),
    cmdclass={"build_ext": BuildExtensions},
)
