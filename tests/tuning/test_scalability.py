"""The Universal Scalability Law fitted to throughputs."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brickprof.core.errors import SweepError
from brickprof.tuning.scalability import Scalability, fit_scalability

# Tokens per second by threads, rising to a peak and falling: the example of the guide.
EXAMPLE = {8: 21.9, 12: 25.0, 16: 25.3, 24: 18.7, 48: 11.9}

rates = st.floats(1e-3, 1e6)
shares = st.one_of(st.just(0.0), st.floats(1e-3, 0.99))
some_counts = st.lists(st.integers(1, 64), min_size=4, max_size=9, unique=True)
measured = st.lists(st.tuples(st.integers(1, 128), st.floats(0.1, 10)), min_size=2, max_size=9)


def usl(n: Any, gamma: Any, alpha: Any, beta: Any) -> Any:
    """Return the law's throughput as it is printed in the book."""
    return gamma * n / (1 + alpha * (n - 1) + beta * n * (n - 1))


def squares(fit: Scalability, points: list[tuple[int, float]]) -> float:
    """Return the sum of squares that a fit leaves."""
    return sum((x - fit.predict(n)) ** 2 for n, x in points)


def fit_of(points: list[tuple[int, float]]) -> Scalability:
    """Fit pairs of count and throughput."""
    return fit_scalability(*zip(*points, strict=True))


def test_the_plain_law_explains_a_peak() -> None:
    fit = fit_scalability(EXAMPLE, EXAMPLE.values())
    assert 12 <= fit.optimum <= 18
    assert fit.r_squared > 0.96
    assert (fit.law, fit.caveats, fit.counts) == ("USL", (), tuple(EXAMPLE))
    for n, x in EXAMPLE.items():
        assert fit.predict(n) == pytest.approx(x, rel=0.1)


@given(rates, shares, shares.map(lambda share: share * 0.2), some_counts)
def test_exact_data_give_back_their_parameters(
    gamma: float, alpha: float, beta: float, counts: list[int]
) -> None:
    fit = fit_scalability(counts, [usl(n, gamma, alpha, beta) for n in counts])
    assert fit.r_squared == pytest.approx(1, abs=1e-9)
    for n in counts:
        assert fit.predict(n) == pytest.approx(usl(n, gamma, alpha, beta), rel=1e-6)
    if 1 in counts and sum(n < 9 for n in counts) >= 4:
        wanted = pytest.approx((1, alpha, beta), rel=1e-4, abs=1e-6)
        assert (fit.gamma / gamma, fit.alpha, fit.beta) == wanted


@given(measured, st.floats(0, 1), st.floats(0, 1))
def test_no_other_parameters_fit_better(
    points: list[tuple[int, float]], alpha: float, beta: float
) -> None:
    if len({n for n, _ in points}) < 2:
        return
    n, x = np.array(points).T
    shape = usl(n, 1.0, alpha, beta)
    gamma = float(shape @ x / (shape @ shape))
    other = Scalability(gamma, alpha, beta, 0, (1, 2))
    assert squares(fit_of(points), points) <= squares(other, points) * (1 + 1e-6) + 1e-12


@given(measured, st.floats(1e-6, 1e6))
def test_predictions_scale_with_the_throughputs(
    points: list[tuple[int, float]], factor: float
) -> None:
    if len({n for n, _ in points}) < 2:
        return
    one, other = fit_of(points), fit_of([(n, x * factor) for n, x in points])
    assert other.r_squared == pytest.approx(one.r_squared, abs=1e-6)
    for n, _ in points:
        assert other.predict(n) == pytest.approx(factor * one.predict(n), rel=1e-4)


@given(measured, st.randoms(use_true_random=False))
def test_order_does_not_matter(points: list[tuple[int, float]], random: Any) -> None:
    if len({n for n, _ in points}) < 2:
        return
    shuffled = list(points)
    random.shuffle(shuffled)
    assert fit_of(shuffled) == fit_of(points)


@given(rates, st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e4))
@example(1.0, 1 - 2**-53, 0.0, 2.0)
def test_the_optimum_is_where_predictions_are_greatest(
    gamma: float, alpha: float, beta: float, n: float
) -> None:
    fit = Scalability(gamma, alpha, beta, 1, (1, 2))
    assert fit.predict(n) == pytest.approx(usl(n, gamma, alpha, beta), rel=1e-9)
    assert fit.optimum >= 1
    if math.isinf(fit.optimum):
        # In fractions, as the growth of a nearly serial law is below the rounding of floats.
        law = [Fraction(value) for value in (gamma, alpha, beta)]
        assert usl(Fraction(n) + 1, *law) > usl(Fraction(n), *law)
    else:
        assert fit.predict(fit.optimum) >= fit.predict(n) * (1 - 1e-12)


@pytest.mark.parametrize(
    "counts, throughputs, law, optimum",
    [
        ([1, 2], [5, 10], "linear", math.inf),
        ([4, 1, 2], [20, 5, 10], "linear", math.inf),
        ([1, 2], [5, 9], "Amdahl", math.inf),
        ([1, 2, 4], [1, 1 / 0.55, 1 / 0.325], "Amdahl", math.inf),
        ([1, 2, 3, 4], [1, 4, 9, 16], "linear", math.inf),
        ([1, 2], [5, 2.5], "USL", 1.0),
        ([1, 2, 4], [9, 1, 0.01], "USL", 1.0),
        ([1, 2, 4, 8], [0.1, 0.1, 0.1, 0.1], "constant", 1.0),
        ([7, 5], [3, 3], "constant", 1.0),
    ],
)
def test_data_that_lack_a_peak(
    counts: list[int], throughputs: list[float], law: str, optimum: float
) -> None:
    fit = fit_scalability(counts, throughputs)
    assert (fit.law, fit.optimum) == (law, optimum)


def test_repeated_counts_are_averaged() -> None:
    once = fit_scalability([1, 2, 4, 8], [10, 18, 25, 22])
    twice = fit_scalability([8, 1, 2, 4, 8, 4, 2, 1], [21, 10, 17, 26, 23, 24, 19, 10])
    assert twice.counts == (1, 2, 4, 8)
    assert twice.optimum == pytest.approx(once.optimum, rel=1e-4)
    assert twice.predict(3) == pytest.approx(once.predict(3), rel=1e-4)
    assert twice.r_squared < once.r_squared


def test_what_few_points_cannot_tell() -> None:
    (two,) = fit_scalability([1, 2], [2, 1]).caveats
    assert two == "Two thread counts cannot tell contention from coherency."
    (three,) = fit_scalability([1, 2, 4], [4, 5, 4]).caveats
    assert three.startswith("Three thread counts fit three parameters")
    (above,) = fit_scalability([1, 2, 3, 4], [4, 7.9, 11.7, 15]).caveats
    assert above == "The optimum is beyond the largest thread count tried, 4."
    (below,) = fit_scalability([4, 5, 6, 7], [4, 3, 2, 1.5]).caveats
    assert below == "The optimum is below the smallest thread count tried, 4."


@pytest.mark.parametrize(
    "counts, throughputs, error, message",
    [
        ([], [], ValueError, "counts must hold at least two different counts"),
        ([3, 3], [1, 2], ValueError, "counts must hold at least two different counts"),
        ([1, 2], [1], ValueError, r"throughputs must be as many as counts \(2\), got 1"),
        ([1, 0], [1, 1], ValueError, r"counts\[1\] must be in \[1, "),
        ([1, 2.5], [1, 1], TypeError, r"counts\[1\] must be an integer"),
        ([1, True], [1, 1], TypeError, r"counts\[1\] must be an integer"),
        ([1, 2], [1, 0], ValueError, r"throughputs\[1\] must be a finite number > 0"),
        ([1, 2], [-1, 1], ValueError, r"throughputs\[0\] must be"),
        ([1, 2], [1, math.nan], ValueError, r"throughputs\[1\] must be"),
        ([1, 2], [1, math.inf], ValueError, r"throughputs\[1\] must be"),
        ([1, 2], [1, 10**400], ValueError, r"throughputs\[1\] must be"),
        ([1, 2], ["1", 1], TypeError, r"throughputs\[0\] must be"),
    ],
)
def test_bad_data_are_named(
    counts: Any, throughputs: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        fit_scalability(counts, throughputs)


@pytest.mark.parametrize("n", [0.5, 0, -1, math.inf, math.nan])
def test_predictions_are_of_one_thread_or_more(n: float) -> None:
    with pytest.raises(ValueError, match="^n must be a finite number >= 1"):
        fit_scalability([1, 2], [1, 2]).predict(n)


def test_fits_survive_json() -> None:
    fit = fit_scalability(EXAMPLE, EXAMPLE.values())
    assert Scalability.from_json(json.loads(json.dumps(fit.to_json()))) == fit


@pytest.mark.parametrize(
    "name, value",
    [
        ("gamma", 0),
        ("gamma", math.inf),
        ("alpha", -0.1),
        ("alpha", 1.1),
        ("beta", "0"),
        ("beta", None),
        ("r_squared", 2),
        ("counts", [2, 1]),
        ("counts", [1, 1]),
        ("counts", [1]),
        ("counts", [1, 2.5]),
        ("counts", 3),
    ],
)
def test_damaged_fits_are_refused(name: str, value: object) -> None:
    sound = fit_scalability([1, 2], [1, 1.5]).to_json()
    with pytest.raises(SweepError, match=f"^{name}"):
        Scalability.from_json({**sound, name: value})


def test_unknown_fields_of_fits_are_ignored() -> None:
    fit = fit_scalability([1, 2], [1, 1.5])
    assert Scalability.from_json({**fit.to_json(), "delta": 1}) == fit


def test_fits_that_lack_a_field_are_refused() -> None:
    sound = fit_scalability([1, 2], [1, 1.5]).to_json()
    with pytest.raises(SweepError, match="^gamma: missing$"):
        Scalability.from_json({name: value for name, value in sound.items() if name != "gamma"})
    with pytest.raises(SweepError, match="^counts must be a tuple"):
        Scalability(1, 0, 0, 1, [1, 2])  # type: ignore[arg-type]
