"""The door to pytest, which loads this module as a plugin (``pytest11`` in pyproject.toml).

It is imported at the start of every run of pytest, wherever brickprof is installed: neither NumPy
nor a compiled module is, until a test asks for a profiler.
"""

from __future__ import annotations

from typing import Any

from brickprof.core.importing import IMPORTING


def pytest_addoption(pluginmanager: Any) -> None:
    """Register the plugin itself, which adds its options then."""
    from brickprof.integrations.pytest import TilePlugin

    pluginmanager.register(TilePlugin(_new_profiler), "brickprof-tiles")


def _new_profiler(**options: Any) -> Any:
    """Return a new BrickProfiler."""
    with IMPORTING:
        from brickprof._profiler import BrickProfiler

    return BrickProfiler(**options)
