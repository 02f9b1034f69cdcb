"""Threads of kernels: many callers at once, children of fork, threads that cannot be had."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.children import child_succeeds
from support.kernel_checks import Array, assert_attention, exact_product, integers, normals

import brickprof as bp


def product(seed: int) -> tuple[Array, Array, Array]:
    """Return matrices whose product is worth several threads, and the product."""
    rng = np.random.default_rng(seed)
    a, b = integers(rng, (200 + seed, 150), "float32"), integers(rng, (150, 190), "float32")
    return a, b, exact_product(a, b)


def test_many_threads_call_at_once() -> None:
    problems = [product(seed) for seed in range(8)]
    start = threading.Barrier(8)

    def work(number: int) -> int:
        a, b, wanted = problems[number]
        start.wait()
        threads = 1 + number % 4
        return sum(not np.array_equal(bp.gemm(a, b, threads=threads), wanted) for _ in range(40))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 0


def test_teams_of_all_sizes_in_turn() -> None:
    a, b, wanted = product(1)
    for threads in (2, 5, 3, 9, 1, 16, 2):
        assert bp.plan_gemm(*a.shape[:1], b.shape[1], a.shape[1], threads=threads).workers >= 1
        assert np.array_equal(bp.gemm(a, b, threads=threads), wanted)


def test_threads_come_and_go() -> None:
    a, b, wanted = product(2)
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(1 for _ in range(3) if not np.array_equal(bp.gemm(a, b, threads=2), wanted))

    for _ in range(30):
        callers = [threading.Thread(target=work) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert not wrong


def test_signals_are_left_to_the_main_thread() -> None:
    a, b, wanted = product(3)
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(threading.get_native_id()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for _ in range(50):
            assert np.array_equal(bp.gemm(a, b, threads=3), wanted)
        while not seen:
            pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert set(seen) == {threading.get_native_id()}


def test_children_of_a_parent_whose_threads_are_at_work() -> None:
    problems = [product(seed) for seed in range(3)]
    stop = threading.Event()

    def busy(number: int) -> None:
        a, b, _ = problems[number]
        while not stop.is_set():
            bp.gemm(a, b, threads=2)

    def work() -> bool:
        return all(
            np.array_equal(bp.gemm(a, b, threads=threads), wanted)
            for a, b, wanted in problems
            for threads in (2, 3)
        )

    callers = [threading.Thread(target=busy, args=(number,)) for number in range(2)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(5):
            assert child_succeeds(work)
            assert child_succeeds(lambda: child_succeeds(work))
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert work()


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_few_heads_on_many_threads(threads: int) -> None:
    rng = np.random.default_rng(4)
    for heads, rows, keys in [(1, 1, 3000), (1, 4, 2500), (3, 2, 2000), (2, 60, 300)]:
        q, k, v = (normals(rng, (heads, size, 64)) for size in (rows, keys, keys))
        for causal in (False, True):
            out = bp.attention(q, k, v, causal, threads=threads)
            assert_attention(out, q, k, v, causal)
            assert np.array_equal(bp.attention(q, k, v, causal, threads=threads), out)
