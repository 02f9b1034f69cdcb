"""Which references to an object are those of functions that have returned."""

from __future__ import annotations

import gc
import inspect
import sys
from types import FrameType

_SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def references_from_finished_frames(held: object) -> int:
    """Count the references to an object from local variables of functions that have returned.

    A traceback that is kept, as by ``sys.last_exc``, a future or a logger, keeps the frames of the
    functions that an exception left, and all that their variables name.

    Parameters
    ----------
    held : object
        The object; it may be one that the garbage collector does not track.

    Returns
    -------
    int
    """
    running: set[int] = set()
    for frame in _current_frames():
        outer: FrameType | None = frame
        while outer is not None:
            running.add(id(outer))
            outer = outer.f_back
    return sum(
        sum(one is held for one in gc.get_referents(frame))
        for frame in gc.get_referrers(held)
        if isinstance(frame, FrameType)
        and id(frame) not in running
        # A generator that waits has not returned.
        and not frame.f_code.co_flags & _SUSPENDED
    )


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
