"""Bricks that are entered inside others are in the recording by their paths, with exact times."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import MACRO

import brickprof as bp
from brickprof.recording import BrickPath, Recording

Calls = list[tuple[str, str | None, int, Any]]
"""Bricks with their categories, the time before those inside them, and these."""

calls: st.SearchStrategy[Calls] = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from([None, "norm", "FFN"]),
            st.integers(0, 10**9),
            inner,
        ),
        max_size=3,
    ),
    max_leaves=8,
)


def manual() -> bp.BrickProfiler:
    """Return a profiler that is on, whose clock moves by hand."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    return prof


def make(prof: bp.BrickProfiler, made: Calls) -> None:
    """Enter bricks as they are described."""
    for name, category, ns, inside in made:
        with prof.brick(name, category=category):
            prof.advance(ns)
            make(prof, inside)


def expected(
    made: Calls, path: tuple[str, ...] = (), outer: str = ""
) -> tuple[list[BrickPath], int, int]:
    """Return the paths of calls, what these took, and what they took outside paths of their own."""
    found, total, elsewhere = [], 0, 0
    for name, category, ns, inside in made:
        itself = path[-1:] == (name,)
        place, of = (path, outer) if itself else ((*path, name), category or outer)
        inner, inner_ns, inner_own = expected(inside, place, of)
        found += inner
        total += ns + inner_ns
        if itself:
            elsewhere += ns + inner_own
        else:
            found.append(BrickPath(place, of, 1, ns + inner_ns, ns + inner_own))
    return found, total, elsewhere


@given(calls)
def test_every_call_is_in_its_path_with_its_own_time(made: Calls) -> None:
    prof = manual()
    make(prof, made)
    sums: dict[Any, list[int]] = {}
    for one in expected(made)[0]:
        total = sums.setdefault((one.path, one.category), [0, 0, 0])
        sums[one.path, one.category] = [
            total[0] + one.calls,
            total[1] + one.total_ns,
            total[2] + one.self_ns,
        ]
    recording = prof.recording()
    assert recording.brick_paths == tuple(BrickPath(*key, *sums[key]) for key in sorted(sums))
    assert recording.brick_paths_dropped == 0
    assert Recording.from_json(recording.to_json()) == recording
    # Each nanosecond is some brick's own: the clock stands still outside all bricks.
    own = sum(one.self_ns for one in recording.brick_paths)
    assert own == expected(made)[1]


def test_what_is_open_is_in_no_path_and_raised_calls_are() -> None:
    prof = manual()
    with pytest.raises(KeyError), prof.brick("outer"), prof.brick("inner"):
        prof.advance(5)
        assert prof.recording().brick_paths == ()
        raise KeyError
    assert prof.recording().brick_paths == (
        BrickPath(("outer",), "", 1, 5, 0),
        BrickPath(("outer", "inner"), "", 1, 5, 5),
    )


def test_kernels_and_work_timed_elsewhere_are_in_the_tree() -> None:
    import numpy as np

    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with prof.brick("layer", category="FFN"):
        bp.gemm(np.ones((8, 8), "f"), np.ones((8, 8), "f"), profiler=prof)
    prof.record_elapsed("copy", 1000, category="transfer")
    paths = {one.path: one for one in prof.recording().brick_paths}
    assert paths["layer", "gemm"].category == "FFN"
    assert paths["layer", "gemm"].total_ns <= paths["layer",].total_ns
    assert (paths["copy",].category, paths["copy",].total_ns) == ("transfer", 1000)


def test_calls_of_libraries_are_inside_the_bricks_around_them() -> None:
    import numpy as np

    prof = bp.BrickProfiler()
    with bp.auto_instrument(prof), prof.brick("layer", category="FFN"):
        a = np.ones((64, 64)) @ np.ones((64, 64))
    assert a[0, 0] == 64
    inner = [one for one in prof.recording().brick_paths if len(one.path) == 2]
    assert inner and all(one.path[0] == "layer" and one.category == "FFN" for one in inner)


def test_threads_and_tasks_go_on_inside_what_their_context_is_inside_of() -> None:
    prof = manual()

    def work() -> None:
        with prof.brick("part"):
            prof.advance(3)

    async def task() -> None:
        await asyncio.sleep(0)
        work()

    async def both() -> None:
        await asyncio.gather(task(), task())

    with prof.brick("whole", category="norm"):
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=context.run, args=(work,)),
            threading.Thread(target=work),
        ]
        for thread in threads:
            thread.start()
            thread.join()
        asyncio.run(both())
    assert prof.recording().brick_paths == (
        BrickPath(("part",), "", 1, 3, 3),
        # What other threads and tasks did meanwhile is not taken out of its own time.
        BrickPath(("whole",), "norm", 1, 12, 12),
        BrickPath(("whole", "part"), "norm", 3, 9, 9),
    )


def test_recursion_and_too_many_paths_are_bounded() -> None:
    prof = manual()

    def descend(depth: int) -> None:
        with prof.brick("ab"[depth % 2]):
            prof.advance(1)
            if depth:
                descend(depth - 1)

    descend(99)
    recording = prof.recording()
    assert max(len(one.path) for one in recording.brick_paths) == 64
    # Beyond, the deepest node's own brick is entered in itself every other time.
    assert 0 < recording.brick_paths_dropped <= 36
    assert sum(one.self_ns for one in recording.brick_paths) == 100

    prof = manual()
    for number in range(5000):
        with prof.brick(f"brick {number}"):
            prof.advance(1)
    recording = prof.recording()
    assert len(recording.brick_paths) == 4096
    assert recording.brick_paths_dropped == 5000 - 4096
    prof.reset_tile_stats()
    with prof.brick("brick 4999"):
        pass
    assert [one.path for one in prof.recording().brick_paths] == [("brick 4999",)]


def test_a_reset_inside_a_brick_forgets_what_goes_on() -> None:
    prof = manual()
    with prof.brick("outer"):
        prof.advance(5)
        with prof.brick("inner"):
            prof.advance(1)
        prof.reset_tile_stats()
        with prof.brick("inner"):
            prof.advance(2)
    with prof.brick("outer"):
        prof.advance(7)
    assert prof.recording().brick_paths == (
        BrickPath(("outer",), "", 1, 7, 7),
        BrickPath(("outer", "inner"), "", 1, 2, 2),
    )


def test_bricks_left_in_the_wrong_order_leave_the_tree_in_order() -> None:
    prof = manual()
    outer, inner = prof.brick("outer"), prof.brick("inner")
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(bp.TileNestingError):
        outer.__exit__(None, None, None)
    with pytest.raises(bp.TileNestingError):
        inner.__exit__(None, None, None)
    with prof.brick("after"):
        pass
    assert ("after",) in [one.path for one in prof.recording().brick_paths]


def test_the_default_brick_has_no_calls() -> None:
    prof = manual()
    with prof.brick("default"), prof.brick("gemm"), prof.tile(MACRO, 0, 0):
        prof.advance(1)
    recording = prof.recording()
    assert [one.path for one in recording.brick_paths] == [("gemm",)]
    assert Recording.from_json(recording.to_json()) == recording


@pytest.mark.parametrize("category", ["", 7, b"norm"])
def test_a_category_is_a_name(category: Any) -> None:
    prof = manual()
    for enter in (prof.brick, prof.recorders):
        with pytest.raises(TypeError, match="category must be a name or None"):
            enter("gemm", category=category)
    with pytest.raises(TypeError, match="category must be a name or None"):
        prof.record_elapsed("gemm", 1, category=category)
    assert prof.recording().brick_infos == ()


def test_decorated_functions_have_categories() -> None:
    prof = manual()

    @prof.brick("rms_norm", category="norm")
    def norm() -> None:
        prof.advance(2)

    norm()
    norm()
    assert prof.recording().brick_paths == (BrickPath(("rms_norm",), "norm", 2, 4, 4),)
