"""Folders of this installation that compilers and build systems are pointed at."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def get_include() -> str:
    """Return the folder to put among a compiler's include directories for brickprof/tile.h."""
    return str(_PACKAGE / "include")


def get_cmake_dir() -> str:
    """Return the folder of brickprofConfig.cmake, by which CMake finds the headers.

    Returns
    -------
    str
        For ``brickprof_DIR`` or CMAKE_PREFIX_PATH. ``find_package(brickprof CONFIG)`` then gives
        the target ``brickprof::tile``.
    """
    return str(_PACKAGE / "share/cmake/brickprof")


def get_pkg_config_dir() -> str:
    """Return the folder of brickprof.pc, by which pkg-config finds the headers.

    Returns
    -------
    str
        For PKG_CONFIG_PATH, with which ``pkg-config --cflags brickprof`` answers.
    """
    return str(_PACKAGE / "share/pkgconfig")
