"""Choose the next id from logits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoder.checks import integer
from decoder.weights import Array


@dataclass(frozen=True)
class Sampling:
    """How ids are drawn.

    Parameters
    ----------
    temperature : float
        Divides the logits; 0 takes the likeliest id.
    top_k : int, optional
        Draw from this many of the likeliest ids.
    top_p : float, optional
        Draw from the fewest likeliest ids that have this probability together, in (0, 1].

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong type or out of range.

    Notes
    -----
    Ids are left out by `top_k` first, then by `top_p` among those that remain: A. Holtzman et al.,
    "The Curious Case of Neural Text Degeneration", 2020, section 3.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("temperature", self.temperature), ("top_p", self.top_p)):
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, (int, float, np.floating))
            ):
                raise TypeError(f"{name} must be a number, got {value!r}")
        if self.temperature is None or not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be finite and >= 0, got {self.temperature!r}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p!r}")
        if self.top_k is not None:
            integer("top_k", self.top_k, 1)

    def draw(self, logits: Array, random: np.random.Generator) -> int:
        """Draw an id; of equal logits the lower id is the likelier.

        Parameters
        ----------
        logits : ndarray, shape (vocab,)
            One for each id; -inf for one that is never drawn.
        random : numpy.random.Generator
            Gives one number, unless the temperature is 0.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If a logit is NaN or inf, or all are -inf.
        """
        best = logits.max()
        if not np.isfinite(best):
            raise ValueError(f"logits must have a finite maximum, got {best}")
        if self.temperature == 0:
            return int(logits.argmax())
        ids, probabilities = self._candidates(logits)
        totals = np.cumsum(probabilities)
        # Rounding may put a draw from [0, total) at the total itself, behind the last id.
        index = np.searchsorted(totals, random.random() * totals[-1], side="right")
        return int(ids[min(int(index), len(ids) - 1)])

    def _candidates(self, logits: Array) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the ids that may be drawn, likeliest first if not all are, and their weights."""
        if self.top_k is None or self.top_k >= len(logits):
            ids = np.arange(len(logits))
        else:
            index = len(logits) - self.top_k
            ids = np.flatnonzero(logits >= np.partition(logits, index)[index])
        if self.top_k is not None or self.top_p is not None:
            ids = ids[np.argsort(-logits[ids], kind="stable")][: self.top_k]
        with np.errstate(over="ignore"):  # a temperature near 0 leaves the likeliest alone
            scaled = (logits[ids].astype(np.float64) - float(logits.max())) / self.temperature
        weights = np.exp(scaled)
        if self.top_p is not None:
            before = np.cumsum(weights) - weights
            kept = int(np.count_nonzero(before < self.top_p * weights.sum()))
            ids, weights = ids[:kept], weights[:kept]
        return ids, weights
