"""Changes: by how much one side's times differ from the other's, and how well that is known.

Of one run a side the deviation of the ratio is what is assumed of each
(`brickprof.diagnose.samples`). Of several it is estimated from how the runs differ, with the
assumed one counted as `PRIOR_DEGREES` runs, as in G. Smyth, Linear models and empirical Bayes
methods, 2004: two or three runs alone would tell too little of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from brickprof.core.quantiles import normal_quantile, t_quantile
from brickprof.diagnose.samples import Sample

CONFIDENCE = 0.95
"""Of all intervals of a comparison together."""

PRIOR_DEGREES = 4
"""Runs that the assumed deviation counts as, where several tell how they differ."""

MAX_VISIBLE = 2.0
"""A comparison that would not show that something takes three times as long tells nothing."""

_POWER = 0.9
"""How often a change that "would have been seen" is."""


class Verdict(str, Enum):
    """What a comparison says."""

    SLOWER = "slower"
    FASTER = "faster"
    NO_DIFFERENCE = "no difference"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two samples' means.

    Parameters
    ----------
    log : float
        Mean of B less that of A: the natural logarithm of a ratio.
    error : float
        Its standard error.
    runs : tuple of int
        Runs of A and of B.
    """

    log: float
    error: float
    runs: tuple[int, int]

    def factor(self, tests: int) -> float:
        """Return how many errors an interval reaches to either side; see `change_of`."""
        p = 1 - (1 - CONFIDENCE) / (2 * max(tests, 1))
        degrees = sum(self.runs) - 2
        if not degrees:
            return normal_quantile(p)
        return t_quantile(p, min(PRIOR_DEGREES + degrees, 1000))

    def less(self, other: Difference) -> Difference:
        """Return how much larger it is than another one that is known independently."""
        return replace(self, log=self.log - other.log, error=math.hypot(self.error, other.error))


@dataclass(frozen=True, slots=True)
class Change:
    """The time of B over that of A.

    Parameters
    ----------
    verdict : Verdict
        What is known of it.
    basis : str
        What was compared: ``"time"`` of a call, ``"time per flop"``, ``"self time"`` of a level,
        ``"tile time"`` where only histograms are known, ``"share of roof"`` where each side is held
        against its own; empty where nothing could be.
    ratio, low, high : float or None
        The ratio and its interval; above 1 where B is slower.
    visible : float or None
        The smallest change that would have been seen nine times in ten, as a fraction.
    runs : tuple of int
        Runs of A and of B.
    reason : str
        Why nothing can be told, and what would help; else empty.
    """

    verdict: Verdict
    basis: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    visible: float | None = None
    runs: tuple[int, int] = (0, 0)
    reason: str = ""


UNKNOWN = Change(Verdict.CANNOT_TELL)
"""That of what was not compared."""


def cannot_tell(reason: str) -> Change:
    """Return the change of what cannot be compared."""
    return Change(Verdict.CANNOT_TELL, reason=reason)


def change_of(a: Sample, b: Sample, basis: str, tests: int) -> Change:
    """Compare two samples.

    Parameters
    ----------
    a, b : Sample
        The sides.
    basis : str
        See `Change.basis`.
    tests : int
        Changes that are looked at together. Each has its share of the error that all may have: the
        correction of C. Bonferroni, 1936, which holds for changes that depend on each other too.
    """
    return change_of_difference(difference_of(a, b), basis, tests)


def difference_of(a: Sample, b: Sample) -> Difference:
    """Return by how much B's mean is larger than A's."""
    runs = (a.runs, b.runs)
    degrees = sum(runs) - 2
    if not degrees:
        return Difference(b.mean - a.mean, math.hypot(a.std, b.std), runs)
    assumed = (a.runs * a.std**2 + b.runs * b.std**2) / sum(runs)
    variance = (PRIOR_DEGREES * assumed + a.squares + b.squares) / (PRIOR_DEGREES + degrees)
    return Difference(b.mean - a.mean, math.sqrt(variance * (1 / a.runs + 1 / b.runs)), runs)


def change_of_difference(difference: Difference, basis: str, tests: int) -> Change:
    """Return what a difference says; see `change_of`."""
    factor, error, log = difference.factor(tests), difference.error, difference.log
    low, high = math.exp(log - factor * error), math.exp(log + factor * error)
    visible = math.exp((factor + normal_quantile(_POWER)) * error) - 1
    verdict = Verdict.NO_DIFFERENCE
    if low > 1:
        verdict = Verdict.SLOWER
    elif high < 1:
        verdict = Verdict.FASTER
    change = Change(verdict, basis, math.exp(log), low, high, visible, difference.runs)
    if verdict is Verdict.NO_DIFFERENCE and visible > MAX_VISIBLE:
        reason = "The runs were disturbed, or differ too much from each other."
        return replace(change, verdict=Verdict.CANNOT_TELL, reason=reason)
    return change
