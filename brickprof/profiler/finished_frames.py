"""Which references to objects are those of functions that have returned."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Sequence
from types import FrameType

_SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def references_from_finished_frames(held: Sequence[object]) -> list[int]:
    """Count the references to objects from local variables of functions that have returned.

    A traceback that is kept, as by ``sys.last_exc``, a future or a logger, keeps the frames of the
    functions that an exception left, and all that their variables name.

    Parameters
    ----------
    held : sequence of object
        The objects; they may be such that the garbage collector does not track. All objects of
        the process are looked through for them once: 10 million take 50 ms.

    Returns
    -------
    list of int
        A number for each of them.
    """
    running: set[int] = set()
    for frame in _current_frames():
        outer: FrameType | None = frame
        while outer is not None:
            running.add(id(outer))
            outer = outer.f_back
    found = dict.fromkeys(map(id, held), 0)
    for frame in gc.get_referrers(*held):
        if not isinstance(frame, FrameType) or id(frame) in running:
            continue
        if frame.f_code.co_flags & _SUSPENDED:  # a generator that waits has not returned
            continue
        for one in gc.get_referents(frame):
            if id(one) in found:
                found[id(one)] += 1
    return [found[id(one)] for one in held]


def _current_frames() -> list[FrameType]:
    """Return the innermost frame of each thread.

    Python before 3.12 lists them under a lock that the end of a thread-local takes, too: a garbage
    collection meanwhile, which may free one, would wait for its own thread.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return list(sys._current_frames().values())
    finally:
        if collects:
            gc.enable()
