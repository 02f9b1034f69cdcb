"""The Universal Scalability Law, fitted to throughputs: at which thread count they peak."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from brickprof.core.checks import checked_integer, checked_items, checked_number, short_repr
from brickprof.core.errors import SweepError
from brickprof.core.json_reader import JsonValue
from brickprof.core.limits import MAX_INTEGER

Array = NDArray[np.float64]

_FACES = tuple(face for size in (1, 2, 3) for face in combinations(range(4), size))
_ALPHAS = np.linspace(0, 1, 9)
_BETAS = np.append(0, np.geomspace(1e-6, 1, 25))
_STEPS = 200
_HALVINGS = 30
_PROGRESS = 1e-12  # of the sum of squares: a step that gains less is the last
_GAIN = 1e-20  # of the sum of squares: below it a further parameter explains only rounding


@dataclass(frozen=True, slots=True)
class Scalability:
    """Throughput as a function of the thread count by the Universal Scalability Law (USL).

    ``X(n) = gamma n / (1 + alpha (n - 1) + beta n (n - 1))``, N. Gunther, "Guerrilla Capacity
    Planning" (2007), chapter 4.

    Parameters
    ----------
    gamma : float
        Throughput of one thread, > 0.
    alpha : float
        Contention: the share of the work that is serial, in [0, 1].
    beta : float
        Coherency: what each pair of threads costs to agree, in [0, 1].
    r_squared : float
        The share of the throughputs' variance that the law explains, in [0, 1]; 1 without variance.
    counts : tuple of int
        The thread counts that it was fitted to, ascending, each once.

    Raises
    ------
    SweepError
        If a field is of another type, out of range or not finite.
    """

    gamma: float
    alpha: float
    beta: float
    r_squared: float
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("gamma", "alpha", "beta", "r_squared"):
            value = getattr(self, name)
            number = checked_number(name, value, zero=name != "gamma", error=SweepError)
            if name != "gamma" and number > 1:
                raise SweepError(f"{name} must be at most 1, got {short_repr(value)}")
            object.__setattr__(self, name, number)
        if not isinstance(self.counts, tuple):
            raise SweepError(f"counts must be a tuple, got {type(self.counts).__name__}")
        counts = tuple(
            checked_integer(f"counts[{place}]", count, 1, MAX_INTEGER, SweepError)
            for place, count in enumerate(self.counts)
        )
        object.__setattr__(self, "counts", counts)
        if len(self.counts) < 2 or list(self.counts) != sorted(set(self.counts)):
            raise SweepError(f"counts must be two or more in ascending order, got {self.counts}")

    @property
    def law(self) -> str:
        """Which law it is: "USL", or what the USL becomes without one of its terms.

        "Amdahl" without coherency (beta = 0), "linear" without both, "constant" if all is serial
        (alpha = 1, beta = 0).
        """
        if self.beta > 0:
            return "USL"
        if self.alpha == 0:
            return "linear"
        return "constant" if self.alpha == 1 else "Amdahl"

    @property
    def optimum(self) -> float:
        """The number of threads, at least 1 and no whole number, at which `predict` is greatest.

        ``sqrt((1 - alpha) / beta)``; infinite if throughput rises without end (law "linear" or
        "Amdahl"), 1 if it never rises.
        """
        if self.alpha == 1:
            return 1.0
        if self.beta == 0:
            return math.inf
        return max(math.sqrt((1 - self.alpha) / self.beta), 1.0)

    def predict(self, n: float) -> float:
        """Return the throughput of `n` threads, which need not be a whole number.

        Raises
        ------
        ValueError
            If `n` is below 1 or not finite.
        """
        if not 1 <= n < math.inf:
            raise ValueError(f"n must be a finite number >= 1, got {short_repr(n)}")
        return self.gamma * n / (1 + (self.alpha + self.beta * n) * (n - 1))

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the measured counts leave open, a sentence each."""
        caveats = []
        if len(self.counts) == 2:
            caveats.append("Two thread counts cannot tell contention from coherency.")
        elif len(self.counts) == 3:
            caveats.append(
                "Three thread counts fit three parameters: R² is no evidence for the law."
            )
        if self.optimum > self.counts[-1]:
            caveats.append(
                f"The optimum is beyond the largest thread count tried, {self.counts[-1]}."
            )
        elif self.optimum < self.counts[0]:
            caveats.append(
                f"The optimum is below the smallest thread count tried, {self.counts[0]}."
            )
        return tuple(caveats)

    def to_json(self) -> dict[str, object]:
        """Return the fit as a dict of JSON values.

        Returns
        -------
        dict
        """
        return {**asdict(self), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, data: object) -> Scalability:
        """Return the fit that `to_json` described; unknown fields are ignored.

        Parameters
        ----------
        data : object
            What `to_json` returned, after any number of trips through JSON, or a `JsonValue` of
            it.

        Returns
        -------
        Scalability

        Raises
        ------
        SweepError
            If a field is missing or damaged; the message names it.
        """
        root = JsonValue.of(data, "scalability", SweepError)
        names = ("gamma", "alpha", "beta", "r_squared")
        return root.build(cls, *names, counts=root["counts"].values())


def fit_scalability(counts: Iterable[int], throughputs: Iterable[float]) -> Scalability:
    """Fit the Universal Scalability Law to measured throughputs.

    Least squares of the throughputs themselves, with alpha and beta held in [0, 1], by Gauss-Newton
    steps with halving. ``n / X(n)`` is linear in parameters that are all >= 0, so every step is a
    non-negative least squares problem (C. Lawson and R. Hanson, "Solving Least Squares Problems"
    (1974), chapter 23) of at most three unknowns, solved exactly. Of laws that fit equally well the
    one with the fewest terms is kept: two rising points give Amdahl's law. A law that rises without
    end has an infinite optimum, and equal throughputs have theirs at one thread.

    Parameters
    ----------
    counts : iterable of int
        Thread counts >= 1, in any order and as often as they were measured; two different ones at
        least. With fewer than four, `Scalability.caveats` says what they leave open.
    throughputs : iterable of float
        Work per time of each, in any unit; finite, > 0.

    Returns
    -------
    Scalability

    Raises
    ------
    TypeError
        If a count is no integer or a throughput no number.
    ValueError
        If a value is out of range, the lengths differ or there are fewer than two different counts.
    """
    threads = [
        checked_integer(f"counts[{i}]", count, 1)
        for i, count in enumerate(checked_items("counts", counts))
    ]
    rates = [
        checked_number(f"throughputs[{i}]", rate)
        for i, rate in enumerate(checked_items("throughputs", throughputs))
    ]
    if len(rates) != len(threads):
        raise ValueError(
            f"throughputs must be as many as counts ({len(threads)}), got {len(rates)}"
        )
    if len(set(threads)) < 2:
        raise ValueError(f"counts must hold at least two different counts, got {threads}")
    n, x = np.array(sorted(zip(threads, rates, strict=True)), dtype=float).T
    largest = float(x.max())
    serial, fixed, pairs = _fit(n, x / largest)
    fitted = n / (fixed + serial * n + pairs * n * (n - 1))
    return Scalability(
        gamma=largest / (fixed + serial),
        alpha=serial / (fixed + serial),
        beta=min(pairs / (fixed + serial), 1.0),
        r_squared=_r_squared(x / largest, fitted),
        counts=tuple(sorted(set(threads))),
    )


def _fit(n: Array, x: Array) -> tuple[float, float, float]:
    """Return what n / X(n) = fixed + serial n + pairs n (n - 1) has as serial, fixed and pairs.

    All are >= 0 and pairs <= fixed + serial: a cone, which these four columns span.
    """
    design = np.column_stack([np.ones_like(n), n, 1 + n * (n - 1), n * n])
    coarse = _coarse(design, n, x)
    linearised = _nonnegative(design * (x * x / n)[:, None], x, coarse)
    ends = [_descend(design, n, x, start) for start in (linearised, coarse)]
    fixed, serial, both, square = min(ends, key=lambda end: _error(design, n, x, end))
    return float(serial + square), float(fixed + both), float(both + square)


def _coarse(design: Array, n: Array, x: Array) -> Array:
    """Return the best of a grid of laws: descents from elsewhere may end in a local minimum."""
    alpha, beta = (side.ravel() for side in np.meshgrid(_ALPHAS, _BETAS))
    # The same four columns, with a share of each such that the law has these alpha and beta.
    grid = (1 - beta) * np.array([1 - alpha, alpha, 0 * alpha, 0 * alpha])
    grid += beta * np.array([0 * alpha, 0 * alpha, 1 - alpha, alpha])
    shapes = n[:, None] / (design @ grid)
    gammas = (x @ shapes) / np.sum(shapes**2, axis=0)
    left = np.sum((x[:, None] - gammas * shapes) ** 2, axis=0)
    best = int(np.argmin(left))
    return np.asarray(grid[:, best] / gammas[best])


def _error(design: Array, n: Array, x: Array, at: Array) -> float:
    """Return the sum of squares of what a law leaves of the throughputs."""
    left = x - n / (design @ at)
    return float(left @ left)


def _descend(design: Array, n: Array, x: Array, at: Array) -> Array:
    """Take Gauss-Newton steps inside the cone until none makes the sum of squares less."""
    error = _error(design, n, x, at)
    for _ in range(_STEPS):
        fitted = n / (design @ at)
        found = _nonnegative(design * (fitted**2 / n)[:, None], 2 * fitted - x, at)
        for halving in range(_HALVINGS):
            nearer = at + (found - at) * 0.5**halving
            left = _error(design, n, x, nearer)
            if left < error * (1 - _PROGRESS):
                break
        else:
            return at
        at, error = nearer, left
    return at


def _nonnegative(matrix: Array, target: Array, otherwise: Array) -> Array:
    """Return the non-negative least squares solution with the fewest terms, found by trying all."""
    best = otherwise
    least = float(np.sum((matrix @ best - target) ** 2))
    scale = np.linalg.norm(matrix, axis=0)
    for face in _FACES:
        columns = list(face)
        found = np.linalg.lstsq(matrix[:, columns] / scale[columns], target, rcond=None)[0]
        if np.any(found < 0):
            continue
        whole = np.zeros(4)
        whole[columns] = found / scale[columns]
        error = float(np.sum((matrix @ whole - target) ** 2))
        if error < least - _GAIN * float(target @ target):
            best, least = whole, error
    return best


def _r_squared(x: Array, fitted: Array) -> float:
    """Return the coefficient of determination, 1 - residual / total sum of squares."""
    total = float(np.sum((x - x.mean()) ** 2))
    left = float(np.sum((x - fitted) ** 2))
    return min(max(1 - left / total, 0.0), 1.0) if total > 0 else 1.0
