"""Ceilings inside the core: which one a rate is at, and which ones it rules out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from brickprof.core import metrics
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.thread_roofs import ThreadRoofs

ABOVE_CEILING = 1.04
"""Share of a ceiling above which it is ruled out: medians are known to 1/64, ceilings alike."""

BUSY_MEMORY = 0.35
"""Share of a memory's load rate from which it may be what holds back code that runs at half of the
scalar ceiling or more: vectors that wait for L2 do so too."""

MEANINGFUL = 0.8
"""Share of the peak from which a ceiling is no cause: kernels that lose a fifth to loads and edges
of tiles reach it too. Without multiply-adds Zen 4 gets to 0.84, as it adds in units of its own."""


ONE_FLOP = 1.5
"""Flops for an element up to which it is made by one operation, however that is counted."""


LEAST_TILES = 30
"""Timed tiles from which a rate in elements counts as at the ceiling of one operation: any code
makes elements at some rate, and the median of fewer comes near one of the ceilings by chance."""


LINK_FLOPS = 4.0
"""Flops up to which one link of a dependent chain may come with: a sum of squared differences has
three, of which the addition alone is in the chain."""


@dataclass(frozen=True, slots=True)
class CeilingText:
    """What is said of a ceiling, and the share of it from which a rate is at it.

    Parameters
    ----------
    what : str
        What it is the ceiling of.
    cause, action : str
        Why it is there, and what to do, in sentences.
    least : float
        Share from which a rate counts as at the ceiling.
    most_flops : float or None
        Compared with elements per time, since one operation makes an element, where tiles declare
        at most so many flops for one; None for a ceiling of flops.
    full_vectors : bool
        Whether the operations are those of full-width vectors.
    busy_memory : bool
        Whether a rate at the ceiling tells anything where a memory is busy as well.
    link_flops : float or None
        Flops of a link of the chain that the ceiling is the rate of; None for no chain.
    """

    what: str
    cause: str
    action: str
    least: float
    most_flops: float | None = None
    full_vectors: bool = False
    busy_memory: bool = True
    link_flops: float | None = None

    @property
    def rules_out(self) -> float:
        """Share of the ceiling above which it is no cause."""
        return ABOVE_CEILING * (LINK_FLOPS / self.link_flops if self.link_flops else 1.0)


_SUMS = "Sum into several independent accumulators: latency times units per cycle of them."
_VECTORS = (
    "Vectorize with full-width vectors; see what the compiler reports (-fopt-info-vec-missed)."
)

CEILINGS = {
    "scalar": CeilingText(
        "scalar code",
        "Each operation computes one element where a vector holds many.",
        _VECTORS,
        0.5,
        busy_memory=False,
    ),
    "quarter-width": CeilingText(
        "vectors of a quarter of the width",
        "The vectors in use are a quarter as wide as those of this CPU.",
        "Compile for this CPU (-march=native, -mprefer-vector-width=512) or use its intrinsics.",
        0.9,
    ),
    "half-width": CeilingText(
        "vectors of half the width",
        "The vectors in use are half as wide as those of this CPU.",
        "Compile for this CPU (-march=native, -mprefer-vector-width=512) or use its intrinsics.",
        0.9,
    ),
    "no-fma": CeilingText(
        "multiplications and additions apart",
        "A multiplication and an addition take two operations where a multiply-add takes one.",
        "Compile with FMA (-mfma, -ffp-contract=fast) or write multiply-adds.",
        0.92,
    ),
    "chain": CeilingText(
        "one dependent chain of vectors",
        "Each operation waits for the result of the one before it.",
        _SUMS,
        0.8,
        full_vectors=True,
        link_flops=2.0,
    ),
    "scalar-chain": CeilingText(
        "one dependent chain of scalars",
        "Each operation waits for the result of the one before it, and computes one element.",
        "Sum into several independent vectors; a compiler needs -fassociative-math for that.",
        0.8,
        link_flops=2.0,
    ),
    "scalar-add-chain": CeilingText(
        "one dependent chain of scalar additions",
        "Each addition waits for the result of the one before it, and adds one element.",
        "Sum into several independent vectors; a compiler needs -fassociative-math for that.",
        0.8,
        link_flops=1.0,
    ),
    "divide": CeilingText(
        "divisions",
        "The divider takes several cycles for each vector and is not pipelined fully.",
        "Multiply by a reciprocal that is computed once, or refine an approximate one.",
        0.85,
        most_flops=ONE_FLOP,
        full_vectors=True,
    ),
    "sqrt": CeilingText(
        "square roots",
        "The divider takes several cycles for each vector and is not pipelined fully.",
        "Refine an approximate reciprocal square root, or compare squares.",
        0.85,
        most_flops=ONE_FLOP,
        full_vectors=True,
    ),
    "exp": CeilingText(
        "exponentials",
        "An exponential takes a dozen operations even with vectors.",
        "Use fewer of them, a lower degree where accuracy allows, or base two.",
        0.85,
        most_flops=40,
        full_vectors=True,
    ),
}
"""What is said of each ceiling, by its name in `Roofs.ceilings_gflops`."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A ceiling that a rate is at.

    Parameters
    ----------
    name : str
        Its key in `CEILINGS`.
    rate, ceiling : float
        The rate and the ceiling, in `unit`.
    unit : str
        ``"GFLOP/s"``, or ``"1e9 elements/s"``.
    peak_gflops : float
        One thread's peak.
    """

    name: str
    rate: float
    ceiling: float
    unit: str
    peak_gflops: float

    @property
    def share(self) -> float:
        """The rate over the ceiling."""
        return metrics.share(self.rate, self.ceiling)


def ceilings_hit(row: LevelSummary, roofs: ThreadRoofs) -> list[Ceiling]:
    """Return the ceilings that a level's rate is at, the likeliest first."""
    hits = []
    for name, ceiling in roofs.ceilings_gflops().items():
        text = CEILINGS.get(name)
        if text is None or not _comparable(text, ceiling, row, roofs.peak_gflops):
            continue
        if text.most_flops is None:
            hit = Ceiling(name, row.typical_gflops, ceiling, "GFLOP/s", roofs.peak_gflops)
        else:
            hit = Ceiling(name, elements_rate(row), ceiling, "G elements/s", roofs.peak_gflops)
        if text.least <= hit.share <= ABOVE_CEILING:
            hits.append(hit)
    # Any operations make elements at some rate, so flops tell more where an element takes several.
    several = row.stats.flops > ONE_FLOP * row.stats.elements
    return sorted(
        hits,
        key=lambda hit: (
            several and CEILINGS[hit.name].most_flops is not None,
            abs(math.log(hit.share)),
        ),
    )


def _comparable(text: CeilingText, ceiling: float, row: LevelSummary, peak: float) -> bool:
    """Tell whether a ceiling may be what holds a level back."""
    if text.most_flops is None:
        return ceiling <= MEANINGFUL * peak
    return (
        row.stats.timed >= LEAST_TILES
        and row.stats.elements > 0
        and row.stats.flops <= text.most_flops * row.stats.elements
    )


def busy(row: LevelSummary, memory: str, roofs: ThreadRoofs) -> bool:
    """Tell whether a memory may be what holds back code that seems scalar."""
    return row.typical_gbs >= BUSY_MEMORY * roofs.load_gbs(memory)


def elements_rate(row: LevelSummary) -> float:
    """Return a level's elements per nanosecond, of the typical tile."""
    return metrics.share(row.stats.elements, row.typical_ns * row.stats.count)
