"""``%%tiles`` in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

import brickprof as bp

CELL = """
import brickprof as bp
with prof.tile(bp.TileLevel.MICRO, 3, 1, elements=1, flops=2):
    total = sum(range(1000))
total
"""


@pytest.fixture
def shell() -> Iterator[Any]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "brickprof")
    yield shell
    shell.history_manager.enabled = False
    InteractiveShell.clear_instance()


def run(shell: Any, line: str, cell: str) -> CapturedIO:
    """Run a cell under the magic and return what it displayed."""
    with capture_output() as shown:
        shell.run_cell_magic("tiles", line, cell)
    return shown


def test_a_cell_is_profiled_and_shown(shell: Any) -> None:
    shown = run(shell, "blur --grid 8", CELL)
    prof = shell.user_ns["prof"]
    stats = prof.tile_stats(bp.TileLevel.MICRO, "blur")
    assert (stats.count, stats.flops) == (1, 2)
    assert [(cell.row, cell.col) for cell in stats.grid.cells] == [(3, 1)]
    assert shell.user_ns["total"] == 499500
    assert "499500" in shown.stdout
    (output,) = shown.outputs
    assert "blur" in output.data["text/html"]


def test_options_are_those_of_the_profiler(shell: Any) -> None:
    run(shell, "--events 5 --sample-every 2", "x = 1")
    prof = shell.user_ns["prof"]
    assert (prof.events, prof.sample_every, prof.grid) == (5, 2, 0)


def test_options_that_make_no_profiler_are_usage_errors(shell: Any) -> None:
    with pytest.raises(UsageError, match="grid must be"):
        shell.run_cell_magic("tiles", "--grid 1", "x = 1")
    assert "prof" not in shell.user_ns


def test_a_cell_that_fails_shows_what_it_recorded(shell: Any) -> None:
    shown = run(shell, "blur", f"{CELL}1 / 0")
    assert "ZeroDivisionError" in shown.stdout
    assert "blur" in shown.outputs[-1].data["text/html"]
