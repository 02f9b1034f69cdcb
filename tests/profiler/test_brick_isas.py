"""The instruction set of a brick: it is in the recording and selects the roofs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.entry_points import MICRO, manual, micro
from support.made_recordings import ROOFS

from brickprof import BrickProfiler, detect_machine, load_recording
from brickprof.machine import isas
from brickprof.roofline import store_roofs


@pytest.fixture(autouse=True)
def choice() -> Iterator[None]:
    """Let each test, and what comes after, read BRICKPROF_ISA anew."""
    isas._forget_choice()
    yield
    isas._forget_choice()


def test_a_brick_holds_what_it_was_entered_with(tmp_path: Path) -> None:
    prof = manual()
    with prof.brick("a", isa="base"):
        micro(prof)
    with prof.recorders("a", 2, "float64", None, "avx2"), prof.brick("untold"):
        micro(prof)
    with prof.brick("a", isa="base"), prof.brick("b", "float32", None, np.str_("sve")):
        micro(prof)
    rec = prof.recording()
    assert {info.name: info.isas for info in rec.brick_infos} == {
        "a": ("avx2", "base"),
        "b": ("sve",),
        "untold": (),
    }
    assert rec.isas == ("avx2", "base", "sve")
    assert load_recording(rec.save(tmp_path / "run.json")) == rec


def test_reset_forgets_the_instruction_sets() -> None:
    prof = manual()
    with prof.brick("a", isa="base"):
        micro(prof)
    prof.reset_tile_stats()
    with prof.brick("a", isa="avx2"):
        micro(prof)
    assert prof.recording().brick_info("a").isas == ("avx2",)


def test_a_brick_entered_while_off_tells_nothing() -> None:
    prof = manual()
    prof.disable_tile_profiling()
    with prof.brick("a", isa="base"):
        prof.enable_tile_profiling()
        micro(prof)
    assert prof.recording().isas == ()


def stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store roofs of this machine for its best instruction set and for one called other."""
    machine = detect_machine()
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(folder))
    monkeypatch.delenv("BRICKPROF_ISA", raising=False)
    for isa in {machine.isa, "other"}:
        roofs = replace(ROOFS, isa=isa, cpu=machine.cpu, fingerprint=machine.fingerprint())
        store_roofs(roofs, machine)


def roofs_isa(*names: str | None) -> str | None:
    """Return what roofs a recording of bricks with these instruction sets is held against."""
    prof = BrickProfiler(clock="clock_gettime")
    prof.enable_tile_profiling()
    for number, isa in enumerate(names):
        with prof.brick(f"k{number}", isa=isa):
            prof.stop_tile(prof.start_tile(MICRO, 0, 0), 0, 0)
    roofs = prof.recording().roofs
    return None if roofs is None else roofs.isa


def test_the_roofs_are_those_of_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, monkeypatch)
    best = detect_machine().isa
    assert roofs_isa() == best
    assert roofs_isa(None) == best
    assert roofs_isa("other") == "other"
    assert roofs_isa("other", None, "other") == "other"
    assert roofs_isa("other", "another") == best
    assert roofs_isa("another") is None


def test_a_wrong_variable_costs_no_recording_of_tiles_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, monkeypatch)
    monkeypatch.setenv("BRICKPROF_ISA", "mmx")
    assert roofs_isa("other") == "other"
    assert roofs_isa(None) == detect_machine().isa
    assert roofs_isa("other", "another") == detect_machine().isa
    monkeypatch.setenv("BRICKPROF_ISA", detect_machine().isas[-1])
    assert roofs_isa(None) in {None, detect_machine().isas[-1]}
