"""The table of ``brickprof watch``: rates since the last look, and totals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.made_recordings import made, tiles

from brickprof.core.levels import TileLevel
from brickprof.recording import BrickInfo, Recording
from brickprof.reports import layout
from brickprof.reports.live_text import MAX_BRICKS, render

MICRO = TileLevel.MICRO


def run(count: int, brick: str = "gemm") -> Recording:
    """Return a recording of tiles of 1 ms, each of a million flops."""
    return made(
        [tiles(MICRO, [1_000_000] * count, flops=count * 10**6, brick=brick)],
        brick_infos=(BrickInfo(brick, 1, count * 1_250_000, 1),),
    )


def row(text: str, name: str) -> list[str]:
    """Return the cells of a row."""
    return next(line.split() for line in text.splitlines() if line.strip().startswith(name))


def test_rates_are_of_what_was_added() -> None:
    text = render(run(700), run(100), 2 * 10**9, title="process 5")
    assert text.startswith("process 5 · Test CPU 3000 · rates of the last 2.00 s\n")
    assert row(text, "gemm") == ["gemm", "37.5", "%", "875", "ms"]
    assert row(text, "Micro") == (
        ["Micro", "300", "1.00", "30.0", "%", "700", "1.00", "ms", "1.00", "700", "ms"]
    )


def test_the_first_look_has_totals_alone() -> None:
    text = render(run(100), title="run.json")
    assert row(text, "Micro") == ["Micro", "-", "-", "-", "100", "1.00", "ms", "1.00", "100", "ms"]
    assert "rates" not in text


def test_a_reset_in_between_leaves_no_rates() -> None:
    assert row(render(run(5), run(100), 10**9), "Micro")[1:4] == ["-", "-", "-"]


def test_a_brick_that_is_new_has_rates() -> None:
    assert row(render(run(5, "b"), run(100, "a"), 10**9), "Micro")[1] == "5.00"


def test_nothing_yet() -> None:
    empty = made((), brick_infos=(), machine=None, roofs=None)
    assert render(empty, title="process 5") == "process 5\n\nNo tiles yet.\n"


def test_open_tiles_are_told() -> None:
    assert "3 open" in render(replace(run(1), open_tiles=3))


def test_the_bricks_that_run_now_are_shown() -> None:
    def many(last: int) -> Recording:
        names = [f"brick {number}" for number in range(9)]
        infos = [BrickInfo(name, 1, 10**9 - 9 * ord(name[-1]), 1) for name in names]
        infos[last] = replace(infos[last], wall_ns=infos[last].wall_ns + 8)
        return made((), brick_infos=tuple(infos))

    text = render(many(8), many(7), 10**9)
    shown = [line[:7] for line in text.splitlines() if line.startswith("brick")]
    assert len(shown) == MAX_BRICKS and shown == sorted(shown) and shown[-1] == "brick 8"
    assert f"and {9 - MAX_BRICKS} more" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_lines_fit(width: int) -> None:
    name = "a name\x1b that is too long for its column"
    text = render(run(7, name), run(1, name), 10**9, console=layout.plain_console(width))
    assert max(map(len, text.splitlines())) <= width and r"\x1b" in text
