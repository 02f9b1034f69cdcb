"""The benchmark of the decoder: what is measured, and the page made of it."""

from __future__ import annotations

import sys

import pytest

from benchmarks import decoding, decoding_calls, decoding_page


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide PyTorch, which may be installed or not."""
    monkeypatch.setitem(sys.modules, "torch", None)


def test_a_tiny_model_by_switch_and_by_thread_count(
    alone: None, capsys: pytest.CaptureFixture[str]
) -> None:
    args = decoding.parse(["--presets", "tiny", "--threads", "1", "--seconds", "0.01"])
    found = decoding.measure(args)
    model = found["models"]["tiny"]
    assert list(model["optimizations"]["times"]) == [
        name for name, _ in decoding_calls.OPTIMIZATIONS
    ]
    assert [int(count) for count in model["decode"]["times"]] == list(decoding_calls.THREAD_COUNTS)
    page = decoding_page.render(found, "results/some.json")
    assert "## tiny, 2 layers" in page
    assert page.count("| decode, ") == len(decoding_calls.THREAD_COUNTS)
    assert "transformers" not in page.split("## tiny")[1]
    assert "not compared" in capsys.readouterr().out


def compared(**seconds: float) -> dict[str, dict[str, object]]:
    """Return what a comparison of these times gives; names have blanks for underscores."""
    names = {name.replace("_", " ").strip(): taken for name, taken in seconds.items()}
    return {
        "times": {name: {"best": taken, "median": 2 * taken} for name, taken in names.items()},
        "paired": {name: [1.5, 2.0, 2.5] for name in names},
    }


def test_the_figures_of_the_page() -> None:
    model = {
        "layers": 3,
        "bytes": 4e9,
        "automatic": {"decode": 2, "prefill": 1},
        "roof": compared(brickprof=0.1, loads=0.09),
        "optimizations": compared(baseline=0.3, one_parallel_region=0.1),
        "decode": compared(_1=0.2, _2=0.1, _48=0.4),
        "prefill": compared(_1=0.2, _2=0.1),
        "transformers": "5.0",
        "step": compared(brickprof=0.1, transformers=0.25),
        "fill": compared(brickprof=0.1, transformers=0.15),
        "oversubscribed": compared(brickprof=0.1, transformers_on_48=0.5),
    }
    machine = {"cpu": "A CPU"}
    found = {"date": "2026-01-02T", "machine": machine, "threads": 2, "models": {"big": model}}
    page = decoding_page.render(found, "results/some.json")
    for line in (
        "on 2026-01-02: A CPU, 2 threads",
        "reads 4,000.0 MB of weights; at the thread count chosen, 10.0 tok/s (median 5.0)",
        "40.0 GB/s of 44.4 GB/s, **90.0%** (of medians 90.0%, quartiles 150.0% to 250.0%)",
        "| a step | 10.0 | 4.0 | **2.50** | 2.50 (1.50 to 2.50) |",
        "| prefill | 1,280.0 | 853.3 | **1.50** | 1.50 (1.50 to 2.50) |",
        "a step of brickprof is **5.0** times as fast (5.0 of medians)",
        "chosen is **4.00** times as fast as on 48 threads (4.00 of medians)",
        "| one parallel region | 100.000 (200.000) | 3.000 | 3.000 | 3.000 |",
        "| decode, 2 threads (chosen) | 10.0 (5.0) | 100.0% |",
        "| decode, 48 threads | 2.5 (1.2) | 25.0% |",
        "| prefill, 1 thread (chosen) | 640.0 (320.0) | 50.0% |",
    ):
        assert line in page, line
