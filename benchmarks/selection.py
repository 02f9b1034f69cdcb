"""What a run consists of, and which parts of it a command line selects."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.kernels.table import KERNELS

GROUPS = {kernel.name: tuple(kernel.families) for kernel in KERNELS.values()}
"""The families of each kernel."""

FAMILIES = tuple(family for group in GROUPS.values() for family in group)

MEASUREMENTS = ("timer", "slowdown", "corrected", "errors", "roofs", "gain")
"""What is measured besides the families."""

PARTS = (*FAMILIES, *MEASUREMENTS)

NAMES = (*GROUPS, *PARTS)
"""All that ``--only`` may name."""


def selected(only: Sequence[str] | None) -> list[str]:
    """Return the families and measurements that are to be run, groups spelled out."""
    return [part for name in only or PARTS for part in GROUPS.get(name, (name,))]
