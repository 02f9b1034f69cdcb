"""The rules that are applied to every brick, each registered where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from brickprof.diagnose.finding import Finding
from brickprof.diagnose.summary import BrickSummary, Summary

Rule = Callable[[BrickSummary, Summary], Iterable[Finding]]
"""Gives the findings about one brick of a recording; none where a fact that it needs is missing."""

_rules: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Register a function as a rule, as a decorator.

    Parameters
    ----------
    function : callable
        Takes a `BrickSummary` and the `Summary` that it belongs to, returns findings.

    Returns
    -------
    callable
        The function itself.
    """
    _rules.append(function)
    return function


def registered_rules() -> tuple[Rule, ...]:
    """Return the rules registered so far."""
    return tuple(_rules)
