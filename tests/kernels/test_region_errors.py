"""Parallel regions: bad arguments, regions that run already, forks, and regions without init."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from support.children import child_succeeds
from support.kernel_checks import Array, assert_product
from support.region_blocks import Block, random, zeros

import brickprof as bp


def good() -> dict[str, dict[str, Any]]:
    """Return arguments that each operation takes."""
    cache = {"keys": zeros(2, 5, 8), "values": zeros(2, 5, 8)}
    return {
        "rms_norm": {"x": zeros(4), "weight": zeros(4), "out": zeros(4), "eps": 1e-6},
        "matvec": {"w": zeros(3, 4), "x": zeros(4), "out": zeros(3), "bias": None, "add": False},
        "swiglu": {"gate": zeros(4), "up": zeros(4), "out": zeros(4)},
        "rotate_and_store": {
            "q": zeros(4, 8),
            "k": zeros(2, 8),
            "v": zeros(2, 8),
            "cosine": zeros(5, 4),
            "sine": zeros(5, 4),
            **cache,
        },
        "attend": {"q": zeros(4, 8), **cache, "out": zeros(4, 8), "scale": None},
        "layer": {"number": 3},
    }


def test_good_arguments_are_good() -> None:
    region = bp.ParallelRegion(threads=1)
    for operation, arguments in good().items():
        getattr(region, operation)(**arguments)
    region.run(4)
    with pytest.raises(ValueError, match=r"position must be in \[0, 4\], got 5"):
        region.run(5)


BAD: list[tuple[str, str, Any, type[Exception]]] = [
    ("rms_norm", "x", [1.0, 2.0, 3.0, 4.0], TypeError),
    ("rms_norm", "x", np.zeros(4), TypeError),
    ("rms_norm", "x", zeros(2, 2), ValueError),
    ("rms_norm", "x", zeros(8)[::2], ValueError),
    ("rms_norm", "weight", zeros(3), ValueError),
    ("rms_norm", "out", zeros(5), ValueError),
    ("rms_norm", "eps", -1.0, ValueError),
    ("rms_norm", "eps", float("nan"), ValueError),
    ("rms_norm", "eps", "small", ValueError),
    ("matvec", "w", zeros(4, 3).T, ValueError),
    ("matvec", "w", zeros(3, 0), ValueError),
    ("matvec", "x", zeros(5), ValueError),
    ("matvec", "out", zeros(4), ValueError),
    ("matvec", "bias", zeros(4), ValueError),
    ("matvec", "x", np.zeros(4, ">f4"), ValueError),
    ("swiglu", "up", zeros(5), ValueError),
    ("swiglu", "out", zeros(8)[::2], ValueError),
    ("rotate_and_store", "q", zeros(4, 7), ValueError),
    ("rotate_and_store", "k", zeros(2, 6), ValueError),
    ("rotate_and_store", "v", zeros(3, 8), ValueError),
    ("rotate_and_store", "cosine", zeros(4, 4), ValueError),
    ("rotate_and_store", "sine", zeros(5, 8), ValueError),
    ("rotate_and_store", "keys", zeros(3, 5, 8), ValueError),
    ("rotate_and_store", "values", zeros(2, 6, 8), ValueError),
    ("rotate_and_store", "keys", zeros(2, 0, 8), ValueError),
    ("attend", "q", zeros(5, 8), ValueError),
    ("attend", "q", zeros(0, 8), ValueError),
    ("attend", "keys", zeros(2, 5, 6), ValueError),
    ("attend", "values", zeros(2, 4, 8), ValueError),
    ("attend", "out", zeros(4, 6), ValueError),
    ("attend", "scale", float("inf"), ValueError),
    ("attend", "scale", "big", TypeError),
    ("layer", "number", -1, ValueError),
    ("layer", "number", 1.5, TypeError),
    ("layer", "number", True, TypeError),
]


@pytest.mark.parametrize("operation, name, value, error", BAD)
def test_bad_arguments_are_named(
    operation: str, name: str, value: Any, error: type[Exception]
) -> None:
    region = bp.ParallelRegion(threads=1)
    with pytest.raises(error, match=f"^{name} must"):
        getattr(region, operation)(**{**good()[operation], name: value})
    assert len(region) == 0


def read_only() -> Array:
    out = zeros(4)
    out.flags.writeable = False
    return out


def test_outputs_are_writeable_and_apart_from_inputs() -> None:
    region = bp.ParallelRegion(threads=1)
    with pytest.raises(ValueError, match="out must be writeable"):
        region.rms_norm(zeros(4), zeros(4), read_only())
    shared = zeros(12)
    with pytest.raises(ValueError, match="out must not overlap x"):
        region.rms_norm(shared[:4], zeros(4), shared[1:5])
    with pytest.raises(ValueError, match="out must not overlap weight"):
        region.rms_norm(zeros(4), shared[:4], shared[:4])
    with pytest.raises(ValueError, match="out must not overlap x"):
        region.matvec(zeros(4, 4), shared[:4], shared[:4])
    with pytest.raises(ValueError, match="out must not overlap up"):
        region.swiglu(zeros(4), shared[:4], shared[2:6])
    keys = zeros(2, 5, 8)
    with pytest.raises(ValueError, match="keys must not overlap values"):
        region.rotate_and_store(**{**good()["rotate_and_store"], "keys": keys, "values": keys})
    assert len(region) == 0


@pytest.mark.parametrize(
    "arguments, error",
    [({"threads": 0}, ValueError), ({"threads": 1.5}, TypeError), ({"isa": "mmx"}, ValueError)],
)
def test_bad_regions(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(arguments))):
        bp.ParallelRegion(**arguments)
    with pytest.raises(TypeError, match="name must be"):
        bp.ParallelRegion(name=5)  # type: ignore[arg-type]


def test_bad_thread_counts_run_nothing() -> None:
    block = Block(1)
    with pytest.raises(ValueError, match="threads must be"):
        block.region.run(threads=0)
    assert not block.keys.any()


class Sly(int):
    """An integer that is in any range, if one asks it."""

    def __lt__(self, other: object) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize("position", [-1, 1.0, True, None, Sly(-1), 2**70])
def test_bad_positions(position: Any) -> None:
    block = Block(1)
    with pytest.raises((TypeError, ValueError), match="position must be"):
        block.region.run(position)
    assert not block.keys.any()


def test_a_region_that_runs_takes_nothing_else() -> None:
    region, x, out = bp.ParallelRegion(threads=1), random(1, 2048), zeros(2048)
    w = random(2, 2048, 2048)
    for _ in range(300):
        region.matvec(w, x, out)
    runner = threading.Thread(target=region.run)
    runner.start()
    refusals: list[str] = []
    while runner.is_alive() and not refusals:
        try:
            region.layer(1)
        except RuntimeError as error:
            refusals.append(str(error))
    runner.join()
    assert refusals == ["the region is running on another thread"]
    region.layer(1)
    assert_product(out[:, None], w, x[:, None])


def test_a_child_may_run_what_its_parent_was_running() -> None:
    region, x, out = bp.ParallelRegion(threads=2), random(1, 2048), zeros(2048)
    w = random(2, 2048, 2048)
    for _ in range(40):
        region.matvec(w, x, out)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            region.run()

    def work() -> bool:
        region.layer(1)
        out[:] = 0
        region.run()
        assert_product(out[:, None], w, x[:, None])
        return True

    runner = threading.Thread(target=busy)
    runner.start()
    try:
        assert all(child_succeeds(work) for _ in range(3))
    finally:
        stop.set()
        runner.join()


@pytest.mark.parametrize("operation", [*good(), "run"])
def test_one_without_init_is_harmless(operation: str) -> None:
    region = bp.ParallelRegion.__new__(bp.ParallelRegion)
    with pytest.raises(RuntimeError, match="not initialized"):
        getattr(region, operation)(**good().get(operation, {}))
