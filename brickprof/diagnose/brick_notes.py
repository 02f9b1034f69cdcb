"""Caveats on the figures of one brick, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.thread_roofs import ABOVE_ROOF, candidates
from brickprof.recording import BrickInfo, Recording
from brickprof.roofline import Roofs

_SOURCE_NOTES = {
    "counted": "Flops and bytes of its tiles were counted from the calls that they make, by "
    "shapes and element types.",
    "simulated": "Flops and bytes of its tiles were found by running its instructions under a "
    "simulator.",
}
"""By source of work, what is said of a brick whose tiles' work is not declared by hand."""


def brick_notes(
    recording: Recording,
    info: BrickInfo,
    dtype: str,
    levels: tuple[LevelSummary, ...],
    roofs: Roofs | None,
    own_roofs: Roofs | None,
    peak_share: float | None,
) -> Iterator[str]:
    """Yield notes on a brick's figures.

    Parameters
    ----------
    recording : Recording
        The recording.
    info : BrickInfo
        The brick.
    dtype : str
        Its element type.
    levels : tuple of LevelSummary
        Its levels.
    roofs, own_roofs : Roofs or None
        Those of the recording, and those that the brick is held against.
    peak_share : float or None
        The whole run's share of the peak.
    """
    yield from _work_notes(levels, is_library=bool(info.threads_inside))
    if not info.threads_inside:  # of which the run's notes tell
        yield from map(_SOURCE_NOTES.__getitem__, info.work_sources)
    if levels:
        yield from _roof_notes(recording, info, dtype, roofs, own_roofs)
    if peak_share is not None and peak_share > ABOVE_ROOF:
        yield (
            f"The run is at {units.format_percent(peak_share)} of the peak: the peak or the flops "
            "are wrong."
        )


def _work_notes(levels: tuple[LevelSummary, ...], *, is_library: bool) -> Iterator[str]:
    """Yield notes on flops and bytes that were not declared, or that disagree.

    Calls of a library are of one level each, so that levels have no flops in common.
    """
    if not levels:
        yield "No tile was recorded in it."
    assumed = [row.level.label for row in levels if row.bytes_basis == "assumed"]
    if assumed:
        yield (
            f"Bytes of {units.listed(assumed)} are assumed (elements x item size, marked ~): pass "
            "nbytes= where the kernel knows its traffic."
        )
    no_bytes = [row.level.label for row in levels if row.bytes_basis == "none"]
    if no_bytes:
        yield f"{units.listed(no_bytes)} declared neither bytes nor elements: intensity is unknown."
    no_flops = [row.level.label for row in levels if not row.stats.flops]
    if no_flops:
        yield f"{units.listed(no_flops)} declared no flops: rate and efficiency are unknown."
    declaring = [row for row in levels if row.stats.flops]
    if not is_library and len({row.stats.flops for row in declaring}) > 1:
        totals = ", ".join(
            f"{row.level.label} {units.format_count(row.stats.flops)}" for row in declaring
        )
        yield (
            f"Levels declare different flops ({totals}); the run's rate is by "
            f"{declaring[0].level.label}."
        )


def _roof_notes(
    recording: Recording, info: BrickInfo, dtype: str, roofs: Roofs | None, own_roofs: Roofs | None
) -> Iterator[str]:
    """Yield notes on roofs of another ISA, element type or thread count than the brick's."""
    known = candidates(recording, roofs)
    if not known:
        return
    isas = sorted({one.isa for one in known})
    if own_roofs is None and info.isas and (len(info.isas) > 1 or info.isas[0] not in isas):
        yield (
            f"It ran with {' and '.join(info.isas)}, the roofs are those of {' and '.join(isas)}: "
            "efficiency is left out, the bound is by rule of thumb."
        )
    elif own_roofs is None:
        yield (
            f"No peak was measured for {dtype} elements: efficiency is left out, the bound is by "
            "rule of thumb."
        )
    elif own_roofs.threads != info.threads:
        machine = recording.machine
        helps = machine is not None and info.threads <= machine.usable_cores
        yield (
            f"It ran on {units.format_threads(info.threads)}, the roofs are those of "
            f"{units.format_threads(own_roofs.threads)}: a thread's share may differ, the share of "
            f"peak is left out.{_calibrate(info.threads) if helps else ''}"
        )


def _calibrate(threads: int) -> str:
    """Return the advice to measure the roofs of a number of threads."""
    return f" Run `brickprof calibrate --threads {threads}`."
