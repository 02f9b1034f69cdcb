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

PACKAGE = Path("brickprof")
INCLUDES = [f"{PACKAGE}/include", str(PACKAGE), numpy.get_include()]
SOURCES = {
    "brickprof.profiler.clocks": ["profiler"],
    "brickprof.kernels.runtime.runtime": ["kernels/micro", "kernels/runtime"],
}
"""Folders whose C files are linked into a module, once: they hold state."""
CHECKS = os.environ.get("BRICKPROF_BUILD_CHECKS") == "1"
"""Build with Cython's bounds checks and the address and undefined-behaviour sanitizers."""


def module_name(path: Path) -> str:
    """Return the name of the module that a Cython file becomes."""
    return ".".join(path.with_suffix("").parts)


def c_files(folder: str) -> list[Path]:
    """Return the C files of a folder."""
    return sorted((PACKAGE / folder).glob("*.c"))


def extension(path: Path) -> Extension:
    """Describe the extension of a Cython file; all are compiled alike."""
    name = module_name(path)
    return Extension(
        name,
        [str(path), *(str(c) for folder in SOURCES.get(name, []) for c in c_files(folder))],
        depends=sorted(str(header) for header in PACKAGE.rglob("*.h")),
        include_dirs=INCLUDES,
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


EXTENSIONS = [extension(path) for path in sorted(PACKAGE.rglob("*.pyx"))]


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
        build_dir="build/cython",
        include_path=["."],
        compiler_directives={
            "language_level": 3,
            "binding": False,
            "embedsignature": True,
            "embedsignature.format": "clinic",
            "boundscheck": CHECKS,
            "wraparound": CHECKS,
            "initializedcheck": CHECKS,
            "cdivision": True,
        },
        annotate=bool(os.environ.get("BRICKPROF_ANNOTATE")),
    ),
    cmdclass={"build_ext": BuildExtensions},
)
