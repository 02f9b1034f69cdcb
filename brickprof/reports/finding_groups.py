"""Findings that say the same of several bricks, as every output but JSON lists them: together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from brickprof.diagnose import Finding


def grouped(findings: Iterable[Finding]) -> list[tuple[Finding, ...]]:
    """Put findings together that say the same of several bricks.

    Parameters
    ----------
    findings : iterable of Finding
        Most important first.

    Returns
    -------
    list of tuple of Finding
        Those with the same code, level and action, but for numbers, in one tuple, in the order of
        the first of each.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        alike = finding.code, finding.level, re.sub(r"[\d.,]+", "#", finding.action)
        groups.setdefault(alike, []).append(finding)
    return list(map(tuple, groups.values()))
