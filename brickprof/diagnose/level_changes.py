"""Which level of a brick changed, where the machine may have been slower for one run.

A neighbour on the core or a lower frequency makes all levels take longer alike, by an amount that
is not known well; how a brick's time divides among its levels is known far better. So the change of
a level's self time is its own plus one that all have in common. That each level changed, or that
only the machine did, are explanations; the one chosen needs the fewest changes for what was seen,
as in the penalized likelihood of G. Schwarz, Estimating the dimension of a model, 1978, with the
square of the interval's quantile as the price of a change. Where another one that contradicts it is
nearly as good, nothing is told. What is told of a level is relative to those that did not change:
where the machine may have been slower, two levels that got slower and one that got faster look the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from brickprof.diagnose.change import Change, Difference, Verdict, change_of_difference

MARGIN = 4.0
"""By how much worse a contradicting explanation must be, in units of chi-squared: as likely by a
factor of seven less."""

AMBIGUOUS = (
    "Either this level changed or the others did, and the machine with them: more runs would tell."
)


@dataclass(frozen=True, slots=True)
class _Explanation:
    """A set of levels that did not change, and the change that they then have in common."""

    kept: tuple[str, ...]
    cost: float
    common: Difference


def level_changes(
    shares: Mapping[str, Difference], common: Difference, tests: int
) -> dict[str, Change]:
    """Tell by how much each level's self time changed.

    Parameters
    ----------
    shares : mapping of str to Difference
        Change of each level's share in the self time of all levels.
    common : Difference
        Change of the self time of all levels, of which the machine's is a part.
    tests : int
        As in `brickprof.diagnose.change.change_of_difference`.
    """
    seen = {level: replace(share, log=share.log + common.log) for level, share in shares.items()}
    prior = replace(common, log=0.0)
    price = max(one.factor(tests) for one in (*seen.values(), prior)) ** 2
    ranked = sorted(_explanations(seen, prior, price), key=lambda one: one.cost)
    chosen = ranked[0]
    near = [one for one in ranked[1:] if one.cost < chosen.cost + MARGIN]
    return {level: _change(level, seen, prior, chosen, near, tests) for level in seen}


def _explanations(
    seen: Mapping[str, Difference], prior: Difference, price: float
) -> list[_Explanation]:
    """Return all explanations: that each set of levels did not change."""
    found = []
    for count in range(len(seen) + 1):
        for kept in combinations(seen, count):
            common = _common([seen[level] for level in kept], prior)
            cost = price * (len(seen) - count) + (common.log / prior.error) ** 2
            cost += sum(((seen[one].log - common.log) / seen[one].error) ** 2 for one in kept)
            found.append(_Explanation(kept, cost, common))
    return found


def _common(kept: list[Difference], prior: Difference) -> Difference:
    """Return the change that levels have in common: the mean weighted by inverse variances."""
    weights = [1 / one.error**2 for one in (prior, *kept)]
    log = sum(weight * one.log for weight, one in zip(weights, (prior, *kept), strict=True)) / sum(
        weights
    )
    return replace(prior, log=log, error=sum(weights) ** -0.5)


def _change(
    level: str,
    seen: Mapping[str, Difference],
    prior: Difference,
    chosen: _Explanation,
    near: list[_Explanation],
    tests: int,
) -> Change:
    """Return a level's change as an explanation has it."""
    change = _own(level, seen, prior, chosen, tests)
    if any(_own(level, seen, prior, one, tests).verdict is not change.verdict for one in near):
        return replace(change, verdict=Verdict.CANNOT_TELL, reason=AMBIGUOUS)
    return change


def _own(
    level: str,
    seen: Mapping[str, Difference],
    prior: Difference,
    explanation: _Explanation,
    tests: int,
) -> Change:
    """Return a level's change besides the one that the others which did not change have."""
    others = _common([seen[one] for one in explanation.kept if one != level], prior)
    others_kept = any(one != level for one in explanation.kept)
    basis = "relative self time" if others_kept else "self time"
    return change_of_difference(seen[level].less(others), basis, tests)
