"""What the examples print, and what sweeps call in them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import brickprof as bp
import numpy as np
import pytest

import instrumented_forward

pytestmark = pytest.mark.usefixtures("made_up_roofs")


def default_threads() -> int:
    """Return on how many threads a large enough product runs that names no count."""
    a = np.ones((512, 512), np.float32)
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    bp.gemm(a, a, profiler=profiler)
    return profiler.recording().brick_info("gemm").threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_instrumented_forward_pass(
    threads: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, saved = default_threads(), tmp_path / "run.json"
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", str(threads))
    command = ["", "--layers", "3", "--past", "20", "--tokens", "4", "--save", str(saved)]
    monkeypatch.setattr(sys, "argv", command)
    instrumented_forward.main()
    out = capsys.readouterr().out
    assert f"Threads:    {threads} (by BRICKPROF_NUM_THREADS)" in out
    assert re.search(r"^Throughput: [\d.]+ tok/s$", out, re.MULTILINE)
    assert re.search(r"^Per token:  [\d.]+ .s \(", out, re.MULTILINE)
    stats = bp.load_recording(saved).tile_stats(bp.TileLevel.MACRO, "decode")
    # Three layers, five steps, of which one warms up.
    assert stats.count == 3 * 5 * threads
    assert default_threads() == before


def test_a_bad_thread_count_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "many")
    monkeypatch.setattr(sys, "argv", [""])
    with pytest.raises(SystemExit, match="2"):
        instrumented_forward.main()
    assert "BRICKPROF_NUM_THREADS must be" in capsys.readouterr().err


def test_a_recording_that_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["", "--tokens", "1", "--save", str(tmp_path / "no" / "x")])
    with pytest.raises(SystemExit, match="2"):
        instrumented_forward.main()
    assert "No such file or directory" in capsys.readouterr().err


def test_what_a_sweep_calls() -> None:
    sweep = bp.sweep_threads(instrumented_forward.forward, [1, 2], rounds=2)
    assert [point.threads for point in sweep] == [1, 2]
