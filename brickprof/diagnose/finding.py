"""Finding: a symptom, its evidence, the likely cause and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core.levels import TileLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that limits a brick, a recording or a sweep, or makes its figures doubtful.

    Parameters
    ----------
    code : str
        Its kind, one of `brickprof.diagnose.explanations.EXPLANATIONS`.
    brick : str or None
        The brick; None where the finding is about the whole recording or a sweep.
    level : TileLevel or None
        The level; None where the finding is about the whole brick, recording or sweep.
    symptom, evidence : str
        What is observed and the figures that show it, as clauses.
    figures : tuple of (str, float)
        The figures of the evidence by name, with the unit at the end of the name.
    cause, action : str
        The likely cause and what to do, in sentences.
    weight : float
        Estimate of the nanoseconds concerned, of the threads' time in a recording or of a call in
        a sweep; findings are sorted by it.
    gain : float or None
        How many times as fast the brick would be at most if all of `weight` were saved; None where
        that is no estimate.
    """

    code: str
    brick: str | None
    level: TileLevel | None
    symptom: str
    evidence: str
    figures: tuple[tuple[str, float], ...]
    cause: str
    action: str
    weight: float
    gain: float | None = None
