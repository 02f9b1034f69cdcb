"""What no profiler records is refused, and what one does is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

import brickprof as bp
from brickprof.core.errors import RecordingError
from brickprof.core.levels import TileLevel
from brickprof.recording import Recording, ThreadUsage


def lied(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return a recording of two tiles as JSON, with a change that contradicts the rest."""
    prof = bp.BrickProfiler(clock="manual", events=8)
    prof.enable_tile_profiling()
    with prof.brick("k"):
        for row in range(2):
            with prof.tile(TileLevel.MICRO, row, 0, elements=3, flops=7, nbytes=8):
                prof.advance(10)
    data: dict[str, Any] = json.loads(json.dumps(prof.recording().to_json()))
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["tiles"][0].update(flops=2**66),
            r"tiles\[0\].flops: expected at most 2\*\*64",
        ),
        (
            lambda d: d["tiles"][0].update(max_work=9, min_work=9),
            r"max_work: expected an integer >=",
        ),
        (lambda d: d["tiles"][0].update(loaded_bytes=8), "split: expected the tiles that declared"),
        (lambda d: d["events"].extend(d["events"][-1:] * 2), "events: expected at most the MICRO"),
        (lambda d: d["events"][0].update(level="MACRO"), "events: expected at most the MACRO"),
        (lambda d: d["events"][0].update(row=-5), r"events\[0\].row: expected an integer >= 0"),
        (
            lambda d: d["brick_infos"][0].update(usage=[plain_usage(1), plain_usage(2)]),
            "usage: expected threads sorted",
        ),
    ],
)
def test_what_no_profiler_records_is_refused(
    change: Callable[[dict[str, Any]], None], message: str
) -> None:
    Recording.from_json(lied(lambda data: None))
    with pytest.raises(RecordingError, match=message):
        Recording.from_json(lied(change))


def plain_usage(wall_ns: int) -> dict[str, int]:
    """Return what was seen of a thread, as JSON."""
    return asdict(ThreadUsage(wall_ns, 0))
