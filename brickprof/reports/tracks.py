"""The tiles on the time line as tracks: on each of them tiles nest, as time lines demand."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from brickprof.core.plain_text import printable
from brickprof.recording import Recording, TileEvent


@dataclass(frozen=True, slots=True)
class Track:
    """Tiles of one thread that nest: any two are apart, or one is inside the other.

    Parameters
    ----------
    thread : int
        The thread.
    lane : int
        0, or more for a thread's tiles that overlap others without being inside them, such as those
        of tasks that take turns, or of merged recordings.
    events : list of TileEvent
        The tiles in the order in which they start, outer before inner.
    """

    thread: int
    lane: int
    events: list[TileEvent] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What outputs call it."""
        lane = f", overlap {self.lane}" if self.lane else ""
        return f"thread {self.thread}{lane}"

    def steps(self) -> Iterator[tuple[bool, int, TileEvent]]:
        """Yield whether a tile starts or stops, when, and the tile; inner ones stop first."""
        open_events: list[TileEvent] = []
        for event in self.events:
            while open_events and open_events[-1].stop_ns <= event.start_ns:
                yield False, open_events[-1].stop_ns, open_events.pop()
            open_events.append(event)
            yield True, event.start_ns, event
        while open_events:
            yield False, open_events[-1].stop_ns, open_events.pop()


def tracks(events: Iterable[TileEvent]) -> list[Track]:
    """Put tiles on tracks: one for each thread, and more where its tiles do not nest.

    Parameters
    ----------
    events : iterable of TileEvent
        The tiles, in any order.

    Returns
    -------
    list of Track
        By thread and lane. Every tile is on one of them.
    """
    by_thread: dict[int, list[TileEvent]] = {}
    for event in events:
        if event.stop_ns < event.start_ns:  # the clock stepped back: it counts as 0 ns
            event = replace(event, stop_ns=event.start_ns)
        by_thread.setdefault(event.thread, []).append(event)
    return [track for thread in sorted(by_thread) for track in _lanes(thread, by_thread[thread])]


def _lanes(thread: int, events: list[TileEvent]) -> list[Track]:
    """Put a thread's tiles on lanes, in n log n comparisons however many overlap.

    A tile goes inside the open tile that ends first of those that it fits into, else on the first
    lane where none is open.
    """
    lanes: list[Track] = []
    idle: list[int] = []
    stops: list[list[int]] = []  # of each lane, when its open tiles stop, the innermost last
    innermost: list[tuple[int, int]] = []  # (when the innermost open tile stops, lane), sorted
    for event in sorted(events, key=_outer_first):
        while innermost and innermost[0][0] <= event.start_ns:
            _, lane = innermost.pop(0)
            stops[lane].pop()
            if stops[lane]:
                insort(innermost, (stops[lane][-1], lane))
            else:
                heappush(idle, lane)
        place = bisect_left(innermost, (event.stop_ns, -1))
        if place < len(innermost):
            _, lane = innermost.pop(place)
        elif idle:
            lane = heappop(idle)
        else:
            lane = len(lanes)
            lanes.append(Track(thread, lane))
            stops.append([])
        lanes[lane].events.append(event)
        stops[lane].append(event.stop_ns)
        insort(innermost, (event.stop_ns, lane))
    return lanes


def _outer_first(event: TileEvent) -> tuple[int, int, int]:
    """Return what tiles are sorted by: of those that start together, outer ones come first."""
    return event.start_ns, -event.stop_ns, event.level


def tile_name(event: TileEvent) -> str:
    """Return what outputs call the tiles of an event's brick and level: one printable line."""
    return f"{printable(event.brick)} {event.level.label}"


def time_line_note(recording: Recording) -> str:
    """Return what a time line lacks, as a sentence; empty where it is whole."""
    if not recording.events:
        return "No single tiles were recorded: BrickProfiler(events=N) keeps N of each thread."
    if recording.events_dropped:
        return f"{recording.events_dropped} more tiles did not fit into the list of events."
    return ""
