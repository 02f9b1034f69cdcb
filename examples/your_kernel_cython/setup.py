"""Builds the kernel; everything else is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

import brickprof

setup(
    ext_modules=cythonize(
        Extension(
            "your_kernel",
            ["your_kernel.pyx"],
            include_dirs=[brickprof.get_include()],
            # For this machine alone; leave -march=native out of what others install.
            extra_compile_args=["-O3", "-march=native", "-fopenmp"],
            extra_link_args=["-fopenmp"],
        ),
        # Where brickprof/tile.pxd is, also if brickprof is an editable install.
        include_path=[str(Path(brickprof.__file__).parents[1])],
    )
)
