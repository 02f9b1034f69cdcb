"""The command line, verb by verb, at small sizes and with roofs that are made up."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made_recordings import MACHINE, ROOFS, healthy_tiles, made

import brickprof as bp
from brickprof.calibration import measurement as calibration
from brickprof.calibration.measurement import Effort
from brickprof.cli import VERBS, _output, demo, main, report
from brickprof.kernels.attention.spec import ATTENTION, AttentionProblem
from brickprof.kernels.gemm.spec import GEMM, GemmProblem
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.runtime.runtime import default_isa
from brickprof.recording import BrickInfo, Recording
from brickprof.reports import layout, render
from brickprof.roofline import Roofs, load_roofs, store_roofs

SMALL = ("96", "80", "64")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache folder of its own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def stored(cache: Path) -> Roofs:
    """Keep made-up roofs of this machine for one and two threads."""
    machine = bp.detect_machine()
    isa = default_isa()
    for threads in (2, 1):
        roofs = replace(
            ROOFS,
            threads=threads,
            isa=isa,
            cpu=machine.cpu,
            fingerprint=machine.fingerprint(),
            traffic_gbs={"L1 store": 1.0},
        )
        store_roofs(roofs, machine)
        store_roofs(replace(roofs, isa="base"), machine)
    return roofs


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make calibrations so short that their figures mean nothing."""
    monkeypatch.setattr(
        calibration, "QUICK", Effort("quick", 2, 20_000, 20_000, 1 << 20, least_l3=1)
    )


def as_json(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    """Run a command that must succeed and return the JSON that it prints."""
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def failure(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 1) -> str:
    """Run a command that must fail and return its error."""
    assert main(list(argv)) == code
    captured = capsys.readouterr()
    if code == 1:
        assert captured.err.startswith("brickprof: ")
        assert captured.err.count("\n") == 1
    return captured.err


def in_process(*argv: str, blocked: bool = False, **environment: str) -> Any:
    """Run a command in a process of its own, with or without the compiled modules."""
    compiled = ("_kernels", "profiler.brick_profiler", "profiler.recorder", "kernels.arrays")
    names = compiled if blocked else ()
    code = (
        f"import sys; sys.modules.update({{'brickprof.' + name: None for name in {names}}}); "
        "from brickprof.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *argv],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def saved(folder: Path, name: str, recording: Recording) -> str:
    return str(recording.save(folder / name))


# The program as a whole.


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"brickprof {bp.__version__}\n"
    assert main(["--help"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert [verb.NAME for verb in VERBS if f"{verb.NAME} {verb.HELP}" in output] == [
        "demo", *(kernel.name for kernel in KERNELS),
        "machine", "calibrate", "sweep", "tune", "run", "count", "report", "compare", "merge",
        "watch",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", [verb.NAME for verb in VERBS])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"usage: brickprof {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "VERB"),
        (["gem"], "gem"),
        (["gemm", "8", "8"], "K"),
        (["gemm", "8", "8", "0"], "argument K: must be a whole number >= 1, got '0'"),
        (["gemm", "8", "-8", "8"], "-8"),
        (["gemm", "8", "8", "8", "--dtype", "float16"], "--dtype"),
        (["gemm", "8", "8", "8", "--isa", "mmx"], "--isa"),
        (["gemm", "8", "8", "8", "--threads", "4097"], "--threads: must be at most 4096"),
        (["gemm", "8", "8", "8", "--repeat", "0"], "--repeat"),
        (["attention", "--heads", "12", "--kv-heads", "5"], "must divide --heads 12, got 5"),
        (["sweep", "--counts", "1,,2"], "--counts"),
        (["sweep", "gemm", "8", "8"], "K"),
        (["report"], "FILE"),
        (["report", "x", "--format", "pdf"], "--format"),
        (["compare", "x"], "B"),
    ],
)
def test_wrong_arguments_exit_with_2(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in failure(capsys, *argv, code=2)


def test_an_interrupt_exits_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "run", interrupted)
    assert failure(capsys, "report", "x", code=130) == "brickprof: interrupted\n"


def test_errors_that_are_bugs_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "run", lambda args: args.missing)
    with pytest.raises(AttributeError):
        main(["report", "x"])


def test_python_m() -> None:
    command = [sys.executable, "-m", "brickprof", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"brickprof {bp.__version__}\n"


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.json", made())
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "brickprof", "report", path],
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_narrow_encoding_is_no_error(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.json", made())
    for environment in (
        {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ):
        done = in_process("report", path, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "brickprof 0.1.0 - Test CPU 3000" in done.stdout


def test_what_needs_no_compiled_module(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.json", made())
    shown = in_process("report", path, blocked=True)
    assert (shown.stdout, shown.returncode) == (render("text", made()), 0)
    for argv in (
        ["--help"],
        ["gemm", "--help"],
        ["compare", path, path],
        ["machine"],
        ["watch", path, "--count", "1"],
    ):
        done = in_process(*argv, blocked=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_missing_compiled_modules_are_told_in_one_line() -> None:
    done = in_process("gemm", *SMALL, blocked=True)
    assert done.returncode == 1
    assert done.stderr.startswith("brickprof: the compiled modules cannot be loaded")
    assert done.stderr.count("\n") == 1


# gemm and attention.


def test_gemm_prints_the_report_of_what_it_saves(
    stored: Roofs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    assert main(["gemm", *SMALL, "--threads", "1", "--save", str(path)]) == 0
    captured = capsys.readouterr()
    recording = bp.load_recording(path)
    assert recording.roofs == stored
    assert captured.out == render("text", recording)
    assert captured.err == f"saved {path}\n"
    assert main(["report", str(path)]) == 0
    assert capsys.readouterr().out == captured.out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gemm_json(stored: Roofs, dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = as_json(capsys, "gemm", *SMALL, "--dtype", dtype, "--repeat", "3", "--isa", "base")
    (brick,) = output["bricks"]
    assert (brick["name"], brick["dtype"], brick["calls"]) == ("gemm", dtype, 3)
    assert [level["flops"] for level in brick["levels"]] == [3 * 2 * 96 * 80 * 64] * 3
    assert (output["roofs"]["isa"], output["roofs"]["dtype"]) == ("base", dtype)


def test_a_file_that_cannot_be_saved_is_found_out_before_the_run(
    stored: Roofs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "missing" / "run.json"
    assert main(["gemm", *SMALL, "--threads", "1", "--save", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"brickprof: {path}: No such file or directory\n"
    assert main(["demo", "--save", str(tmp_path)]) == 1
    assert capsys.readouterr() == ("", f"brickprof: {tmp_path}: Is a directory\n")


def test_roofs_are_those_of_the_threads_that_worked(
    stored: Roofs, capsys: pytest.CaptureFixture[str]
) -> None:
    one = as_json(capsys, "gemm", "1", "1", "1", "--threads", "2")
    assert one["bricks"][0]["threads"] == one["roofs"]["threads"] == 1
    two = as_json(capsys, "gemm", "256", "256", "64", "--threads", "2")
    assert two["bricks"][0]["threads"] == two["roofs"]["threads"] == 2


def test_gemm_calibrates_where_no_roofs_are_stored(
    tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    output = as_json(capsys, "gemm", *SMALL, "--threads", "1")
    assert output["roofs"]["method"] == "quick"
    kept = load_roofs(bp.detect_machine(), 1, isa=default_isa())
    assert kept is not None
    assert kept.to_json() == output["roofs"]


def test_arrays_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    error = failure(capsys, "gemm", "10000000", "10000000", "10")
    assert "gemm 10000000 x 10000000 x 10 float32 needs 364 TiB of arrays" in error
    error = failure(capsys, "sweep", "attention", "--seq", "100000000000")
    assert "attention 1 x 12 heads, 100000000000 rows" in error


def test_an_isa_that_this_cpu_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    lacking = next(isa for isa in ("neon", "avx2") if isa not in bp.isas())
    assert "isa" in failure(capsys, "gemm", *SMALL, "--isa", lacking)


def test_attention_json(stored: Roofs, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"heads": 4, "kv-heads": 2, "rows": 48, "keys": 64, "dim": 32, "batch": 2, "repeat": 2}
    options = [f"--{name}={size}" for name, size in sizes.items()]
    output = as_json(capsys, "attention", *options, "--causal", "--threads=1")
    (brick,) = output["bricks"]
    assert (brick["name"], brick["calls"]) == ("attention", 2)
    pairs = sum(row + 1 + 64 - 48 for row in range(48))
    assert brick["levels"][0]["flops"] == 2 * 8 * pairs * 4 * 32


def test_problems_know_their_size() -> None:
    gemm = GemmProblem(3, 5, 7, "float64")
    assert (gemm.elements, gemm.nbytes, gemm.flops) == (15, 8 * (21 + 35 + 15), 210)
    problem = AttentionProblem(heads=4, rows=6, dim=8, kv_heads=2, keys=10, batch=3)
    assert problem.elements == 3 * 4 * 6 * 8
    assert problem.nbytes == 4 * (2 * 3 * 4 * 6 * 8 + 2 * 3 * 2 * 10 * 8)
    assert problem.flops == 4 * 3 * 4 * 6 * 10 * 8
    assert problem.label == "attention 3 x 4 heads, 6 rows x 10 keys x 8, 2 key heads"


# demo.


def test_demo_profiles_three_kernels(
    stored: Roofs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = (GEMM, GemmProblem(64, 64, 64)), (ATTENTION, AttentionProblem(2, 64, 32))
    monkeypatch.setattr(demo, "PROBLEMS", problems)
    monkeypatch.setattr(demo, "SIZE", 256)
    path = tmp_path / "demo.json"
    output = as_json(capsys, "demo", "--save", str(path))
    assert {brick["name"] for brick in output["bricks"]} == {"gemm", "attention", "NumPy blocks"}
    for brick in output["bricks"]:
        by_hand = brick["name"] == "NumPy blocks"
        levels = ["MACRO", "MIDI"] if by_hand else ["MACRO", "MIDI", "MICRO"]
        assert brick["flops_agree"]
        assert [level["level"] for level in brick["levels"]] == levels
        assert {level["bytes_basis"] for level in brick["levels"]} == {"declared"}
    assert output["roofs"]["threads"] == 1
    assert main(["demo"]) == 0
    assert "What to look at next" in capsys.readouterr().out
    assert bp.load_recording(path).brick_info("NumPy blocks").calls == demo.REPEATS


def test_the_product_by_hand_is_right_and_counts_its_work() -> None:
    profiler = bp.BrickProfiler(clock="manual")
    profiler.enable_tile_profiling()
    a, b, c = demo.record_product(profiler, 512, 2)
    np.testing.assert_allclose(c, a.astype(float) @ b, rtol=1e-5)
    macro, midi, micro = profiler.all_tile_stats()
    blocks = 2 * (512 // 128) ** 3
    assert (macro.count, midi.count, micro.count) == (2 * 2, blocks, 0)
    assert macro.flops == midi.flops == blocks * (2 * 128**3 + 128**2)
    assert macro.elements == 2 * 512 * 512
    assert midi.nbytes == blocks * 6 * 4 * 128 * 128
    assert macro.nbytes == blocks * 4 * 4 * 128 * 128


# machine and calibrate.


def test_machine(stored: Roofs, capsys: pytest.CaptureFixture[str]) -> None:
    machine = bp.detect_machine()
    output = as_json(capsys, "machine")
    assert output["machine"] == machine.to_json()
    assert output["budget"]["usable"] == machine.usable_cores
    assert [(one["threads"], one["isa"]) for one in output["roofs"]] == sorted(
        {(threads, isa) for threads in (1, 2) for isa in (default_isa(), "base")}
    )
    assert main(["machine"]) == 0
    text = capsys.readouterr().out
    assert machine.cpu in text
    assert "Stored roofs" in text
    assert all(name in text for name in ("L1", "L2", "L3", "Budget", "DRAM"))
    assert max(map(len, text.splitlines())) <= layout.WIDTH


def test_machine_without_roofs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machine"]) == 0
    assert "No stored roofs: run `brickprof calibrate`." in capsys.readouterr().out
    assert as_json(capsys, "machine")["roofs"] == []


def test_calibrate_prints_and_stores(tiny: None, capsys: pytest.CaptureFixture[str]) -> None:
    machine = bp.detect_machine()
    assert main(["calibrate", "--threads", "1", "--dtype", "float64"]) == 0
    text = capsys.readouterr().out
    kept = load_roofs(machine, 1, "float64", default_isa())
    assert kept is not None
    assert f"· {kept.isa} · quick · " in text
    assert re.findall(r"^(L1|L2|L3|DRAM) +.*flop/byte", text, re.MULTILINE) == [
        "L1",
        "L2",
        "L3",
        "DRAM",
    ]
    assert re.search(r"^Stored in\s\S+\n\Z", text, re.MULTILINE)


def test_calibrate_tells_that_better_roofs_stay(
    stored: Roofs, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--threads", "1"]) == 0
    assert (
        "Kept are the better figures of this and earlier measurements of 1 thread"
        in capsys.readouterr().out
    )
    kept = load_roofs(bp.detect_machine(), 1, isa=default_isa())
    assert kept is not None
    assert all(kept.bandwidth_gbs[name] >= rate for name, rate in stored.bandwidth_gbs.items())


def test_calibrate_forces_and_forgets(
    stored: Roofs, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = bp.detect_machine()
    output = as_json(capsys, "calibrate", "--threads", "1", "--force")
    forced = Roofs.from_json(output["roofs"][0])
    assert load_roofs(machine, 1, isa=forced.isa) in (forced, None)
    assert as_json(capsys, "calibrate", "--forget")["forgotten"] >= 0
    assert load_roofs(machine, 1, isa=forced.isa) is None
    assert main(["calibrate", "--forget"]) == 0
    assert capsys.readouterr().out.split()[:5] == ["No", "roofs", "were", "stored", "in"]


def test_calibrate_json_for_one_thread_and_the_default(
    tiny: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("brickprof.planning.budget._chosen", 2)
    output = as_json(capsys, "calibrate", "--isa", "base")
    assert [one["threads"] for one in output["roofs"]] == [1, 2]
    # Read as they were written: figures of so short rounds may be such as no machine has.
    stored = json.loads(Path(output["path"]).read_text())["roofs"]
    assert stored == output["roofs"]
    assert all(Roofs.from_json(one).isa == "base" for one in stored)


def test_calibrate_shows_what_it_cannot_store(
    tiny: None, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("a file where the folder should be")
    assert main(["calibrate", "--threads", "1"]) == 1
    captured = capsys.readouterr()
    assert "DRAM" in captured.out
    assert captured.err.startswith("brickprof: cannot store roofs in ")


def test_progress_is_drawn_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with _output.progress_bar("measuring") as tell:
        assert tell is None
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with _output.progress_bar("measuring") as tell:
        assert tell is not None
        tell(0.5, "warming up")
    assert "measuring" in screen.getvalue()
    assert "warming up" in screen.getvalue()


def test_progress_says_how_long_the_rest_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen, now = Terminal(), [50.0]
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with _output.progress_bar("tuning [x]", lambda: now[0]) as tell:
        assert tell is not None
        for at, fraction, what in (
            (50.0, 0.0, "a [b] \x1b]0;c"),
            (50.5, 0.9, "early"),
            (50.55, 0.9, "too soon after the one before"),
            (52.0, 0.25, "later"),
            (90.0, 1.0, "done"),
        ):
            now[0] = at
            tell(fraction, what)
    drawn = screen.getvalue()
    assert drawn.count(" left ") == drawn.count(" 6 s left ") == 1
    assert "tuning [x]" in drawn and r"a [b] \x1b]0;c" in drawn and "\x1b]0" not in drawn
    assert "early" in drawn and "too soon" not in drawn


@pytest.mark.parametrize(
    ("elapsed_s", "fraction", "text"),
    [
        (0.9, 0.5, ""),
        (5.0, 0.0, ""),
        (5.0, 1.0, ""),
        (1.0, 0.5, "1 s left"),
        (3.0, 0.1, "27 s left"),
        (33.0, 0.25, "99 s left"),
        (60.0, 1 / 3, "2 min left"),
        (12.0, 1e-4, "2,000 min left"),
    ],
)
def test_time_left(elapsed_s: float, fraction: float, text: str) -> None:
    assert _output.time_left(elapsed_s, fraction) == text


@pytest.mark.parametrize("verb", ["gemm", "demo"])
def test_profiling_tells_its_progress(
    verb: str,
    stored: Roofs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[tuple[float, str]] = []

    @contextmanager
    def bar(title: str) -> Iterator[Callable[[float, str], None]]:
        yield lambda fraction, what: told.append((fraction, what))

    monkeypatch.setattr(f"brickprof.cli.{'demo' if verb == 'demo' else '_runs'}.progress_bar", bar)
    monkeypatch.setattr(demo, "PROBLEMS", ())
    monkeypatch.setattr(demo, "SIZE", 128)
    argv = [*SMALL, "--threads", "1", "--repeat", "3"] if verb == "gemm" else []
    assert main([verb, *argv]) == 0
    assert [fraction for fraction, _ in told] == ([0, 0.25, 0.5, 0.75] if verb == "gemm" else [0])
    assert told[-1][1] == ("run 3 of 3" if verb == "gemm" else "NumPy blocks")


# report and compare.


def test_report_merges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = made(), made(healthy_tiles(slower=2))
    paths = [saved(tmp_path, "a.json", a), saved(tmp_path, "b.json", b)]
    assert main(["report", *paths]) == 0
    assert capsys.readouterr().out == render("text", bp.merge_recordings([a, b]))
    for argv in (["--format", "json", paths[0]], ["--json", paths[0]], [paths[0], "--json"]):
        assert main(["report", *argv]) == 0
        assert capsys.readouterr().out == render("json", a)


def test_report_of_huge_integers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(saved(tmp_path, "a.json", made()))
    data = json.loads(path.read_text())
    data["tiles"][0]["flops"] = 10**320
    path.write_text(json.dumps(data))
    assert "tiles[0].flops: expected an integer of at most" in failure(capsys, "report", str(path))


def test_an_overflow_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "run", lambda args: float(10**400))
    assert "too large" in failure(capsys, "report", "x")


@pytest.mark.parametrize("content", ["", "{", '{"schema": "other"}', "[1, 2]"])
def test_report_of_a_damaged_file(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(content)
    assert str(path) in failure(capsys, "report", str(path))
    assert str(path) in failure(capsys, "compare", str(path), str(path))


def test_report_of_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing.json"
    assert failure(capsys, "report", str(path)) == f"brickprof: {path}: No such file or directory\n"


def test_compare_a_slower_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = healthy_tiles(slower=2)
    a = saved(tmp_path, "a.json", made())
    b = saved(
        tmp_path, "b.json", made(slower, brick_infos=(BrickInfo("gemm", 3, 2 * 1_100_000, 1),))
    )
    output = as_json(capsys, "compare", a, b)
    assert output["same_machine"] is True
    assert output["notes"] == []
    assert [row["level"] for row in output["rows"]] == [None, "MACRO", "MIDI", "MICRO"]
    for row in output["rows"]:
        assert row["time_ratio"] == pytest.approx(2)
        assert row["gflops_ratio"] == pytest.approx(0.5)
        assert row["b"]["efficiency"] == pytest.approx(row["a"]["efficiency"] / 2)
    assert output["rows"][0]["a"]["time_ns"] == pytest.approx(1_100_000 / 3)
    assert main(["compare", a, b]) == 0
    lines = capsys.readouterr().out.splitlines()
    macro = next(" ".join(line.split()) for line in lines if line.strip().startswith("Macro"))
    assert macro == "Macro 360 µs 720 µs - - - cannot tell"
    rates = [" ".join(line.split()) for line in lines if line.strip().startswith("Macro")]
    assert rates[1] == "Macro 74.1 37.0 0.500x 92.6 % 46.3 %"
    assert max(map(len, lines)) <= layout.WIDTH


def test_compare_says_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(MACHINE, cpu="Other CPU")
    halved = [replace(one, flops=one.flops // 2) for one in healthy_tiles()]
    a = saved(tmp_path, "a.json", made())
    b = saved(tmp_path, "b.json", made(halved, machine=other, roofs=None))
    output = as_json(capsys, "compare", a, b)
    assert output["same_machine"] is False
    assert output["notes"] == [
        "The machines differ: A ran on Test CPU 3000, B on Other CPU.",
        "Efficiencies are held against different roofs.",
        "The problems differ: gemm does 26,666,667 flops a call in A, 13,333,333 in B.",
    ]
    assert output["rows"][1]["b"]["efficiency"] is None
    unknown = saved(tmp_path, "c.json", made(machine=None))
    assert as_json(capsys, "compare", a, unknown)["same_machine"] is None


def test_compare_bricks_that_only_one_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "[bold]a\nvery long name of a kernel"
    lone = made(healthy_tiles(brick=name), brick_infos=(BrickInfo(name, 0, 1_100_000, 1),))
    a, b = saved(tmp_path, "a.json", made()), saved(tmp_path, "b.json", lone)
    output = as_json(capsys, "compare", a, b)
    assert [(row["brick"], row["a"] is None, row["b"] is None) for row in output["rows"]] == [
        *[("gemm", False, True)] * 4,
        *[(name, True, False)] * 4,
    ]
    assert all(row["time_ratio"] is None for row in output["rows"])
    assert output["rows"][4]["b"]["time_ns"] == 1_100_000
    assert main(["compare", a, b]) == 0
    text = capsys.readouterr().out
    assert "[bold]a\\nvery long …" in text
    assert max(map(len, text.splitlines())) <= layout.WIDTH
