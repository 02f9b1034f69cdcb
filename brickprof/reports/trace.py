"""The trace output: tiles on the time line as Chrome's trace events, which Perfetto reads too."""

from __future__ import annotations

import json
from collections.abc import Iterator

from brickprof.core.plain_text import printable
from brickprof.reports.base import Report
from brickprof.reports.counters import Counter, counters
from brickprof.reports.tracks import Track, tile_name, time_line_note, tracks

_PROCESS = 1
"""Chrome's number of a process is any; Perfetto keeps 0 for the idle one."""


def render_report(report: Report) -> str:
    """Render the single tiles of a report as Chrome's trace events.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        One JSON object (Trace Event Format, JSON object form), an event a line, with a newline at
        its end: a track for each thread with its tiles as complete events, and counters of GFLOP/s
        and GB/s. Its times are microseconds by definition: three digits follow the point, so that
        nanoseconds are exact.
    """
    lines = ",\n".join(_events(report))
    head = json.dumps({"displayTimeUnit": "ns", "otherData": _other_data(report)})
    return f'{head[:-1]}, "traceEvents": [\n{lines}\n]}}\n'


def _other_data(report: Report) -> dict[str, str]:
    """Return what a viewer shows about the whole trace."""
    recording = report.recording
    data = {
        "brickprof_version": printable(recording.version),
        "created": printable(recording.created),
        "cpu": "" if recording.machine is None else printable(recording.machine.cpu),
        "events_dropped": str(recording.events_dropped),
        "note": time_line_note(recording),
    }
    return {name: text for name, text in data.items() if text}


def _events(report: Report) -> Iterator[str]:
    """Yield all events, each as a line of JSON."""
    lines = tracks(report.recording.events)
    yield _event({"name": "process_name", "ph": "M", "tid": 0, "args": {"name": "brickprof"}})
    for number, track in enumerate(lines, 1):
        about = {"ph": "M", "tid": number}
        yield _event({"name": "thread_name", **about, "args": {"name": track.name}})
        yield _event({"name": "thread_sort_index", **about, "args": {"sort_index": number}})
        yield from _tiles(track, number)
    for counter in counters(report.summary, lines):
        yield from _points(counter)


def _tiles(track: Track, number: int) -> Iterator[str]:
    """Yield the tiles of a track, outer before inner."""
    for event in track.events:
        content = {
            "name": tile_name(event),
            "cat": event.level.name,
            "ph": "X",
            "tid": number,
            "args": {"row": event.row, "col": event.col},
        }
        yield _event(content, ts=event.start_ns, dur=event.stop_ns - event.start_ns)


def _points(counter: Counter) -> Iterator[str]:
    """Yield the values of a counter."""
    for at, rate in counter.points:
        args = {counter.unit: rate}
        yield _event({"name": counter.name, "ph": "C", "tid": 0, "args": args}, ts=at)


def _event(content: dict[str, object], **times_ns: int) -> str:
    """Return an event with its times, which no float could hold to the nanosecond."""
    line = json.dumps({"pid": _PROCESS, **content}, allow_nan=False)
    times = "".join(f', "{name}": {ns // 1000}.{ns % 1000:03d}' for name, ns in times_ns.items())
    return f"{line[:-1]}{times}}}"
