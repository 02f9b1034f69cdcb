"""Caveats on the figures of all bricks of a recording, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.plain_text import printable
from brickprof.recording import DEFAULT_BRICK, Recording
from brickprof.roofline import Roofs


def run_notes(recording: Recording, roofs: Roofs | None) -> Iterator[str]:
    """Yield notes on the figures of all bricks."""
    if any(info.threads_inside for info in recording.brick_infos):
        yield (
            "Tiles of bricks named by a line are calls of a library, with counted flops and bytes; "
            "their rates are those of all threads that it uses, and are held against the roofs of "
            "as many."
        )
    yield from _mixed_dtypes(recording)
    if any(info.threads > 1 and not info.threads_inside for info in recording.brick_infos):
        yield (
            "On several threads a level's rate is that of one thread (flops over the summed busy "
            "time) and is held against one thread's share of the roof; the rate above a table is "
            "that of all threads over wall time."
        )
    if recording.sample_every > 1:
        yield (
            f"One tile in {units.format_count(recording.sample_every)} was timed; all are counted, "
            "and times are scaled."
        )
    if recording.open_tiles:
        yield _left_out(recording.open_tiles, "still open")
    if recording.abandoned_tiles:
        reasons = "; ".join(
            f"{units.format_count(tiles)} {reason}" for reason, tiles in recording.abandoned_by
        )
        yield _left_out(recording.abandoned_tiles, "never stopped") + (
            f" Why: {reasons}." if reasons else ""
        )
    if recording.brickless_threads and DEFAULT_BRICK in recording.bricks:
        yield _brickless(recording.brickless_threads)
    if recording.clock_steps_back:
        tiles = units.format_count(recording.clock_steps_back)
        yield f"The clock stepped back during {tiles} of the tiles, whose times are too short."
    if recording.events_dropped:
        yield (
            f"{units.format_count(recording.events_dropped)} tiles did not fit into the time line; "
            "all other figures count them."
        )
    if recording.clock.source == "mixed":
        yield "The merged runs were timed by different clocks."
    yield from _roof_notes(recording, roofs)


def _mixed_dtypes(recording: Recording) -> Iterator[str]:
    """Yield a note where some lines call a library with float64 and others with float32."""
    lines: dict[str, list[str]] = {"float32": [], "float64": []}
    computing = {tile.brick for tile in recording.tiles if tile.flops}
    for info in recording.brick_infos:
        if info.name not in computing:  # such as of integers, which have no roofs of their own
            continue
        if info.threads_inside and len(info.dtypes) == 1 and info.dtypes[0] in lines:
            lines[info.dtypes[0]].append(info.name)
    if all(lines.values()):
        doubles = units.listed([printable(name) for name in lines["float64"][:3]])
        yield (
            f"Some lines compute in float32, others in float64 ({doubles}), at half the rate and "
            "twice the bytes. One float64 operand is enough for that: arrays that are made without "
            "dtype= are float64."
        )


def _left_out(tiles: int, state: str) -> str:
    """Return the note that some tiles are in no figure."""
    verb = "tile was" if tiles == 1 else "tiles were"
    return f"{units.format_count(tiles)} {verb} {state}, and in no figure."


def _brickless(threads: int) -> str:
    """Return the note that some threads were in no brick."""
    began = "thread began" if threads == 1 else "threads began"
    return (
        f"{units.format_count(threads)} {began} outside any brick while another thread was in one: "
        "a brick is that of its thread and context. Enter it in the worker, or hand the worker "
        "contextvars.copy_context().run."
    )


def _roof_notes(recording: Recording, roofs: Roofs | None) -> Iterator[str]:
    """Yield notes on missing roofs, or roofs of another machine."""
    if roofs is None and recording.more_roofs:
        # Those of one kind would be the recording's if all of what is summed in it had them.
        kinds = len({one.kind for one in recording.more_roofs})
        found = (
            "There are roofs of several kinds" if kinds > 1 else "Only some of the runs have roofs"
        )
        yield (
            f"{found}, of {_machines(recording)}. Each brick is held against those of its threads "
            "and instruction set, if there are any of its machine."
        )
        return
    if roofs is None:
        threads = max((info.threads for info in recording.brick_infos), default=1)
        machine = recording.machine
        usable = threads if machine is None else machine.usable_cores
        yield (
            f"No roofs of {units.format_threads(threads)} were measured: efficiency is unknown, "
            f"and above {units.format_intensity(metrics.RULE_OF_THUMB_INTENSITY)} counts as "
            "compute-bound (rule of thumb, marked ?). Run "
            f"`brickprof calibrate --threads {min(threads, usable)}`."
        )
        return
    machine = recording.machine
    if machine is None:
        yield "The run's machine is unknown: whether the roofs are those of that machine is too."
    elif machine.fingerprint() != roofs.fingerprint:
        yield f"The roofs are those of another machine ({roofs.cpu}): efficiency compares the two."
    elif not recording.isas and machine.isa != roofs.isa:
        yield f"The roofs were measured with {roofs.isa}, the machine of the run has {machine.isa}."


def _machines(recording: Recording) -> str:
    """Return the processors that roofs were measured on."""
    names = dict.fromkeys(roofs.cpu for roofs in recording.more_roofs)
    return units.listed([printable(name) for name in list(names)[:4]])
