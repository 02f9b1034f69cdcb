"""Builds a user's kernel in C against an installed brickprof."""

from __future__ import annotations

from setuptools import Extension, setup

import brickprof

setup(
    ext_modules=[
        Extension(
            "c_kernel",
            ["c_kernel.c"],
            include_dirs=[brickprof.get_include()],
            extra_compile_args=["-Wall", "-Wextra", "-Werror"],
        )
    ]
)
