"""What is said of calls of a library is about how it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.made_recordings import ROOFS, healthy_tiles, made

from brickprof.core.levels import TileLevel
from brickprof.diagnose import diagnose
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.summary import summarize
from brickprof.recording import Recording


def called(slower: float, calls: int = 100, threads: int = 1) -> Recording:
    """Return the Micro tiles of a GEMM, some times slower, as calls of a library."""
    tiles = [tile for tile in healthy_tiles(slower) if tile.level is TileLevel.MICRO]
    info = replace(made().brick_infos[0], calls=calls, threads=threads, threads_inside=threads)
    return made(tiles, brick_infos=(info,), roofs=replace(ROOFS, threads=threads))


def only(recording: Recording) -> Finding:
    """Return the only finding."""
    (finding,) = diagnose(recording)
    return finding


@pytest.mark.parametrize(
    ("slower", "calls", "said"),
    [
        (1.1, 100, "near what the machine can do"),
        (5.0, 2, "Of few calls"),
        (5.0, 100, "before it computes"),
        (50.0, 100, "does not tell"),
    ],
)
def test_the_cause_is_about_the_call(slower: float, calls: int, said: str) -> None:
    finding = only(called(slower, calls))
    assert (finding.code, finding.level) == ("library-call", TileLevel.MICRO)
    assert said in finding.cause
    assert "vector" not in finding.cause + finding.action
    assert (finding.weight == 0) == (calls == 2)


def test_little_work_on_several_threads_is_told() -> None:
    assert "waking 2 threads" in only(called(50.0, threads=2)).cause
    assert "waking" not in only(called(50.0, threads=1)).cause


@pytest.mark.parametrize("operation", ["addmm", "multiply"])
def test_products_that_memory_bounds_are_to_be_batched(operation: str) -> None:
    recording = called(50.0)
    (tile,) = recording.tiles
    name = f"serve.py:7 {operation}"
    info = replace(recording.brick_infos[0], name=name, call_paces=())
    few = replace(tile, brick=name, flops=tile.nbytes // 4)
    finding = only(replace(recording, tiles=(few,), brick_infos=(info,)))
    assert ("a batch" in finding.action) == (operation == "addmm")
    assert ("computes 0.250 flop/byte" in finding.cause) == (operation == "addmm")


def test_levels_of_calls_add_up() -> None:
    recording = called(1.1)
    (tile,) = recording.tiles
    midi = replace(tile, level=TileLevel.MIDI, flops=3 * tile.flops)
    infos = (replace(recording.brick_infos[0], call_paces=()),)
    both = replace(recording, tiles=(midi, tile), brick_infos=infos)
    (brick,) = summarize(both).bricks
    assert brick.run_gflops == 4 * tile.flops / recording.brick_infos[0].wall_ns
    assert brick.flops_agree
    assert not [note for note in brick.notes if "different flops" in note]


def test_calls_are_held_against_the_roofs_of_all_threads_of_the_library() -> None:
    for threads in (1, 2):
        (brick,) = summarize(called(1.0, threads=threads)).bricks
        assert brick.roofs is not None
        assert brick.roofs.peak_gflops == ROOFS.peak_gflops
        assert brick.levels[0].attainable_gflops == ROOFS.peak_gflops


def test_rules_about_the_tiles_of_a_kernel_are_silent() -> None:
    recording = called(1.1)
    (tile,) = recording.tiles
    macro = replace(tile, level=TileLevel.MACRO)
    codes = {one.code for one in diagnose(replace(recording, tiles=(macro,)))}
    assert codes <= {"library-call", "above-roof", "page-faults"}
