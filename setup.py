"""Builds the compiled extensions; everything else is in pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer, newer_group

PACKAGE = Path("brickprof")
INCLUDES = [f"{PACKAGE}/include", str(PACKAGE), numpy.get_include()]
SOURCES = {
    "brickprof.profiler.clocks": ["profiler"],
    "brickprof.kernels.runtime.runtime": ["kernels/micro", "kernels/runtime"],
}
"""Folders whose C files are linked into a module, once: they hold state."""
SHARED_LIBRARY = "libbrickprof"
"""Functions for other languages; in a folder where Python does not take it for a module."""
CHECKS = os.environ.get("BRICKPROF_BUILD_CHECKS", "")
"""Build with Cython's bounds checks, and with sanitizers by gcc's names for them, such as
"address,undefined" or "thread"."""


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


def shared_library() -> Extension:
    """Describe what other languages load; nothing in it is of Python."""
    return Extension(
        f"brickprof.lib.{SHARED_LIBRARY}",
        [f"{PACKAGE}/lib/tile.c"],
        depends=[f"{PACKAGE}/include/brickprof/tile.h"],
        include_dirs=INCLUDES[:1],
        extra_link_args=[f"-Wl,-soname,{SHARED_LIBRARY}.so"],
    )


CYTHON = sorted(PACKAGE.rglob("*.pyx"))
TRANSLATED = Path("build/cython")
"""Where Cython's C files go; made anew after a change of this file, which holds its directives."""


def translated_before_a_change_here() -> bool:
    """Tell whether a C file of Cython's is older than this file."""
    files = (TRANSLATED / path.with_suffix(".c") for path in CYTHON)
    return any(newer(__file__, str(file)) for file in files if file.exists())


class BuildExtensions(build_ext):
    """build_ext with this project's flags, that says in one line what is missing."""

    def build_extensions(self) -> None:
        """Add the flags, then build."""
        self._require_compiler()
        flags = ["-O3", "-g0", "-fvisibility=hidden", "-fno-math-errno", "-Wno-psabi", "-pthread"]
        links = ["-pthread"]
        if CHECKS:
            sanitize = [f"-fsanitize={CHECKS}", "-fno-sanitize-recover=undefined"]
            # What is read before it is set then has a value that nothing else has.
            unset = "-ftrivial-auto-var-init=pattern"
            # Python's own -fwrapv would hide signed overflows.
            flags = [*flags, "-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", unset, *sanitize]
            links += sanitize
        for ext in self.extensions:
            ext.extra_compile_args = [*ext.extra_compile_args, *flags]
            ext.extra_link_args = [*ext.extra_link_args, *links]
        self.parallel = self.parallel or os.cpu_count()
        # The longest first: the micro-kernels take as long as half of all the rest.
        self.extensions.sort(key=lambda ext: len(ext.sources), reverse=True)
        with ThreadPoolExecutor(self.parallel) as pool:
            self._compile_on(pool)
            super().build_extensions()

    def get_ext_filename(self, fullname: str) -> str:
        """Return where an extension goes; the shared library has no suffix of Python's."""
        if fullname.rpartition(".")[2] == SHARED_LIBRARY:
            return f"{fullname.replace('.', '/')}.so"
        return super().get_ext_filename(fullname)

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

    def _compile_on(self, pool: ThreadPoolExecutor) -> None:
        """Let the C files of an extension be compiled side by side, like the extensions."""
        compile_all = self.compiler.compile

        def compile_each(sources: list[str], **options: Any) -> list[str]:
            made = pool.map(lambda source: compile_all([source], **options), sources)
            return [path for paths in made for path in paths]

        self.compiler.compile = compile_each

    def _require_compiler(self) -> None:
        """Stop with one line where there is no compiler."""
        command = self.compiler.compiler[0]
        try:
            subprocess.run([command, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(f"brickprof: no C compiler ({command}): install gcc or clang")


# Cython translates in processes of its own, which may import this file.
if __name__ == "__main__":
    setup(
        ext_modules=[
            shared_library(),
            *cythonize(
                [extension(path) for path in CYTHON],
                build_dir=str(TRANSLATED),
                force=translated_before_a_change_here(),
                nthreads=os.cpu_count() or 1,
                include_path=["."],
                compiler_directives={
                    "language_level": 3,
                    "binding": False,
                    "embedsignature": True,
                    "embedsignature.format": "clinic",
                    "boundscheck": bool(CHECKS),
                    "wraparound": bool(CHECKS),
                    "initializedcheck": bool(CHECKS),
                    "cdivision": True,
                },
                annotate=bool(os.environ.get("BRICKPROF_ANNOTATE")),
            ),
        ],
        cmdclass={"build_ext": BuildExtensions},
    )
