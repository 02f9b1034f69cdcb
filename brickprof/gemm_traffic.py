"""The bytes that each tile level of a GEMM plan moves, in closed form.

Bytes at a level are those that pass between that level's cache and the core's side of it: Micro
counts the micro-kernel's loads and stores, Midi what L2 gives and takes, Macro what L3 does.
`tests/test_cache_simulation.py` holds the totals against a simulated cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brickprof.tiling import ceil_div, round_up

if TYPE_CHECKING:
    from brickprof.gemm_tiling import GemmPlan

DOT_ROWS = 4
"""Rows that share a load of a vector in dot products, as declared."""

AXPY_ROWS = 4
"""Rows that share a pass over their sum."""


@dataclass(slots=True)
class Totals:
    """Tiles, and elements that they move."""

    tiles: int = 0
    elements: int = 0

    def add(self, elements: int) -> None:
        """Count one more tile."""
        self.tiles += 1
        self.elements += elements


def gemm_totals(plan: GemmPlan) -> tuple[Totals, Totals, Totals]:
    """Return the totals of a plan by level, coarsest first."""
    totals = (Totals(), Totals(), Totals())
    if plan.flops:
        walk = {"tiles": _tiles, "axpy": _axpy}.get(plan.kind, _dots)
        walk(plan, totals)
    return totals


def _steps(plan: GemmPlan) -> list[tuple[int, int]]:
    """Return the depth of each step of k, and how often C is touched in it."""
    return [(min(plan.kc, plan.k - p), 2 if p else 1) for p in range(0, plan.k, plan.kc)]


def _tiles(plan: GemmPlan, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of register blocks."""
    macro, midi, micro = totals
    block = plan.mc
    for part in plan.parts():
        for deep, touches in _steps(plan):
            blocks = range(0, part.rows, block)
            macro.add(
                (part.rows + len(blocks) * part.columns) * deep
                + touches * part.rows * part.columns
            )
            for first in blocks:
                rows = min(block, part.rows - first)
                _midi(plan, (midi, micro), rows, part.columns, deep, touches)


def _midi(
    plan: GemmPlan,
    totals: tuple[Totals, Totals],
    rows: int,
    columns: int,
    deep: int,
    touches: int,
) -> None:
    """Add a Midi tile and the Micro tiles in it.

    A block of A that takes more than half of L1 comes from L2 for each strip, a strip that does not
    stay in L1 beside two panels of A for each panel.
    """
    midi, micro = totals
    kernel, l1 = plan.micro, plan.blocks.l1_bytes
    panels = ceil_div(rows, kernel.mr)
    copied = plan.copies_strips(panels)
    widths = plan.strips(rows, columns)
    a, b = rows, columns
    if deep * (kernel.nr + 2 * kernel.mr) * plan.itemsize > l1:
        padded = sum(round_up(width, kernel.lanes) for width in widths)
        b += (panels - 1 + copied) * (padded if copied else columns)
    if 2 * rows * deep * plan.itemsize > l1:
        a *= len(widths)
    if plan.packs_a(columns):
        a += 2 * rows
    midi.add((a + b) * deep + touches * rows * columns)
    for width in widths:
        padded = round_up(width, kernel.lanes)
        if plan.b_layout != "rows":
            b = width + padded + panels * padded
        else:
            b = width + panels * padded if copied else panels * width
        micro.add((rows + b) * deep + touches * rows * width)


def _dots(plan: GemmPlan, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of dot products."""
    macro, midi, micro = totals
    vectors, most = plan.dot_vectors, plan.micro.dots
    groups = ceil_div(vectors, most)
    for part in plan.parts():
        rows = part.rows if plan.kind == "dots of rows" else part.columns
        for deep, touches in _steps(plan):
            macro.add((rows + vectors) * deep + touches * vectors * rows)
            for first in range(0, rows, plan.dot_block):
                count = min(plan.dot_block, rows - first)
                midi.add((count * groups + vectors) * deep + touches * vectors * count)
                for group in range(groups):
                    across = vectors * (group + 1) // groups - vectors * group // groups
                    micro.add(
                        (count + ceil_div(count, DOT_ROWS) * across) * deep
                        + touches * across * count
                    )


def _axpy(plan: GemmPlan, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of a sum of rows."""
    macro, midi, micro = totals
    for part in plan.parts():
        macro.add(plan.k * (part.columns + 1) + part.columns)
        for first in range(0, part.columns, plan.axpy_block):
            count = min(plan.axpy_block, part.columns - first)
            midi.add(plan.k * (count + 1) + count)
            passes = 2 * ceil_div(plan.k, AXPY_ROWS) - 1
            micro.add(plan.k * (count + 1) + passes * count)
