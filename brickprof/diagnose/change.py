"""Changes: by how much one side's times differ from the other's, and how well that is known.

The deviation of a run is what is assumed of it (`brickprof.diagnose.samples`), which counts as
`PRIOR_DEGREES` runs beside how the side's runs differ, as in G. Smyth, Linear models and empirical
Bayes methods, 2004: two or three runs alone would tell too little of it. The sides' deviations may
differ: B. Welch, The generalization of Student's problem when several different population
variances are involved, 1947. What is off for all runs of a side alike is added in the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from brickprof.core.quantiles import normal_quantile, t_quantile
from brickprof.diagnose.samples import Sample

CONFIDENCE = 0.95
"""Of all intervals of a comparison together."""

PRIOR_DEGREES = 12
"""Runs that the assumed deviation of a side counts as."""

MAX_VISIBLE = 9.0
"""A comparison that would not show that something takes ten times as long tells nothing."""

_MAX_LOG = 700.0

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
    degrees : float
        Degrees of freedom of the error.
    """

    log: float
    error: float
    runs: tuple[int, int]
    degrees: float

    def factor(self, tests: int) -> float:
        """Return how many errors an interval reaches to either side; see `change_of_difference`."""
        p = 1 - (1 - CONFIDENCE) / (2 * max(tests, 1))
        return t_quantile(p, min(int(self.degrees), 1000))

    def less(self, other: Difference) -> Difference:
        """Return how much larger it is than another one that is known independently."""
        return replace(
            self,
            log=self.log - other.log,
            error=math.hypot(self.error, other.error),
            degrees=min(self.degrees, other.degrees),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The time of B over that of A.

    Parameters
    ----------
    verdict : Verdict
        What is known of it.
    basis : str
        What was compared: ``"time"`` of a call, ``"time per flop"``, ``"self time"`` of a level,
        ``"relative self time"`` where that is besides what other levels have in common, ``"tile
        time"`` where only histograms are known, ``"share of roof"`` where each side is held against
        its own; empty where nothing could be.
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


def difference_of(a: Sample, b: Sample, systematic: float = 0.0) -> Difference:
    """Return by how much B's mean is larger than A's.

    Parameters
    ----------
    a, b : Sample
        The sides.
    systematic : float
        Standard deviation of what is off for all runs of a side alike.
    """
    variances = [_variance(one) / one.runs for one in (a, b)]
    total = sum(variances)
    degrees = total**2 / sum(
        variance**2 / (PRIOR_DEGREES + one.runs - 1)
        for variance, one in zip(variances, (a, b), strict=True)
    )
    error = math.hypot(math.sqrt(total), systematic)
    return Difference(b.mean - a.mean, error, (a.runs, b.runs), degrees)


def _variance(sample: Sample) -> float:
    """Return the variance of a side's runs, as it is assumed and as they differ.

    Several that differ by more than that tell it alone.
    """
    pooled = (PRIOR_DEGREES * sample.std**2 + sample.squares) / (PRIOR_DEGREES + sample.runs - 1)
    return max(pooled, sample.squares / (sample.runs - 1)) if sample.runs > 2 else pooled


def change_of_difference(difference: Difference, basis: str, tests: int) -> Change:
    """Return what a difference says.

    Parameters
    ----------
    difference : Difference
        The difference.
    basis : str
        See `Change.basis`.
    tests : int
        Changes that are looked at together. Each has its share of the error that all may have: the
        correction of C. Bonferroni, 1936, which holds for changes that depend on each other too.
    """
    factor, error, log = difference.factor(tests), difference.error, difference.log
    low, high = _ratio(log - factor * error), _ratio(log + factor * error)
    visible = _ratio((factor + normal_quantile(_POWER)) * error) - 1
    verdict = Verdict.NO_DIFFERENCE
    if low > 1:
        verdict = Verdict.SLOWER
    elif high < 1:
        verdict = Verdict.FASTER
    change = Change(verdict, basis, _ratio(log), low, high, visible, difference.runs)
    if verdict is Verdict.NO_DIFFERENCE and visible > MAX_VISIBLE:
        reason = "The runs were disturbed, or differ too much from each other."
        return replace(change, verdict=Verdict.CANNOT_TELL, reason=reason)
    return change


def _ratio(log: float) -> float:
    """Return the ratio of a logarithm, as far as a float holds it."""
    return math.exp(min(max(log, -_MAX_LOG), _MAX_LOG))
