"""The speedscope output: tiles on the time line as a profile of starts and stops a thread."""

from __future__ import annotations

import json

from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import printable
from brickprof.reports.base import Report
from brickprof.reports.tracks import Track, tile_name, time_line_note, tracks

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
"""What names the format in its files."""

_Frames = dict[tuple[str, TileLevel], int]
"""Numbers of frames by brick and level."""


def render_report(report: Report) -> str:
    """Render the single tiles of a report for speedscope.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        One JSON object in speedscope's file format, with a newline at its end. Each thread is an
        evented profile in nanoseconds; all have the same start and end. A frame is a brick and
        level, so that the viewer adds up what belongs together. Without events there is one empty
        profile, whose name says so.
    """
    recording = report.recording
    lines = tracks(recording.events) or [Track(0, 0)]
    start = min((event.start_ns for event in recording.events), default=0)
    end = max((event.stop_ns for event in recording.events), default=0)
    names: list[str] = []
    frames: _Frames = {}
    for event in recording.events:
        if frames.setdefault((event.brick, event.level), len(frames)) == len(names):
            names.append(tile_name(event))
    note = time_line_note(recording)
    content = {
        "$schema": _SCHEMA,
        "exporter": f"brickprof {printable(recording.version)}".strip(),
        "name": f"brickprof: {note}" if note else "brickprof",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in names]},
        "profiles": [_profile(track, frames, start, max(start, end)) for track in lines],
    }
    return json.dumps(content, allow_nan=False) + "\n"


def _profile(track: Track, frames: _Frames, start: int, end: int) -> dict[str, object]:
    """Return the profile of a track."""
    return {
        "type": "evented",
        "name": track.name,
        "unit": "nanoseconds",
        "startValue": start,
        "endValue": end,
        "events": [
            {"type": "O" if opens else "C", "frame": frames[event.brick, event.level], "at": at}
            for opens, at, event in track.steps()
        ],
    }
