"""``brickprof sweep``: its table, its JSON, its picture, and functions of the user's own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from brickprof.cli import main, make_parser, sweep
from brickprof.kernels.gemm.spec import GemmProblem
from brickprof.planning.budget import thread_budget
from brickprof.tuning.scalability import Scalability
from brickprof.tuning.sweep import Sweep, SweepPoint

SMALL = ("96", "80", "64")

OWN = """
called = []


def work(threads):
    called.append(threads)
    if len(called) > 6:
        print("called with", *called)


number = 3
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    """Return the path of a Python file with a function that tells what it was called with."""
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


@pytest.mark.parametrize("problem", [["gemm", *SMALL], ["attention", "--seq", "32", "--dim", "16"]])
def test_kernels(problem: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--counts", "1,2,2", "--rounds", "2", "--json", *problem]) == 0
    output = json.loads(capsys.readouterr().out)
    found = Sweep.from_json(output["sweep"])
    assert [point["threads"] for point in output["points"]] == [1, 2]
    assert output["points"][0]["speedup"] == 1
    for told_point, point in zip(output["points"], found, strict=True):
        assert told_point["throughput"] == found.throughput(point)
        assert tuple(told_point["interval_ns"]) == point.interval_ns
        assert told_point["best_ns"] <= told_point["median_ns"] == point.median_ns
    assert output["best_threads"] == found.best.threads
    assert found.scalability is not None
    assert (output["model_law"], output["r_squared"]) == (
        found.scalability.law,
        found.scalability.r_squared,
    )
    assert output["caveats"][0].startswith("Two thread counts")
    assert output["optimal_threads"] == output["budget"] == thread_budget()
    if problem[0] == "gemm":
        assert found.work == GemmProblem(96, 80, 64).flops / 1e9
        assert found.unit == "GFLOP"


def test_options_before_and_after_the_problem(capsys: pytest.CaptureFixture[str]) -> None:
    before = ["--counts", "1,1", "--isa", "base"]
    assert main(["sweep", *before, "gemm", "8", "8", "8", "--rounds", "2", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert ([point["threads"] for point in output["points"]], output["rounds"]) == ([1], 2)
    assert (output["model_law"], output["model_optimum"]) == (None, None)
    parse = make_parser().parse_args
    args = parse(["sweep", *before, "--rounds", "3", "attention", "--counts", "2"])
    assert (args.counts, args.rounds, args.isa, args.json) == ((2,), 3, "base", False)
    args = parse(["sweep", "attention"])
    assert (args.counts, args.rounds, args.isa, args.causal) == (None, 15, None, False)


def test_text_of_a_single_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--counts", "1", "--rounds", "1", "gemm", "1", "1", "1"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "gemm 1 x 1 x 1 float32, 1 round"
    assert "1.00x" in lines[4]
    assert lines[-3:] == [
        "Intervals of fewer than 6 rounds are whole ranges, short of 95 %.",
        "Fastest measured: 1 thread.",
        f"Rule: optimal_threads chooses 1, within a budget of {thread_budget()}.",
    ]
    assert captured.err == ""


def made(times: dict[int, tuple[int, ...]], law: Scalability | None) -> Sweep:
    """Return a sweep of given times."""
    points = tuple(SweepPoint(threads, taken) for threads, taken in times.items())
    return Sweep(points, 2.0, "tokens", 2, 4, law)


@pytest.mark.parametrize(
    "alpha, beta, wanted",
    [
        (0.0, 0.01, "Model: throughput peaks at 10.0 threads (USL, R² 0.988)."),
        (0.0, 1.0, "Model: throughput is greatest with one thread (USL, R² 0.988)."),
        (0.5, 0.0, "Model: throughput rises with every thread (Amdahl, R² 0.988)."),
        (0.0, 0.0, "Model: throughput rises with every thread (linear, R² 0.988)."),
        (1.0, 0.0, "Model: throughput does not depend on the thread count (constant, R² 0.988)."),
    ],
)
def test_text_of_a_law(
    alpha: float,
    beta: float,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    law = Scalability(1.0, alpha, beta, 0.98765, (1, 2, 4, 16))
    times = {1: (2_000, 1_900, 2_100) * 2, 2: (1_000_000, 900_000, 2_000_000) * 3}
    monkeypatch.setattr(
        "brickprof.tuning.sweep.sweep_threads", lambda *args, **kwargs: made(times, law)
    )
    assert main(["sweep", "gemm", "8", "8", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "gemm 8 x 8 x 8 float32, 15 rounds"
    assert lines[2].split()[:2] == ["Threads", "tokens/s"]
    row = "1 1,000,000 952,381 to 1,052,632 2.00 µs 1.90 to 2.10 µs 1.00x 100 % 6"
    assert " ".join(lines[4].split()) == row
    assert "900 µs to 2.00 ms" in lines[5]
    after = lines[lines.index("Stopped early as clearly slower: 1.") :]
    assert after[1:3] == ["Fastest measured: 1 thread.", wanted]
    rule = after.index("Rule: optimal_threads chooses 2, within a budget of 4.")
    assert after[rule + 1 : rule + 3] == ["", "What to look at next"]
    shown = "\n".join(after[rule + 3 :])
    assert re.search(r"^ \d\. 2 threads take 500 times as long", shown, re.MULTILINE)
    beyond = "The optimum is beyond the largest thread count tried, 16."
    assert (beyond in after) == ("rises" in wanted)


def test_a_function_of_a_file(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--counts", "2,1", "--rounds", "3", "--work", "8", "--unit", "rows"]
    assert main(["sweep", "python", f"{own}:work", *options, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("called with 2 1 ")
    output = json.loads(out[out.index("{") :])
    assert output["problem"] == f"{own}:work"
    assert (output["sweep"]["work"], output["sweep"]["unit"]) == (8, "rows")
    assert output["optimal_threads"] == thread_budget()


def test_a_file_may_import_what_lies_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "neighbour_of_own.py").write_text("def work(threads): pass\n")
    (tmp_path / "own.py").write_text("from neighbour_of_own import work\n")
    options = ["--counts", "1", "--rounds", "1", "--json"]
    assert main(["sweep", "python", f"{tmp_path / 'own.py'}:work", *options]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


@pytest.mark.parametrize("name", ["none", "number"])
def test_what_is_no_function(name: str, own: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "python", f"{own}:{name}"]) == 1
    wanted = f"brickprof: {own} must have a function '{name}' that takes a thread count\n"
    assert capsys.readouterr().err == wanted


@pytest.mark.parametrize(
    "file, content, wanted",
    [
        ("missing.py", None, "missing.py: No such file or directory"),
        ("text.txt", "x = 1", "text.txt must be a Python file (.py)"),
        ("own.py", "import no_such_module", "own.py cannot be imported: No module named"),
    ],
)
def test_what_is_no_python_file(
    file: str, content: str | None, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / file
    if content is not None:
        path.write_text(content)
    assert main(["sweep", "python", f"{path}:work"]) == 1
    error = capsys.readouterr().err
    assert wanted in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["python", "work"], "FILE:FUNCTION"),
        (["python", ":work"], "FILE:FUNCTION"),
        (["python", "own.py:1"], "FILE:FUNCTION"),
        (["python", "own.py:work", "--work", "0"], "--work"),
        (["python", "own.py:work", "--work", "much"], "--work"),
        (["python", "own.py:work", "--isa", "base"], "--isa"),
        (["--plot", "sweep.pdf"], "must end in .svg or .png"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *arguments]) == 2
    assert named in capsys.readouterr().err


def test_plot(own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sweep.svg"
    options = ["--counts", "1,2", "--rounds", "1", "--plot", str(path)]
    assert main(["sweep", "gemm", *SMALL, *options]) == 0
    light = path.read_text(encoding="utf-8")
    assert ElementTree.fromstring(light).tag == "{http://www.w3.org/2000/svg}svg"
    assert main(["sweep", "gemm", *SMALL, *options, "--theme", "dark"]) == 0
    assert "#0d1117" in path.read_text(encoding="utf-8") and "#0d1117" not in light
    options[-1] = str(tmp_path / "sweep.PNG")
    assert main(["sweep", *options, "gemm", *SMALL]) == 0
    assert (tmp_path / "sweep.PNG").read_bytes().startswith(b"\x89PNG")
    missing = tmp_path / "missing" / "sweep.svg"
    options[-1] = str(missing)
    capsys.readouterr()
    assert main(["sweep", "gemm", *SMALL, *options]) == 1
    output = capsys.readouterr()
    assert output.err == f"brickprof: {missing}: No such file or directory\n"
    assert not output.out, "what cannot be drawn must not be measured first"


def test_without_vl_convert_nothing_is_measured_that_could_not_be_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert main(["sweep", "--plot", str(tmp_path / "sweep.svg"), "gemm", *SMALL]) == 1
    output = capsys.readouterr()
    assert "pip install 'brickprof[report]'" in output.err and not output.out


def test_default_counts() -> None:
    assert [sweep.default_counts(cores) for cores in (1, 2, 6, 8)] == [
        (1,), (1, 2), (1, 2, 4, 6), (1, 2, 4, 8),
    ]  # fmt: skip
