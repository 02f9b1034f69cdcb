"""The benchmarks' arithmetic and their page, on made-up results; nothing is timed."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import blis, environment, page, ratios, rounds, selection, tables
from benchmarks.kernels import attention, gemm
from benchmarks.kernels.base import subset
from benchmarks.kernels.table import KERNELS


def times(best: float, median: float) -> dict[str, float]:
    return {"best": best, "q1": best, "median": median, "q3": 2 * median, "rounds": 9}


def case(
    family: str = "squares", *, ours: float = 1.0, threads: int = 1, **others: float
) -> dict[str, Any]:
    """Return a case that brickprof finished in `ours` seconds; its medians are twice the best."""
    names = {"brickprof": ours, **others}
    heads = family in attention.FAMILIES
    return {
        "kind": "attention" if heads else "gemm",
        "family": family,
        "title": f"{family} of {ours:g}",
        "shape": [8, 8, 512, 512, 64, False]
        if family in attention.FAMILIES
        else [64, 64, 64, "NN"],
        "dtype": "float32",
        "threads": threads,
        "work": 1e9,
        "times": {name: times(best, 2 * best) for name, best in names.items()},
        "paired": {name: [0.9 * best, best, 1.1 * best] for name, best in others.items()},
    }


def made_up(**parts: Any) -> dict[str, Any]:
    """Return the document of a run in which nothing was measured but the given parts."""
    cache = {"level": 1, "size_bytes": 49152, "line_bytes": 64, "shared_by": 1, "ways": 12}
    machine = {"cpu": "A CPU", "physical_cores": 2, "isa": "avx2", "caches": [cache]}
    pool = {"internal_api": "openblas", "version": "1.2", "num_threads": 1, "library": "libo.so"}
    return {
        "format": page.FORMAT, "date": "2026-01-02T03:04:05+00:00", "quick": False, "seconds": 1.0,
        "notes": ["a note"], "machine": machine, "fingerprint": "f" * 16,
        "versions": {"numpy": "9.9"}, "pools": {"1": [pool]}, "pauses": {"1": 0.0}, "cases": [],
        **{name: [] for name in selection.MEASUREMENTS}, **parts,
    }  # fmt: skip


def test_a_ratio_is_to_the_fastest_of_the_others() -> None:
    measured = case(ours=2.0, NumPy=3.0, BLIS=1.0)
    assert ratios.best_other(measured) == "BLIS"
    assert ratios.ratio(measured) == 0.5
    assert ratios.ratio(measured, "median") == 0.5
    assert ratios.ratio(measured, other="NumPy") == 1.5
    assert ratios.spread(measured) == (0.9, 1.1)
    assert ratios.rate(measured, "brickprof") == 0.5


def test_the_fastest_by_median_may_be_another() -> None:
    measured = case(ours=1.0, NumPy=2.0, BLIS=3.0)
    measured["times"]["BLIS"]["median"] = 1.5
    assert ratios.ratio(measured) == 2.0
    assert ratios.ratio(measured, "median") == 0.75


def test_summaries() -> None:
    cases = [case(NumPy=4.0), case(NumPy=1.0, BLIS=0.25), case()]
    found = ratios.summarize(cases)
    assert found is not None
    assert found == ratios.Summary(2, pytest.approx(1.0), 0.25, 0.5)
    assert ratios.summarize(cases, other="BLIS") == ratios.Summary(1, pytest.approx(0.25), 0.25, 0)
    assert ratios.summarize(cases, other="PyTorch") is None


def test_losses_are_the_worst_first() -> None:
    even, bad, worse = case(NumPy=1.0), case(NumPy=0.9), case(NumPy=0.5)
    assert ratios.losses([even, bad, worse, case()]) == [worse, bad]
    assert ratios.losses([even, bad, worse], below=0.8) == [worse]


def test_the_share_of_the_peak() -> None:
    measured = case(ours=0.5, NumPy=1.0) | {"peak": {"best": 4.0, "median": 2.0}}
    assert ratios.peak_fraction(measured, "brickprof") == 0.5
    assert ratios.peak_fraction(measured, "NumPy", "median") == 0.25
    both = ratios.shares([measured, case(ours=2.0) | {"peak": {"best": 4.0}}], "brickprof")
    assert both == ratios.Summary(2, pytest.approx(0.25), 0.125, 0.0)
    assert ratios.shares([measured], "PyTorch") is None


def test_outcomes_keep_quotients_of_each_round() -> None:
    found = rounds.outcome({"ours": [1.0, 2.0, 4.0], "other": [3.0, 2.0, 2.0]})
    assert found["paired"] == {"other": [0.75, 1.0, 2.0]}
    assert found["times"]["ours"] == {  # type: ignore[index]
        "best": 1.0, "q1": 1.5, "median": 2.0, "q3": 3.0, "rounds": 3
    }  # fmt: skip


def test_all_calls_run_in_as_many_rounds() -> None:
    calls: list[str] = []
    recorded = {name: lambda name=name: calls.append(name) for name in "abc"}
    found = rounds.interleave(recorded, rounds.Effort(0.0, min_rounds=4))
    assert {name: len(taken) for name, taken in found.items()} == dict.fromkeys("abc", 4)
    assert set(calls) == set("abc")


def test_names_tell_parts_apart() -> None:
    assert len(set(selection.NAMES)) == len(selection.NAMES)
    assert selection.selected(["attention", "timer"]) == [*attention.FAMILIES, "timer"]
    assert selection.selected(None) == [*selection.FAMILIES, *selection.MEASUREMENTS]
    assert set(selection.selected(None)) == set(selection.NAMES) - set(KERNELS)


@pytest.mark.parametrize("option", ["--threads", "--seconds"])
@pytest.mark.parametrize("text", ["0", "-1", "nan", "two"])
def test_bad_arguments_are_refused_before_anything_runs(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.parse([f"{option}={text}"])
    assert left.value.code == 2
    assert f"{option}: must be" in capsys.readouterr().err


def test_a_page_without_cases_has_no_overview() -> None:
    assert page.overview([]) == ""
    assert "## Overview" not in page.render(made_up())
    assert "## Overview" in page.render(made_up(cases=[case(NumPy=2.0)]))


@pytest.mark.parametrize("families", [kernel.families for kernel in KERNELS.values()])
def test_no_problem_is_twice_in_a_family(families: Any) -> None:
    for problems in families.values():
        assert len({problem.title for problem in problems}) == len(problems)
        assert 1 <= len(subset(problems, quick=True)) <= 2
        assert subset(problems, quick=False) == list(problems)


def test_work() -> None:
    assert gemm.Product(2, 3, 4).work == 48
    assert attention.Heads(2, 1, 3, 5, 7).work == 4 * 7 * 15 * 2
    assert attention.Heads(2, 1, 3, 3, 7, causal=True).work == 4 * 7 * 6 * 2


def test_what_slows_openblas_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blis, "find", lambda: None)
    inner, notes = environment.prepare({"OPENBLAS_CORETYPE": "Old", "HOME": "/here"})
    assert "OPENBLAS_CORETYPE" not in inner
    assert inner["HOME"] == "/here"
    assert "OPENBLAS_CORETYPE=Old dropped" in notes[0]
    assert "BLIS (Debian" in environment.missing(inner)
    assert environment.pinned(inner, 3)["BLIS_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("listed", "flags", "wanted"),
    [
        ("generic\n0 skx\n7 haswell\n40 generic", {"avx2", "avx512f"}, ("skx", "0")),
        ("generic\n0 skx\n7 haswell\n40 generic", {"avx2"}, ("haswell", "7")),
        ("generic\n0 skx\n40 generic", {"avx2"}, ("generic", None)),
        ("zen3\n0 skx\n40 generic", {"avx2", "avx512f"}, ("zen3", None)),
    ],
)
def test_blis_gets_better_kernels_only_where_it_knows_none(
    monkeypatch: pytest.MonkeyPatch, listed: str, flags: set[str], wanted: tuple[str, str | None]
) -> None:
    monkeypatch.setattr(blis, "_ASK_ARCHITECTURE", f"print({listed!r})")
    assert blis.architecture("no library", flags) == wanted


class _Library:
    """Stands for BLIS, and keeps what it was called with."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given: (name, *given)


@pytest.mark.parametrize(
    ("m", "n", "k", "layout", "wanted"),
    [
        (2, 3, 4, "NN", ("cblas_sgemm", 111, 111, 2, 3, 4, 4, 3)),
        (2, 3, 4, "NT", ("cblas_sgemm", 111, 112, 2, 3, 4, 4, 4)),
        (2, 3, 4, "TN", ("cblas_sgemm", 112, 111, 2, 3, 4, 2, 3)),
        (1, 3, 4, "NN", ("cblas_sgemv", 112, 4, 3, 3)),
        (1, 3, 4, "NT", ("cblas_sgemv", 111, 3, 4, 4)),
        (2, 1, 4, "NN", ("cblas_sgemv", 111, 2, 4, 4)),
        (2, 1, 4, "TN", ("cblas_sgemv", 112, 4, 2, 2)),
    ],
)
def test_arguments_for_blis(m: int, n: int, k: int, layout: str, wanted: tuple[Any, ...]) -> None:
    a = np.zeros((k, m), "float32").T if layout[0] == "T" else np.zeros((m, k), "float32")
    b = np.zeros((n, k), "float32").T if layout[1] == "T" else np.zeros((k, n), "float32")
    name, order, *given = blis.product(_Library(), a, b, np.zeros((m, n), "float32"))()
    numbers = [value for value in given if isinstance(value, int)]
    kept = 7 if name == "cblas_sgemm" else 4
    assert order == 101
    assert (name, *numbers[:kept]) == wanted


def test_the_page_of_a_run_that_won_and_lost() -> None:
    cases = [
        case("tiny", NumPy=0.5, BLIS=4.0),
        case("squares", NumPy=1.5, PyTorch=2.0) | {"peak": {"best": 2.0, "median": 2.0}},
        case(gemm.PACKED, NumPy=64.0),
        case("causal", PyTorch=2.0, threads=2),
    ]
    costs = times(1e-8, 2e-8)
    pair = {
        "title": "a pair", "against": "two reads", "cost": costs, "reference": costs,
        "ratio": [0.9, 1.0, 1.1], "ratio of best": 1.0,
    }  # fmt: skip
    text = page.render(
        made_up(
            cases=cases,
            timer=[pair],
            slowdown=[{"title": "gemm", "paired": {"on": [1.0, 1.01, 1.02]}}],
            corrected=[{"title": "tiles", "corrected": [1, 1, 1], "raw": [1, 1.2, 1.3]}],
            errors=[{"title": "gemm", "errors": {"brickprof": 1e-7}, "ratios": {"NumPy": 0.5}}],
            roofs=[{"title": "peak", "unit": "GFLOP/s", "brickprof": [9.0, 10.0],
                    "likwid": [10.0], "ratio": 1.0}],
            gain=[{"title": "gemm", "threads": 2, "gain": 1.9, "median gain": 1.8}],
        ),
        ["ratios"],
        "results/run.json",
    )  # fmt: skip
    overview = next(line for line in text.splitlines() if "gemm float32, 1 thread" in line)
    assert "| 2 | **0.866** | 0.500 | 50% |" in overview
    assert "In 1 of 4 cases another's best time is better" in text
    assert (
        "| tiny | tiny of 1 | float32, 1 thread | NumPy | 0.500 | 0.500 (0.450 to 0.550) |" in text
    )
    assert "| gemm | +1.00% (+0.00% to +2.00%) |" in text
    assert "| squares of 1 | float32, 1 thread | 2 | 50.0% | 33.3% | 25.0% |  |" in text
    assert "![Ratios" in text
    assert "![Rates" not in text
    assert "smoke run" not in text


def test_the_page_of_a_run_without_other_backends() -> None:
    text = page.render(made_up(cases=[case()], quick=True))
    assert "smoke run" in text
    assert "Where it loses" not in text


def test_every_line_of_a_table_has_as_many_cells() -> None:
    text = page.render(made_up(cases=[case(NumPy=1.0), case("causal", PyTorch=0.5)]))
    lines = text.splitlines()
    for above, line in itertools.pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|")


def test_the_json_comes_back_as_it_was() -> None:
    document = made_up(cases=[case(NumPy=1.0), case(NumPy=2.0)])
    text = page.to_json(document)
    assert json.loads(text) == document
    assert sum('"family"' in line for line in text.splitlines()) == 2


def test_the_page_is_written_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.charts", None)
    written = page.write(made_up(cases=[case(NumPy=1.0)]), tmp_path, "results/run.json")
    assert written.read_text().startswith("# Results\n")
    assert "no charts" in capsys.readouterr().out


def test_sizes() -> None:
    assert [tables.size(nbytes) for nbytes in (49152, 2**20, 2**25)] == [
        "48 KiB",
        "1 MiB",
        "32 MiB",
    ]
