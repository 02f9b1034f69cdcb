"""``brickprof tune``: kernels and functions of the user's own, and what is stored of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import brickprof as bp
from brickprof.cli import main, tune
from brickprof.tuning.outcome import TunedCandidate, Tuning
from brickprof.tuning.proof import Proof
from brickprof.tuning.tuned_blocks import tuned_blocks

SIZES = {"m": 60, "n": 50, "k": 40, "threads": 1}

OWN = """
import numpy as np

import brickprof as bp


def work(rows, kind="plain", profiler=None):
    if profiler is not None:
        with profiler.brick("own"), profiler.tile(bp.TileLevel.MICRO, 0, 0, elements=1, flops=rows):
            pass
    return np.arange(64).reshape(-1, rows).sum()


def silent(rows):
    work(rows)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the path of a Python file with functions to tune."""
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


@pytest.mark.parametrize("problem", [["gemm", "96", "80", "64"], ["attention", "--seq", "64"]])
def test_kernels(problem: list[str], own: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", *problem, "--threads", "1", "--rounds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problem"].startswith(problem[0])
    arguments = [one["arguments"] for one in found["candidates"]]
    assert found["default"] in arguments
    assert found["best"] in arguments
    assert found["tried"] <= found["space_size"]
    assert (found["wrong"], found["failed"]) == ([], [])
    assert found["proof"] is None or found["proof"]["fresh_process"]


def test_a_function_of_ones_own(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = ["--try", "rows=64,1,2,5", "--try", "kind=plain,0.5"]
    assert main(["tune", "python", f"{own}:work", *values, "--rounds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["default"] == {"rows": 64, "kind": "plain"}
    assert (found["space_size"], found["tried"]) == (8, 8)
    assert [one["arguments"] for one in found["failed"]] == [
        {"rows": 5, "kind": "plain"},
        {"rows": 5, "kind": 0.5},
    ]
    assert found["failed"][0]["error"].startswith("ValueError: cannot reshape")
    assert found["proof"] is None or found["proof"]["fresh_process"]
    assert found["proof"] is None or found["why"].keys() == {"default", "fastest"}


def test_functions_without_a_result(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["tune", "python", f"{own}:silent", "--try", "rows=1,2", "--rounds", "1"]
    assert main(command) == 1
    assert "fn must return its result" in capsys.readouterr().err
    assert main([*command, "--no-check"]) == 0
    assert "default" in capsys.readouterr().out


def faked(ratio: float) -> Tuning:
    """Return a tuning that found blocks."""
    candidates = (TunedCandidate({"mc": 28}, (5,)), TunedCandidate({"mc": 14}, (6,)))
    proof = Proof((ratio,) * 8, fresh=True)
    return Tuning({"mc": 14}, candidates, 2, 2, (), (), proof, 0.02, 1, 1)


@pytest.mark.parametrize(("ratio", "stored"), [(1.2, True), (1.01, False)])
def test_proved_blocks_are_stored_and_used_when_asked_for(
    ratio: float,
    stored: bool,
    own: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("brickprof.tuning.tune.tune", lambda *_, **__: faked(ratio))
    sizes = ["gemm", "60", "50", "40", "--threads", "1"]
    assert main(["tune", *sizes]) == 0
    out, err = capsys.readouterr()
    assert ("Use mc=28" in out) == stored
    assert ("stored " in err) == stored
    assert main([*sizes, "--tuned", "--json"]) == (0 if stored else 1)
    out, err = capsys.readouterr()
    if stored:
        levels = json.loads(out)["bricks"][0]["levels"]
        midi = next(level for level in levels if level["level"] == "MIDI")
        plan = bp.plan_gemm(60, 50, 40, threads=1, blocks=tuned_blocks("gemm", **SIZES))
        assert midi["tiles"] == 5 * plan.level(bp.TileLevel.MIDI).tiles
        assert plan.blocks.mc == 28
    else:
        assert "no tuned blocks are stored for gemm 60 x 50 x 40 float32" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: PROBLEM"),
        (["gemm", "1", "2"], "required: K"),
        (["python", "x.py:f"], "required: --try"),
        (["python", "x.py", "--try", "n=1"], "must be FILE:FUNCTION"),
        (["python", "x.py:f", "--try", "n"], "must be NAME=VALUE,VALUE,..., got 'n'"),
        (["python", "x.py:f", "--try", "n=1,,2"], "must be NAME=VALUE"),
        (["python", "x.py:f", "--try", "2=1"], "must be NAME=VALUE"),
        (["python", "x.py:f", "--try", "n=1", "--try", "n=2"], "each argument can be given once"),
        (["gemm", "1", "2", "3", "--margin", "-1"], "must be a finite number >= 0"),
        (["gemm", "1", "2", "3", "--rounds", "0"], "must be a whole number >= 1"),
    ],
)
def test_wrong_arguments(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("-2", -2), ("0.5", 0.5), ("1e3", 1000.0), ("a b", "a b")]
)
def test_values(text: str, value: Any) -> None:
    assert tune._value(text) == value
    assert type(tune._value(text)) is type(value)


def test_a_file_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "python", "nowhere.py:f", "--try", "n=1"]) == 1
    assert "nowhere.py" in capsys.readouterr().err
