"""The Perfetto output: tiles on the time line as Perfetto's own binary trace of track events.

The fields are those of ``protos/perfetto/trace`` in Perfetto's documentation, their encoding that
of Protocol Buffers (protobuf.dev/programming-guides/encoding); both are stable.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from brickprof.recording import TileEvent
from brickprof.reports.base import Report
from brickprof.reports.counters import Counter, counters
from brickprof.reports.tracks import Track, tile_name, time_line_note, tracks

_PROCESS = 1
"""Number of the process, and of its track."""

_SEQUENCE = 1
"""Number of the one writer."""

_BEGIN, _END, _COUNTER = 1, 2, 4
"""Values of ``TrackEvent.Type``."""

_CLEARED, _NEEDS_NAMES = 1, 2
"""Values of ``TracePacket.SequenceFlags``: names before this count no more; names are numbers."""

_ROW, _COLUMN = 1, 2
"""Numbers of the names of a tile's arguments."""


def render_report(report: Report) -> bytes:
    """Render the single tiles of a report as a trace for Perfetto.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    bytes
        A message ``Trace``: a track for each thread with its tiles as nested slices, and tracks of
        counters of GFLOP/s and GB/s. Times are whole nanoseconds. The name of the process says
        what is missing.
    """
    lines = tracks(report.recording.events)
    used = dict.fromkeys(map(tile_name, report.recording.events))
    names = {name: number for number, name in enumerate(used, 1)}
    packets = [_head(names, time_line_note(report.recording))]
    for number, track in enumerate(lines, _PROCESS + 1):
        packets.append(_thread(number, track))
        packets += _slices(number, track, names)
    first = _PROCESS + 1 + len(lines)
    for number, counter in enumerate(counters(report.summary, lines), first):
        packets.append(_counter(number, counter))
        packets += _values(number, counter)
    return b"".join(_field(1, packet) for packet in packets)


def _head(names: dict[str, int], note: str) -> bytes:
    """Return the packet of the process and of the names of slices and arguments."""
    process = f"brickprof: {note}" if note else "brickprof"
    descriptor = _field(1, _PROCESS) + _field(3, _field(1, _PROCESS) + _field(6, process))
    interned = b"".join(_field(2, _field(1, i) + _field(2, name)) for name, i in names.items())
    for number, name in ((_ROW, "row"), (_COLUMN, "col")):
        interned += _field(3, _field(1, number) + _field(2, name))
    flags = _field(13, _CLEARED | _NEEDS_NAMES)
    return _field(10, _SEQUENCE) + flags + _field(12, interned) + _field(60, descriptor)


def _thread(number: int, track: Track) -> bytes:
    """Return the packet that describes a track of tiles."""
    thread = _field(1, _PROCESS) + _field(2, number) + _field(5, track.name)
    return _described(_field(1, number) + _field(5, _PROCESS) + _field(4, thread))


def _counter(number: int, counter: Counter) -> bytes:
    """Return the packet that describes a counter's track."""
    unit = _field(8, _field(6, counter.unit))
    return _described(_field(1, number) + _field(5, _PROCESS) + _field(2, counter.name) + unit)


def _described(descriptor: bytes) -> bytes:
    """Return the packet of a track's descriptor."""
    return _field(10, _SEQUENCE) + _field(60, descriptor)


def _slices(number: int, track: Track, names: dict[str, int]) -> Iterator[bytes]:
    """Yield the packets of a track's tiles: each begins, and ends after those inside it."""
    for begins, at, event in track.steps():
        body = _field(9, _BEGIN if begins else _END) + _field(11, number)
        if begins:
            body += _field(10, names[tile_name(event)]) + _arguments(event)
        yield _timed(at, body)


def _arguments(event: TileEvent) -> bytes:
    """Return the row and the column of a tile."""
    places = ((_ROW, event.row), (_COLUMN, event.col))
    return b"".join(_field(4, _field(1, name) + _field(4, place)) for name, place in places)


def _values(number: int, counter: Counter) -> Iterator[bytes]:
    """Yield the packets of a counter's values."""
    for at, rate in counter.points:
        yield _timed(at, _field(9, _COUNTER) + _field(11, number) + _field(44, rate))


def _timed(at: int, track_event: bytes) -> bytes:
    """Return the packet of a track event."""
    flags = _field(13, _NEEDS_NAMES)
    return _field(8, at) + _field(10, _SEQUENCE) + flags + _field(11, track_event)


def _field(number: int, value: int | float | str | bytes) -> bytes:
    """Return a field of a message: a variable-length integer, a double, text or a message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value & (1 << 64) - 1)
    if isinstance(value, float):
        return _varint(number << 3 | 1) + struct.pack("<d", value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return an integer of seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
