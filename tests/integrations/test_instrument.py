"""Calls of NumPy are recorded as they are made, and stay what they were."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import brickprof as bp
from brickprof.core.levels import TileLevel
from brickprof.integrations.instrument import OTHER_LINES, numpy_hooks, short_path
from brickprof.integrations.numpy_work import FORMULAS, work_of

N = 100
RNG = np.random.default_rng(0)
A, B = RNG.random((N, N)), RNG.random((N, N))
SPD = A @ A.T + N * np.eye(N)
V = RNG.random(N * N)
F = RNG.random((N, N), np.float32)
C = A + 1j * B


def flops_of(call: Callable[[], Any], min_elements: int = 1) -> int:
    """Return the flops of a call as they are recorded."""
    with bp.auto_instrument(bp.BrickProfiler(clock="manual"), min_elements=min_elements) as prof:
        call()
    return sum(stats.flops for stats in prof.all_tile_stats())


BY_HAND: list[tuple[Callable[[], Any], int]] = [
    (lambda: A @ B, 2 * N**3),
    (lambda: np.matmul(A, V[:N]), 2 * N**2),
    (lambda: np.dot(A, B), 2 * N**3),
    (lambda: np.dot(V, V), 2 * N**2),
    (lambda: np.vdot(V, V), 2 * N**2),
    (lambda: np.vdot(A, B), 2 * N**2),
    (lambda: A.astype(np.float16) @ A.astype(np.complex64), 8 * N**3),
    (lambda: np.fft.fft(V), round(5 * N * N * np.log2(N * N))),
    (lambda: np.fft.rfft(V), round(2.5 * N * N * np.log2(N * N))),
    (lambda: np.inner(A, B), 2 * N**3),
    (lambda: np.outer(V[:N], V[:N]), N**2),
    (lambda: np.tensordot(A, B, 1), 2 * N**3),
    (lambda: np.tensordot(A, B, 2), 2 * N**2),
    (lambda: np.einsum("ij,jk->ik", A, B), 2 * N**3),
    (lambda: np.einsum("ij,ij->ij", A, B), N**2),
    (lambda: np.einsum("ii->", A), N),
    (lambda: np.einsum("...i,...i->...", A, B), 2 * N**2),
    (lambda: np.einsum("ij,jk,kl->il", A, B, A, optimize=True), 4 * N**3),
    (lambda: A + B, N**2),
    (lambda: A * 2.0, N**2),
    (lambda: np.exp(A), N**2),
    (lambda: A > B, 0),
    (lambda: np.arange(N * N) + 1, 0),
    (lambda: C * C, 6 * N**2),
    (lambda: C + C, 2 * N**2),
    (lambda: C @ C, 8 * N**3),
    (lambda: F @ F, 2 * N**3),
    (lambda: A.astype(int) @ B.astype(int), 0),
    (lambda: np.stack([A, B]) @ A, 4 * N**3),
    (lambda: np.sum(A), N**2),
    (lambda: A.sum(), N**2),
    (lambda: A.mean(axis=0), N**2),
    (lambda: A.dot(B), 2 * N**3),
    (lambda: A.T.dot(V[:N]), 2 * N**2),
    (lambda: A.max(), N**2),
    (lambda: A.std(), 4 * N**2),
    (lambda: np.linalg.solve(A, V[:N]), round(2 / 3 * N**3) + 2 * N**2),
    (lambda: np.linalg.inv(A), 2 * N**3),
    (lambda: np.linalg.cholesky(SPD), round(N**3 / 3)),
    (lambda: np.linalg.inv(a=A), 2 * N**3),
    (lambda: np.sum(a=A), N**2),
    (lambda: np.dot(a=A, b=B), 2 * N**3),
    (lambda: np.matmul(A, B, out=np.empty_like(A)), 2 * N**3),
    (lambda: np.linalg.det(A), round(2 / 3 * N**3)),
    (lambda: np.linalg.eigvalsh(SPD), round(4 / 3 * N**3)),
    (lambda: np.linalg.matrix_power(A, 5), 3 * 2 * N**3),
    (lambda: np.linalg.multi_dot([A, A[:, :5], A[:5]]), 2 * (2 * N * N * 5)),
]


@pytest.mark.parametrize("number", range(len(BY_HAND)))
def test_flops_are_those_counted_by_hand(number: int) -> None:
    call, flops = BY_HAND[number]
    assert flops_of(call) == pytest.approx(flops, abs=1)


def test_results_and_errors_are_the_same() -> None:
    calls: list[Callable[[], Any]] = [call for call, _ in BY_HAND]
    calls += [
        lambda: np.add(A, B, out=np.empty_like(A)),
        lambda: np.divmod(A, B),
        lambda: np.modf(A),
        lambda: np.add.reduce(A),
        lambda: A.sum(axis=1),
        lambda: A.sum(axis=(0, 1), keepdims=True),
        lambda: A.sum(axis=7),
        lambda: A.dot(np.ones(3)),
        lambda: np.ndarray.sum(A),
        lambda: np.ma.array(A).sum(),
        lambda: np.matmul([[1, 2]], [[3], [4]]),
        lambda: np.add(A, "x"),
        lambda: np.linalg.inv(np.zeros((N, N))),
        lambda: A @ np.ones(3),
        lambda: np.dot(),
    ]
    for call in calls:
        plain = outcome(call)
        with bp.auto_instrument(min_elements=1):
            seen = outcome(call)
        assert type(plain) is type(seen)
        if isinstance(plain, Exception):
            assert str(plain) == str(seen)
        else:
            np.testing.assert_equal(seen, plain)


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns or raises."""
    try:
        return call()
    except Exception as error:
        return error


def test_a_brick_is_a_line_and_its_level_fits_the_operands() -> None:
    machine = bp.detect_machine()
    large = np.ones(machine.cache(TileLevel.MIDI).size_bytes // 2, np.float32)
    with bp.auto_instrument(min_elements=10) as prof:
        small = np.ones(20) * 3.0
        for _ in range(4):
            large = large + 1.0
    recording = prof.recording()
    names = [brick for brick in recording.bricks if brick.startswith("tests")]
    (first, second) = sorted(names) if names else sorted(recording.bricks)
    line = test_a_brick_is_a_line_and_its_level_fits_the_operands.__code__.co_firstlineno
    assert first.endswith(f"test_instrument.py:{line + 4} multiply")
    assert second.endswith(f"test_instrument.py:{line + 6} add")
    assert recording.tile_stats(TileLevel.MICRO, first).count == 1
    macro = recording.tile_stats(TileLevel.MACRO, second)
    assert (macro.count, macro.loaded_bytes) == (4, 4 * large.nbytes)
    assert recording.brick_info(second).calls == 4
    assert recording.brick_info(second).dtypes == ("float32",)
    assert small.sum() == 60


def test_small_operands_and_calls_inside_are_left_out() -> None:
    with bp.auto_instrument(min_elements=4096) as prof:
        np.ones(100) + 1
        np.ones((8, 8)) @ np.ones((8, 8))
        np.linalg.norm(A)
    assert [one.partition(" ")[2] for one in prof.recording().bricks] == ["linalg.norm"]
    assert sum(stats.count for stats in prof.all_tile_stats()) == 1


def test_calls_that_make_large_results_of_small_operands_are_seen() -> None:
    column, row = np.ones((80, 1)), np.ones(80)
    with bp.auto_instrument(min_elements=80 * 80) as prof:
        column + row
        column @ row[None]
        np.dot(column, row[None])
        np.multiply(column, row)
    with bp.auto_instrument(min_elements=80 * 80 + 1) as none:
        column + row
        column @ row[None]
        np.ones((60, 2, 2)) @ np.ones((60, 2, 2))
        np.ones((0, 80)).T @ np.ones((0, 80))
    assert sum(stats.count for stats in prof.all_tile_stats()) == 4
    assert none.recording().tiles == ()


def test_calls_are_nested_in_tiles_of_the_user() -> None:
    prof = bp.BrickProfiler()
    with bp.auto_instrument(prof, min_elements=10):
        with prof.brick("mine"), prof.tile(TileLevel.MACRO, 0, 0):
            A @ B
        with prof.brick("fine"), prof.tile(TileLevel.MICRO, 0, 0):
            np.ones(2**22) + 1.0
    recording = prof.recording()
    mine = recording.tile_stats(TileLevel.MACRO, "mine")
    assert mine.count == 1 and mine.self_ns < mine.total_ns
    assert recording.tile_stats(TileLevel.MICRO, "fine").count == 1
    assert sum(tile.count for tile in recording.tiles) == 4
    assert recording.open_tiles == recording.abandoned_tiles == 0


def test_nothing_stays_changed() -> None:
    with pytest.raises(KeyError), bp.auto_instrument() as prof:
        raise KeyError
    A @ B
    assert prof.recording().tiles == ()
    assert not prof.is_tile_profiling_enabled
    with bp.auto_instrument(prof):
        A @ B
        A @ B
    assert sum(stats.count for stats in prof.all_tile_stats()) == 2
    assert len(numpy_hooks()) > 100


@pytest.mark.parametrize("left_first", ["inner", "outer"])
def test_the_innermost_of_several_sees_the_calls(left_first: str) -> None:
    outer, inner = bp.auto_instrument(), bp.auto_instrument()
    seen = [outer.__enter__()]
    A @ B
    seen.append(inner.__enter__())
    A @ B
    A @ B
    first, last = (inner, outer) if left_first == "inner" else (outer, inner)
    first.__exit__(None, None, None)
    A @ B
    last.__exit__(None, None, None)
    A @ B
    counts = [sum(stats.count for stats in prof.all_tile_stats()) for prof in seen]
    assert counts == ([2, 2] if left_first == "inner" else [1, 3])
    assert len(numpy_hooks()) > 100


def calls_in(prof: bp.BrickProfiler) -> int:
    """Return how many calls were recorded."""
    return sum(stats.count for stats in prof.all_tile_stats())


def test_each_thread_has_the_calls_of_its_own_block() -> None:
    together = threading.Barrier(4)
    found = {}

    def work(calls: int) -> None:
        with bp.auto_instrument() as prof:
            together.wait()
            for _ in range(calls):
                A @ B
            together.wait()
        found[calls] = calls_in(prof)

    with bp.auto_instrument() as outer:
        threads = [threading.Thread(target=work, args=(calls,)) for calls in (1, 20, 300)]
        for thread in threads:
            thread.start()
        together.wait()
        A @ B
        together.wait()
        for thread in threads:
            thread.join()
    assert found == {1: 1, 20: 20, 300: 300}
    assert calls_in(outer) == 1
    assert len(numpy_hooks()) > 100


def test_each_task_has_the_calls_of_its_own_block() -> None:
    async def work(calls: int) -> int:
        with bp.auto_instrument() as prof:
            for _ in range(calls):
                A @ B
                await asyncio.sleep(0)
        return calls_in(prof)

    async def tasks() -> list[int]:
        return await asyncio.gather(work(3), work(5), work(1))

    assert asyncio.run(tasks()) == [3, 5, 1]
    assert len(numpy_hooks()) > 100


def test_blocks_of_many_threads_begin_and_end_at_once() -> None:
    def work(_: int) -> int:
        with bp.auto_instrument() as prof:
            A @ B
        return calls_in(prof) + bp.count(lambda: A @ B).lines[0].calls

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(40))) == [2] * 40
    assert len(numpy_hooks()) > 100


def test_blocks_are_entered_and_left_once() -> None:
    block = bp.auto_instrument()
    with pytest.raises(RuntimeError, match="not entered"):
        block.__exit__(None, None, None)
    with block, pytest.raises(RuntimeError, match="entered already"):
        block.__enter__()
    assert len(numpy_hooks()) > 100


def test_bricks_are_lines_outside_of_numpy() -> None:
    with bp.auto_instrument() as prof:
        np.clip(A, 0.2, 0.5)
        np.median(A)
        np.cov(A)
    assert len(prof.recording().bricks) >= 3
    assert all("test_instrument.py:" in name for name in prof.recording().bricks)


def test_errors_have_the_frames_that_they_have_without() -> None:
    def frames() -> list[str]:
        try:
            np.linalg.solve(np.zeros((100, 100)), np.ones(100))
        except np.linalg.LinAlgError as error:
            return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        raise AssertionError

    plain = frames()
    with bp.auto_instrument():
        assert frames() == plain


def test_other_threads_are_seen() -> None:
    together = threading.Barrier(3)

    def multiply() -> None:
        together.wait()
        for _ in range(20):
            A @ B
        together.wait()

    with bp.auto_instrument() as prof:
        threads = [threading.Thread(target=multiply) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (name,) = prof.recording().bricks
    info = prof.recording().brick_info(name)
    assert info.calls == 60
    assert sum(stats.flops for stats in prof.all_tile_stats()) == 60 * 2 * N**3
    assert len(info.thread_self_ns) == 3


def test_a_reset_meanwhile_begins_anew() -> None:
    with bp.auto_instrument() as prof:
        for _ in range(2):
            A @ B
            prof.reset_tile_stats()
        A @ B
    assert sum(stats.count for stats in prof.all_tile_stats()) == 1
    assert len(prof.recording().bricks) == 1


def test_threads_that_begin_and_end_hooks_beside_calls_lose_none() -> None:
    stop = threading.Event()
    failed: list[BaseException] = []
    expected = A @ B

    def multiply() -> None:
        try:
            while not stop.is_set():
                np.testing.assert_array_equal(A @ B, expected)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=multiply) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            with bp.auto_instrument(bp.BrickProfiler(clock="manual")):
                np.add(A, B)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed


def test_too_many_lines_share_a_brick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brickprof.integrations.instrument.MAX_BRICKS", 1)
    with bp.auto_instrument(min_elements=1) as prof:
        A @ B
        A + B
        A - B
    assert len(prof.recording().bricks) == 2 and OTHER_LINES in prof.recording().bricks


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"profiler": 3}, TypeError),
        ({"min_elements": -1}, ValueError),
        ({"min_elements": "7"}, TypeError),
    ],
)
def test_wrong_arguments(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(given))):
        bp.auto_instrument(**given)


def test_every_formula_is_of_a_function_that_numpy_has() -> None:
    known = {hook.name for hook in numpy_hooks()}
    newer = {"vecdot", "matvec", "vecmat", "linalg.svdvals", "amax", "amin"}
    assert set(FORMULAS) - known <= newer
    assert work_of("unheard of", (A,), {}, B) == (N * N, 0, A.nbytes, B.nbytes)


def test_paths_are_short() -> None:
    assert short_path("<stdin>") == "<stdin>"
    assert short_path(np.__file__).startswith("numpy/")


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ValueError])
def test_ctrl_c_beside_a_call_is_not_lost_and_other_errors_of_counting_are(
    raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work_of_nothing(*args: object) -> None:
        raise raised

    monkeypatch.setattr("brickprof.integrations.instrument.work_of", work_of_nothing)
    expected = np.add.reduce(A, None)
    with bp.auto_instrument(min_elements=1) as prof:
        if raised is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                A.sum()
        else:
            assert A.sum() == expected
        A @ B
    assert sum(stats.count for stats in prof.all_tile_stats()) == 2
    assert prof.recording().open_tiles == 0


def test_only_what_blas_does_is_shared_out_to_its_threads() -> None:
    with bp.auto_instrument(min_elements=1) as prof:
        A @ B
        A.sum()
        np.linalg.inv(A)
    threads = {
        name.partition(" ")[2]: prof.recording().brick_info(name).threads_inside
        for name in prof.recording().bricks
    }
    blas = threads["matmul"]
    assert threads == {"matmul": blas, "sum": 1, "linalg.inv": blas}


def test_a_brick_has_the_type_of_its_floating_point_operands() -> None:
    with bp.auto_instrument(min_elements=1) as prof:
        np.arange(100) * V[:100]
    (name,) = prof.recording().bricks
    assert prof.recording().brick_info(name).dtypes == ("float64",)
