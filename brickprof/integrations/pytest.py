"""pytest: the fixture ``tile_profiler``, and options that hold tests against stored recordings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from brickprof.profiler.brick_profiler import BrickProfiler

FOLDER = ".brickprof"
"""Where recordings are stored, in the root directory of the tests."""

_PROFILER: pytest.StashKey[Any] = pytest.StashKey()
"""A test's profiler, while the fixture is in use."""

_MARKER = (
    "brickprof(repeat=1): record the calls of NumPy, SciPy and PyTorch in this test under "
    "--brickprof, and run its function this many times"
)
_SWITCHES = ("brickprof", "brickprof_all", "brickprof_save", "brickprof_append")
_VALUES = ("brickprof_more", "brickprof_fail_above")


class TilePlugin:
    """Options, marker and fixtures; the hooks around tests are added where an option asks for them.

    Parameters
    ----------
    new_profiler : callable
        Makes a BrickProfiler, with its options as keywords.
    """

    def __init__(self, new_profiler: Callable[..., BrickProfiler]) -> None:
        self._new_profiler = new_profiler

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Add the options."""
        group = parser.getgroup("brickprof", "tile profiles of tests")
        group.addoption(
            "--brickprof",
            action="store_true",
            help="compare tests that use the fixture tile_profiler, or are marked with "
            "@pytest.mark.brickprof, with their stored recordings",
        )
        group.addoption(
            "--brickprof-all",
            action="store_true",
            help="the same of all tests, in which calls of NumPy, SciPy and PyTorch are tiles",
        )
        group.addoption(
            "--brickprof-save",
            action="store_true",
            help="store the recordings of tests that pass, instead of those that are there",
        )
        group.addoption(
            "--brickprof-append",
            action="store_true",
            help="store them beside those that are there: each is one run of a comparison",
        )
        group.addoption(
            "--brickprof-dir",
            metavar="DIR",
            help=f"folder of the stored recordings (default: {FOLDER} in the root directory)",
        )
        group.addoption(
            "--brickprof-more",
            metavar="DIR",
            help="folder with recordings of this build, which are compared beside this run's",
        )
        group.addoption(
            "--brickprof-fail-above",
            metavar="P%",
            type=_percentage,
            help="fail a test in which a brick or level is slower by more than this, such as "
            "5%%, with the whole interval of its change above it",
        )

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the marker, and the hooks around tests where an option asks for them."""
        config.addinivalue_line("markers", _MARKER)
        option = config.option
        if not any(getattr(option, name) for name in _SWITCHES) and all(
            getattr(option, name) is None for name in _VALUES
        ):
            return
        if pytest.version_tuple < (8,):
            raise pytest.UsageError(f"--brickprof needs pytest 8, got {pytest.__version__}")
        if option.brickprof_save and option.brickprof_append:
            raise pytest.UsageError("--brickprof-save and --brickprof-append exclude each other")
        # Absolute, before processes of pytest-xdist get them.
        folder = config.rootpath / FOLDER
        for name in ("brickprof_dir", "brickprof_more"):
            given = getattr(option, name)
            if given is not None:
                setattr(option, name, os.path.join(config.invocation_params.dir, given))
        option.brickprof_dir = option.brickprof_dir or str(folder)
        if option.brickprof_more and not os.path.isdir(option.brickprof_more):
            raise pytest.UsageError(f"--brickprof-more: no folder {option.brickprof_more}")
        from brickprof.integrations.recorded_tests import RecordedTests

        config.pluginmanager.register(
            RecordedTests(config, self._new_profiler, _PROFILER), "brickprof-recordings"
        )

    @pytest.fixture
    def tile_profiler_options(self) -> dict[str, Any]:
        """Keywords of the BrickProfiler that tile_profiler is: define it anew to set some."""
        return {}

    @pytest.fixture
    def tile_profiler(
        self, request: pytest.FixtureRequest, tile_profiler_options: dict[str, Any]
    ) -> Iterator[BrickProfiler]:
        """A new BrickProfiler, which is on during the test."""
        with self._new_profiler(**tile_profiler_options) as profiler:
            request.node.stash[_PROFILER] = profiler
            yield profiler
        del request.node.stash[_PROFILER]


def _percentage(text: str) -> float:
    """Read a percentage for argparse."""
    from brickprof.core.checks import checked_percentage

    try:
        return checked_percentage(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
