"""Arguments that free, reshape or add while their value is taken: an error or the right result.

Each case runs in a child, so that a crash is a failure. Arrays are so large that the C library
unmaps what they give back: to read it is a crash. `make sanitize` sees the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from support.children import child_succeeds
from support.hostile_values import (
    Act,
    Lazy,
    Truth,
    Whole,
    drop_axes,
    liar,
    name,
    number,
    plan_that_acts,
    recording_profiler,
    reshape,
    shrink,
)
from support.kernel_checks import Array

import brickprof as bp

SIZE = 600
DAMAGE: dict[str, Callable[[Array], None]] = {
    "shrunk": shrink,
    "reshaped": reshape,
    "of one axis": drop_axes,
}

Call = Callable[[Any], Any]


def ones(*shape: int) -> Array:
    return np.ones(shape, "float32")


def assert_right_or_refused(call: Callable[[], Array], right: float) -> None:
    """Check that a call gives one number everywhere, or raises what bad arguments raise."""
    with suppress(TypeError, ValueError):
        assert np.allclose(np.asarray(call()), right)


GEMM: dict[str, Callable[[Array, Array, Array, Act], Array]] = {
    "threads": lambda a, b, c, act: bp.gemm(a, b, c, threads=Whole(1, act)),  # type: ignore[arg-type]
    "b": lambda a, b, c, act: bp.gemm(a, Lazy(b, act), c),
    "a": lambda a, b, c, act: bp.gemm(Lazy(a, act), b, c),
    "isa": lambda a, b, c, act: bp.gemm(a, b, c, isa=name("base", act)),
    "plan.m": lambda a, b, c, act: bp.gemm(a, b, c, plan=gemm_plan("m", act)),
    "plan.levels": lambda a, b, c, act: bp.gemm(a, b, c, plan=gemm_plan("levels", act)),
    "plan.footprint_bytes": lambda a, b, c, act: bp.gemm(
        a, b, c, plan=gemm_plan("footprint_bytes", act), profiler=recording_profiler()
    ),
    "a new result": lambda a, b, c, act: bp.gemm(a, Lazy(b, act)),
    "a plan and a new result": lambda a, b, c, act: bp.gemm(a, b, plan=gemm_plan("kind", act)),
    "b, packed": lambda a, b, c, act: bp.gemm(a, bp.pack(Lazy(b, act)), c),
    "isa, packed": lambda a, b, c, act: bp.gemm(a, bp.pack(b, isa=name("base", act)), c),
}


def gemm_plan(field: str, act: Act) -> Any:
    return plan_that_acts(bp.plan_gemm(SIZE, SIZE, SIZE, threads=1), field, act)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("at", GEMM)
def test_gemm(at: str, damage: str) -> None:
    def work() -> bool:
        for victim in range(3):
            a, b, c = arrays = [ones(SIZE, SIZE) for _ in range(3)]
            assert_right_or_refused(
                lambda: GEMM[at](a, b, c, lambda: DAMAGE[damage](arrays[victim])),  # noqa: B023
                SIZE,
            )
        return True

    assert child_succeeds(work)


ATTENTION: dict[str, Callable[..., Array]] = {
    "causal": lambda q, k, v, c, act: bp.attention(q, k, v, Truth(act), out=c),  # type: ignore[arg-type]
    "scale": lambda q, k, v, c, act: bp.attention(q, k, v, scale=number(act), out=c),
    "threads": lambda q, k, v, c, act: bp.attention(q, k, v, threads=Whole(1, act), out=c),  # type: ignore[arg-type]
    "isa": lambda q, k, v, c, act: bp.attention(q, k, v, isa=name("base", act), out=c),
    "k": lambda q, k, v, c, act: bp.attention(q, Lazy(k, act), v, out=c),
    "v": lambda q, k, v, c, act: bp.attention(q, k, Lazy(v, act), out=c),
    "v and a new result": lambda q, k, v, c, act: bp.attention(q, k, Lazy(v, act)),
    "plan.rows": lambda q, k, v, c, act: bp.attention(
        q, k, v, out=c, plan=attention_plan("rows", act)
    ),
    "plan.levels": lambda q, k, v, c, act: bp.attention(
        q, k, v, out=c, plan=attention_plan("levels", act)
    ),
    "plan.footprint_bytes": lambda q, k, v, c, act: bp.attention(
        q,
        k,
        v,
        out=c,
        plan=attention_plan("footprint_bytes", act),
        profiler=recording_profiler(),
    ),
}


def attention_plan(field: str, act: Act) -> Any:
    return plan_that_acts(bp.plan_attention(4, SIZE, SIZE, 160, threads=1), field, act)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("at", ATTENTION)
def test_attention(at: str, damage: str) -> None:
    def work() -> bool:
        for victim in range(4):
            q, k, v, c = arrays = [ones(4, SIZE, 160) for _ in range(4)]
            assert_right_or_refused(
                lambda: ATTENTION[at](q, k, v, c, lambda: DAMAGE[damage](arrays[victim])),  # noqa: B023
                1,
            )
        return True

    assert child_succeeds(work)


def test_arrays_that_lie_about_themselves() -> None:
    def work() -> bool:
        x, heads = ones(40, 40), ones(2, 40, 40)
        out, out_heads = liar(ones(40, 40)), liar(ones(2, 40, 40))
        assert (bp.gemm(liar(x), liar(x)) == 40).all()
        assert (bp.gemm(x, bp.pack(liar(x))) == 40).all()
        assert bp.gemm(x, x, out) is out
        assert (out.view(np.ndarray) == 40).all()
        assert (bp.attention(liar(heads), liar(heads), liar(heads)) == 1).all()
        assert bp.attention(heads, heads, heads, out=out_heads) is out_heads
        assert (out_heads.view(np.ndarray) == 1).all()
        region, sums = bp.ParallelRegion(1), liar(ones(40))
        region.matvec(liar(x), liar(x[0]), sums)
        region.run()
        return bool((sums.view(np.ndarray) == 40).all())

    assert child_succeeds(work)


def test_irregular_arrays_that_lie_are_copied_as_they_are() -> None:
    records = np.zeros((40, 40), [("before", "u1"), ("value", "f4")])
    records["value"] = 2
    product = bp.gemm(liar(records["value"]), liar(records["value"]))
    assert product.shape == (40, 40)
    assert (product == 160).all()


class Region:
    """A region with room for a few more operations, and the arrays of one of each kind."""

    def __init__(self) -> None:
        self.region = bp.ParallelRegion(threads=1)
        self.w, self.x, self.out = ones(SIZE, SIZE), ones(SIZE), ones(SIZE)
        self.q, self.heads = ones(4, 8), ones(4, 8)
        self.keys, self.values = ones(2, 500, 8), ones(2, 500, 8)
        for _ in range(16):
            self.region.rms_norm(self.x, self.x.copy(), ones(SIZE))

    def add_more(self) -> None:
        """Add so many operations that their memory moves."""
        for _ in range(600):
            self.region.rms_norm(ones(4), ones(4), ones(4))

    def restart(self) -> None:
        """Forget all operations."""
        self.region.__init__(threads=1)  # type: ignore[misc]

    def limit(self) -> None:
        """Add an operation that bounds the position."""
        self.region.attend(self.q, ones(2, 3, 8), ones(2, 3, 8), self.heads)

    def shrink(self) -> None:
        """Shrink all arrays."""
        for array in (self.w, self.x, self.out, self.q, self.heads, self.keys, self.values):
            shrink(array)


REGION: dict[str, Callable[[Region, Act], object]] = {
    "eps": lambda r, act: r.region.rms_norm(r.x, r.x.copy(), r.out, eps=number(act)),
    "add": lambda r, act: r.region.matvec(r.w, r.x, r.out, add=Truth(act)),  # type: ignore[arg-type]
    "scale": lambda r, act: r.region.attend(r.q, r.keys, r.values, r.heads, scale=number(act)),
    "isa": lambda r, act: r.region.attend(r.q, r.keys, r.values, r.heads, isa=name("base", act)),
    "layer": lambda r, act: r.region.layer(Whole(1, act)),  # type: ignore[arg-type]
    "position": lambda r, act: r.region.run(Whole(400, act)),  # type: ignore[arg-type]
    "threads": lambda r, act: r.region.run(threads=Whole(1, act)),  # type: ignore[arg-type]
    "fused": lambda r, act: r.region.run(fused=Truth(act)),  # type: ignore[arg-type]
    "threads of a region": lambda r, act: r.region.__init__(threads=Whole(1, act)),  # type: ignore[misc]
    "name of a region": lambda r, act: r.region.__init__(name=name("x", act)),  # type: ignore[misc]
    "isa of a region": lambda r, act: r.region.__init__(isa=name("base", act)),  # type: ignore[misc]
}


@pytest.mark.parametrize("act", ["add_more", "restart", "limit", "shrink"])
@pytest.mark.parametrize("at", REGION)
def test_region(at: str, act: str) -> None:
    def work() -> bool:
        made = Region()
        with suppress(TypeError, ValueError):
            REGION[at](made, getattr(made, act))
        made.region.run()
        made.region.run(profiler=recording_profiler())
        return True

    assert child_succeeds(work)


def test_a_position_is_held_against_what_its_own_value_added() -> None:
    made = Region()
    with pytest.raises(ValueError, match=r"^position must be in \[0, 2\], got 400"):
        made.region.run(Whole(400, made.limit))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "operation, arguments",
    [
        ("rms_norm", {"eps": "small"}),
        ("rms_norm", {"eps": 1e39}),
        ("rms_norm", {"eps": 10**400}),
        ("matvec", {"add": np.array([1, 2])}),
        ("matvec", {"bias": np.zeros(3)}),
        ("attend", {"scale": "big"}),
        ("attend", {"isa": "none"}),
    ],
)
def test_an_operation_that_raised_leaves_nothing_behind(
    operation: str, arguments: dict[str, Any]
) -> None:
    made = Region()
    before = len(made.region)
    given = {
        "rms_norm": (made.x, made.x.copy(), made.out),
        "matvec": (made.w, made.x, made.out),
        "attend": (made.q, made.keys, made.values, made.heads),
    }[operation]
    with pytest.raises((TypeError, ValueError)):
        getattr(made.region, operation)(*given, **arguments)
    assert len(made.region) == before
    made.out[:] = 7
    made.region.run()
    assert (made.out == 7).all()
    shrink(made.w)  # nothing keeps it any longer
    assert made.w.size == 1


class Last(np.ndarray[Any, Any]):
    """An array that adds to a region as it goes."""

    region: Any = None

    def __del__(self) -> None:
        if self.region is not None:
            self.region.rms_norm(ones(4), ones(4), ones(4))


def test_arrays_that_add_operations_as_a_region_lets_go_of_them() -> None:
    def work() -> bool:
        made = Region()
        for _ in range(20):
            array = ones(4).view(Last)
            made.region.rms_norm(array, ones(4), ones(4))
            array.region = made.region
        del array
        made.restart()
        made.region.run()
        return True

    assert child_succeeds(work)


def test_a_region_keeps_its_arrays_where_they_are() -> None:
    made = Region()
    made.region.matvec(made.w, made.x, made.out)
    with pytest.raises(ValueError, match="resize"):
        made.w.resize((1, 1), refcheck=False)
    reshape(made.w)
    made.region.run()
    assert (made.out == SIZE).all()
    made.restart()
    shrink(made.w)
    assert made.w.size == 1


def test_a_region_whose_name_runs_kernels_as_it_is_taken() -> None:
    def work() -> bool:
        big = ones(1200, 1200)
        region = bp.ParallelRegion(2, name=name("x", lambda: bool(bp.gemm(big, big).size)))
        q, keys, out = ones(4, 64), ones(2, 3000, 64), ones(4, 64)
        region.attend(q, keys, keys.copy(), out)
        region.run(2999, profiler=recording_profiler())
        return bool(np.allclose(out, 1))

    assert child_succeeds(work)


@pytest.mark.parametrize("kernel", ["gemm", "attention"])
def test_another_thread_resizes_the_arrays(kernel: str) -> None:
    """Each call keeps large arrays where they are for as long as it runs."""

    def work() -> bool:
        a = ones(4, SIZE, SIZE) if kernel == "attention" else ones(SIZE, SIZE)
        b = a.copy()

        def run() -> None:
            for _ in range(20):
                with suppress(ValueError):
                    if kernel == "gemm":
                        bp.gemm(a, b, threads=1)
                    else:
                        bp.attention(a, b, b, threads=1)

        runner = threading.Thread(target=run)
        runner.start()
        while runner.is_alive():
            shrink(a)
        runner.join()
        return True

    assert child_succeeds(work)


@pytest.mark.parametrize("lie", ["base", "none", ""])
def test_names_that_are_equal_to_all_others(lie: str) -> None:
    """The search for an instruction set must not run past the end of the table."""

    def work() -> bool:
        for call in (
            lambda: bp.gemm(ones(3, 3), ones(3, 3), isa=name(lie, lambda: None)),
            lambda: bp.plan_gemm(3, 3, 3, isa=name(lie, lambda: None)),
            lambda: bp.pack(ones(3, 3), isa=name(lie, lambda: None)),
            lambda: bp.plan_gemm(3, 3, 3, a_layout=name(lie, lambda: None)),
        ):
            with suppress(ValueError):
                call()
        return True

    assert child_succeeds(work)
