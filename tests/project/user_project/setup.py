"""Builds a user's kernels, in Cython and in C, against an installed brickprof."""

from __future__ import annotations

from Cython.Build import cythonize
from setuptools import Extension, setup

import brickprof

INCLUDES = [brickprof.get_include()]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]

setup(
    ext_modules=[
        *cythonize(
            Extension(
                "cython_kernel",
                ["cython_kernel.pyx"],
                include_dirs=INCLUDES,
                extra_compile_args=["-fopenmp"],
                extra_link_args=["-fopenmp"],
            )
        ),
        Extension("c_kernel", ["c_kernel.c"], include_dirs=INCLUDES, extra_compile_args=WARNINGS),
    ]
)
