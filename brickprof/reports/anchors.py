"""Ids of what a page's links point to, and how many bricks have some."""

from __future__ import annotations

MAX_BRICKS = 500
"""Bricks whose levels have a row: a page of more opens slowly."""


def level_anchor(brick: int, level: str) -> str:
    """Return the id of the row of a level, of the brick with a number in the summary."""
    return f"level-{brick}-{level.lower()}"


def finding_anchor(number: int) -> str:
    """Return the id of a finding, counted from 1."""
    return f"finding-{number}"
