"""Outcome of a tuning: what was raced, what was proved, and what to use."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from brickprof.recording import Recording
from brickprof.tuning.medians import median_interval
from brickprof.tuning.proof import Proof


@dataclass(frozen=True, slots=True)
class TunedCandidate:
    """A candidate that was raced.

    Parameters
    ----------
    arguments : dict of str to object
        What `fn` was called with.
    times_ns : tuple of int
        Nanoseconds of each round.
    """

    arguments: dict[str, object]
    times_ns: tuple[int, ...]

    @property
    def median_ns(self) -> int:
        """Median time in nanoseconds, rounded."""
        return round(statistics.median(self.times_ns))

    @property
    def interval_ns(self) -> tuple[int, int]:
        """Confidence interval of the median, in nanoseconds; see `median_interval`."""
        return median_interval(self.times_ns)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `tune` found.

    Parameters
    ----------
    default : dict of str to object
        The arguments to beat.
    candidates : tuple of TunedCandidate
        Those that were raced, the fastest first; the default is among them.
    space_size, tried : int
        Candidates of the space, and how many of them were timed.
    wrong : tuple of dict
        Arguments of the candidates whose results differed from the default's.
    failed : tuple of (dict, str)
        Arguments of the candidates that raised, and what.
    proof : Proof or None
        The fastest against the default; None where the default is the fastest.
    margin : float
        Share by which the whole confidence interval of the proof must be above 1.
    search_ns, proof_ns : int
        How long it took.
    before, after : Recording or None
        The default and the fastest, profiled; None where `fn` takes no profiler.
    """

    default: dict[str, object]
    candidates: tuple[TunedCandidate, ...]
    space_size: int
    tried: int
    wrong: tuple[dict[str, object], ...]
    failed: tuple[tuple[dict[str, object], str], ...]
    proof: Proof | None
    margin: float
    search_ns: int
    proof_ns: int
    before: Recording | None = field(default=None, repr=False)
    after: Recording | None = field(default=None, repr=False)

    @property
    def fastest(self) -> TunedCandidate:
        """The fastest of the race, whether it was proved or not."""
        return self.candidates[0]

    @property
    def improved(self) -> bool:
        """Whether the fastest is proved to be faster than the default by the margin."""
        return self.proof is not None and self.proof.interval[0] > 1 + self.margin

    @property
    def best(self) -> dict[str, object]:
        """The arguments to use: those of the fastest where it is proved, else the default's."""
        return self.fastest.arguments if self.improved else self.default
