"""The bytes that each tile level of a GEMM plan moves, tile by tile.

Bytes at a level are those that pass between that level's cache and the core's side of it: Micro
counts the micro-kernel's loads and stores, Midi what L2 gives and takes, Macro what L3 does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brickprof.planning.blocks import ceil_div, round_up

if TYPE_CHECKING:
    from oracles.gemm_plan import GemmOracle

DOTXF_ROWS = 4
"""Rows that share a load of one of several vectors in dot products, as declared."""

MATVEC_ROWS = 2
"""Rows that share a load of the only vector."""

LINE_BYTES = 64
"""Of a cache line."""

AXPYF_ROWS = 8
"""Rows that share a pass over their sum."""


def evicted(elements: int, footprint_bytes: int, cache_bytes: int) -> int:
    """Return how many of some elements a cache loses before they are used again.

    None up to 0.77 of its size, all from 1.2 on, since sets fill unevenly; fitted to simulations.
    """
    share = 100 * footprint_bytes - 77 * cache_bytes
    return elements * min(max(share, 0), 43 * cache_bytes) // (43 * cache_bytes)


@dataclass(slots=True)
class Totals:
    """Tiles, and elements that they move."""

    tiles: int = 0
    elements: int = 0
    stored_again: int = 0

    def add(self, elements: int, stored_again: int = 0) -> None:
        """Count one more tile; of its elements some are stored where they were loaded."""
        self.tiles += 1
        self.elements += elements
        self.stored_again += stored_again


def gemm_totals(plan: GemmOracle) -> tuple[Totals, Totals, Totals]:
    """Return the totals of a plan by level, coarsest first."""
    totals = (Totals(), Totals(), Totals())
    if plan.flops:
        walk = {"tiles": _tiles, "axpyf": _axpyf}.get(plan.kind, _dotxf)
        walk(plan, totals)
    return totals


def _steps(plan: GemmOracle) -> list[tuple[int, int]]:
    """Return the depth of each step of k, and how often C is touched in it."""
    return [(min(plan.kc, plan.k - p), 2 if p else 1) for p in range(0, plan.k, plan.kc)]


def _tiles(plan: GemmOracle, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of register blocks."""
    macro, midi, micro = totals
    block = plan.mc
    for part in plan.parts():
        for deep, touches in _steps(plan):
            blocks = range(0, part.rows, block)
            packs = plan.packs_b or plan.prepacked
            padded = round_up(part.columns, plan.micro.lanes) if packs else part.columns
            packed = part.columns if plan.packs_b else 0
            # Beside B there are a block of A, much of it twice, and its rows of C.
            rows = min(block, part.rows)
            footprint = ((7 * rows // 4 + padded) * deep + rows * part.columns) * plan.itemsize
            passes = len(blocks) + (1 if plan.packs_b else -1)
            again = evicted(passes * padded, footprint, plan.blocks.l2_bytes)
            once = packed or padded
            c = part.rows * part.columns
            macro.add((part.rows + once + again) * deep + touches * c, (touches - 1) * c)
            for first in blocks:
                rows = min(block, part.rows - first)
                _midi(plan, (midi, micro), rows, part.columns, deep, touches)


def _midi(
    plan: GemmOracle,
    totals: tuple[Totals, Totals],
    rows: int,
    columns: int,
    deep: int,
    touches: int,
) -> None:
    """Add a Midi tile and the Micro tiles in it.

    A block of A comes from L2 for each micropanel of B if it does not stay in L1, and one of B for
    each of A if it does not beside one. Rows of C, and of B where it is used in place, begin at any
    16 bytes of a line, so that they take most of another one; B's is that of the micropanel before,
    which may still be there.
    """
    midi, micro = totals
    kernel, l1 = plan.micro, plan.blocks.l1_bytes
    micropanels = ceil_div(rows, kernel.mr)
    mode = plan.b_mode(rows)
    widths = plan.micropanel_widths(rows, columns)
    padded = round_up(columns, kernel.lanes)
    more = (LINE_BYTES - 16) // plan.itemsize
    ragged = columns + len(widths) * more
    in_place = mode in ("in place", "single pass")
    again = (micropanels - 1 + (mode in ("copied", "transposed"))) * (
        ragged if in_place else padded
    )
    micropanel = kernel.nr + in_place * more
    held = deep * (micropanel + kernel.mr) * plan.itemsize
    b = padded if mode == "packed" else columns
    if in_place or mode == "copied":
        b += evicted(len(widths) * more, held, l1)
    b += evicted(again, held, l1)
    a = rows + evicted((len(widths) - 1) * rows, deep * (rows + micropanel) * plan.itemsize, l1)
    if plan.packs_a(columns):
        a += 2 * rows
    c = rows * ragged
    midi.add((a + b) * deep + touches * c, (touches - 1) * c)
    batched = micropanels == 1 and mode in ("single pass", "packed")
    full = max(widths)
    whole = widths.count(full) if batched and columns >= full_width(plan, rows) else 0
    for width in widths[:1] + widths[whole:] if whole else widths:
        together = whole if whole and width == full else 1
        swept = micropanels * round_up(width, kernel.lanes)
        b = {
            "packed": swept,
            "transposed": width + round_up(width, kernel.lanes) + swept,
            "copied": width + swept,
        }.get(mode, micropanels * width)
        micro.add(together * ((rows + b) * deep + touches * rows * width))


def full_width(plan: GemmOracle, rows: int) -> int:
    """Return the columns of a full register tile for a block of some rows."""
    return plan.micropanel_widths(rows, 10**6)[0]


def _dotxf(plan: GemmOracle, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of dot products."""
    macro, midi, micro = totals
    vectors, most = plan.dotxf_vectors, plan.micro.max_dotxf
    groups = ceil_div(vectors, most)
    for part in plan.parts():
        rows = part.rows if plan.kind == "dotxf rows" else part.columns
        for deep, touches in _steps(plan):
            macro.add((rows + vectors) * deep + touches * vectors * rows)
            for first in range(0, rows, plan.dotxf_block):
                count = min(plan.dotxf_block, rows - first)
                midi.add((count * groups + vectors) * deep + touches * vectors * count)
                for group in range(groups):
                    across = vectors * (group + 1) // groups - vectors * group // groups
                    shared = MATVEC_ROWS if across == 1 else DOTXF_ROWS
                    micro.add(
                        (count + ceil_div(count, shared) * across) * deep + touches * across * count
                    )


def _axpyf(plan: GemmOracle, totals: tuple[Totals, Totals, Totals]) -> None:
    """Walk the tiles of a sum of rows."""
    macro, midi, micro = totals
    for part in plan.parts():
        macro.add(plan.k * (part.columns + 1) + part.columns)
        for first in range(0, part.columns, plan.axpyf_block):
            count = min(plan.axpyf_block, part.columns - first)
            midi.add(plan.k * (count + 1) + count)
            passes = 2 * ceil_div(plan.k, AXPYF_ROWS) - 1
            micro.add(plan.k * (count + 1) + passes * count)
