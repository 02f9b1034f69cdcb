"""Tuning on a clock that moves only when work is done: what is timed, compared, and recommended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brickprof as bp
from brickprof.core.errors import TuningError
from brickprof.tuning.outcome import Tuning
from brickprof.tuning.proof import Proof, abba
from brickprof.tuning.space import space_of
from brickprof.tuning.tune import FINALISTS, HOPELESS, _compared, tune, tune_measured

MS = 1_000_000


class Kernel:
    """A kernel whose calls take a known time on its own clock."""

    def __init__(self, cost: Callable[..., int], result: Callable[..., object]) -> None:
        self.cost, self.result = cost, result
        self.now = 0
        self.calls: list[dict[str, Any]] = []

    def __call__(self, **arguments: Any) -> object:
        self.calls.append(arguments)
        self.now += self.cost(**arguments)
        return self.result(**arguments)

    def clock(self) -> int:
        return self.now


def prove_here(fn: Any, default: Any, winner: Any) -> Proof:
    """Prove on the kernel's own clock."""
    return Proof(abba(fn, default, winner, fn.clock), fresh=True)


def tuned(
    cost: Callable[..., int],
    space: Any,
    result: Callable[..., object] = lambda **_: 1,
    check: Any = _compared,
    margin: float = 0.02,
) -> tuple[Tuning, Kernel]:
    """Tune a kernel of known cost."""
    kernel, candidates = Kernel(cost, result), space_of(space)
    tuning = tune_measured(
        kernel,
        candidates,
        candidates.candidates[0],
        check,
        9,
        margin,
        lambda fraction, what: None,
        kernel.clock,
        prove_here,
    )
    return tuning, kernel


def valley(rows: int, columns: int) -> int:
    return MS * (10 + abs(rows - 11) + 2 * abs(columns - 4))


def test_the_fastest_is_found_and_proved_without_timing_all() -> None:
    tuning, kernel = tuned(valley, {"rows": range(16), "columns": range(16)})
    assert tuning.best == tuning.fastest.arguments == {"rows": 11, "columns": 4}
    assert tuning.improved
    assert tuning.proof is not None
    assert tuning.proof.median == valley(0, 0) / valley(11, 4)
    assert tuning.default == {"rows": 0, "columns": 0}
    assert tuning.space_size == 256
    assert tuning.tried < 100
    assert len({tuple(call.items()) for call in kernel.calls}) == tuning.tried
    assert len(tuning.candidates) == FINALISTS + 1
    assert tuning.search_ns + tuning.proof_ns == kernel.now


def test_a_default_that_is_the_fastest_stays_without_a_proof() -> None:
    tuning, _ = tuned(lambda n: MS * (1 + n), {"n": range(5)})
    assert (tuning.best, tuning.proof, tuning.improved) == ({"n": 0}, None, False)


@given(st.floats(0, 0.5))
def test_a_winner_within_the_margin_is_not_recommended(margin: float) -> None:
    tuning, _ = tuned(lambda n: [1200 * MS, 1000 * MS][n], {"n": (0, 1)}, margin=margin)
    assert tuning.fastest.arguments == {"n": 1}
    assert tuning.improved == (margin < 0.2)
    assert tuning.best == {"n": int(tuning.improved)}


def test_wrong_results_are_never_recommended() -> None:
    tuning, kernel = tuned(
        lambda n: MS * (10 - n), {"n": range(6)}, lambda n: np.ones(3) * (1 if n % 2 == 0 else 2)
    )
    assert tuning.best == {"n": 4}
    assert tuning.wrong == ({"n": 1}, {"n": 3}, {"n": 5})
    assert kernel.calls.count({"n": 5}) == 1


def test_candidates_that_fail_are_passed_over_and_told() -> None:
    def result(n: int) -> int:
        if n == 2:
            raise MemoryError("too large")
        return 1

    tuning, _ = tuned(lambda n: MS * (10 - n), {"n": range(3)}, result)
    assert tuning.best == {"n": 1}
    assert tuning.failed == (({"n": 2}, "MemoryError: too large"),)
    with pytest.raises(MemoryError):
        tuned(lambda n: MS, {"n": (2, 1)}, result)


def test_hopeless_candidates_are_called_once() -> None:
    _, kernel = tuned(lambda n: MS if n < 5 else round(HOPELESS + 1) * MS, {"n": range(10)})
    assert [kernel.calls.count({"n": n}) for n in range(5, 10)] == [1] * 5


@pytest.mark.parametrize("told", [True, None, 1, np.True_])
def test_a_check_of_the_users_own(told: object) -> None:
    seen: list[tuple[object, object]] = []

    def check(result: object, first: object) -> object:
        seen.append((result, first))
        return told if result != 30 else False

    tuning, _ = tuned(lambda n: MS * (5 - n), {"n": range(4)}, lambda n: 10 * n, check)
    assert tuning.best == {"n": 2}
    assert seen == [(0, 0), (10, 0), (20, 0), (30, 0)]


def test_a_check_may_assert() -> None:
    def check(result: object, first: object) -> None:
        assert result != 10

    tuning, _ = tuned(lambda n: MS * (5 - n), {"n": range(2)}, lambda n: 10 * n, check)
    assert (tuning.best, tuning.wrong) == ({"n": 0}, ({"n": 1},))


def test_a_buffer_that_is_used_again_is_compared_as_it_was() -> None:
    out = np.zeros(2)

    def result(n: int) -> object:
        out[:] = n
        return out

    tuning, _ = tuned(lambda n: MS * (5 - n), {"n": range(2)}, result)
    assert tuning.wrong == ({"n": 1},)


def test_functions_without_a_result_need_a_check() -> None:
    with pytest.raises(TuningError, match="fn must return its result"):
        tune(lambda n: None, {"n": (1, 2)})
    tuning = tune(lambda n: None, {"n": (1,)}, check=lambda result, first: True)
    assert (tuning.best, tuning.tried) == ({"n": 1}, 1)


def test_the_default_may_be_any_candidate_and_progress_is_told() -> None:
    told: list[tuple[float, str]] = []
    tuning = tune(
        lambda n: sum(range(1000)),
        [{"n": 1}, {"n": 2}],
        default={"n": 2},
        rounds=3,
        progress=lambda share, what: told.append((share, what)),
    )
    assert tuning.default == {"n": 2}
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[0][1] == "candidate 1: n=2"
    assert told[-1] == (1.0, "done")


def test_a_function_that_takes_a_profiler_is_profiled() -> None:
    def work(n: int, profiler: Any = None) -> int:
        if profiler is not None:
            with profiler.brick("k"):
                profiler.stop_tile(profiler.start_tile(bp.TileLevel.MICRO, 0, 0), n, n)
        return sum(range(5000 if n == 1 else 10)) and 1

    tuning = tune(work, {"n": (1, 2)}, rounds=6)
    assert tuning.fastest.arguments == {"n": 2}
    assert tuning.before is not None
    assert tuning.after is not None
    counts = [
        rec.tile_stats(bp.TileLevel.MICRO, "k").flops for rec in (tuning.before, tuning.after)
    ]
    assert counts == [3, 6]


def test_a_profiler_that_is_tried_is_no_other() -> None:
    tuning = tune(lambda profiler: sum(range(profiler)) and 1, {"profiler": (5000, 2)}, rounds=6)
    assert (tuning.fastest.arguments, tuning.before) == ({"profiler": 2}, None)


def bad(**changed: Any) -> dict[str, Any]:
    return {"fn": lambda n: 1, "space": {"n": (1, 2)}, **changed}


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (bad(fn=5), TypeError, "fn must be callable, got 5"),
        (bad(check=5), TypeError, "check must be callable, got 5"),
        (bad(rounds=0), ValueError, "rounds"),
        (bad(rounds=1.5), TypeError, "rounds"),
        (bad(margin=-0.1), ValueError, "margin"),
        (bad(margin="x"), TypeError, "margin"),
        (bad(default={"n": 3}), ValueError, "default must be one of the candidates"),
        (bad(default=3), TypeError, "default must be arguments by name, got 3"),
        (bad(space={}), ValueError, "space"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        tune(**arguments)


def test_names_are_public() -> None:
    names: Iterable[str] = ("tune", "tile_space", "tuned_blocks", "Tuning", "TuningError", "Space")
    assert all(hasattr(bp, name) for name in names)
