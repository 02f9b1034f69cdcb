"""Tiles inside functions that Numba compiles: start and stop without the GIL, a recorder a thread.

::

    import numba
    from brickprof import BrickProfiler, TileLevel
    from brickprof.integrations.numba import bp_start, bp_stop, recorders

    @numba.njit(parallel=True, nogil=True, cache=True)
    def scale(x, recs):
        for row in numba.prange(len(x)):
            recorder = recs[numba.get_thread_id()]
            bp_start(recorder, TileLevel.MICRO, row, 0)
            for col in range(x.shape[1]):
                x[row, col] *= 2.0
            bp_stop(recorder, x.shape[1], x.shape[1], 16 * x.shape[1])

    with prof.recorders("scale", threads=numba.get_num_threads(), dtype="float64") as handles:
        scale(x, recorders(handles))

Compiled code calls libbrickprof.so by the names of its functions, which are looked up when the code
is loaded, so that it may come from Numba's cache. A profiler that is off costs one branch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from brickprof.core.checks import checked_integer, short_repr
from brickprof.core.levels import TileLevel
from brickprof.profiler.recorder_table import recorder_table

try:
    from numba import types
    from numba.core.errors import TypingError
    from numba.extending import overload
except ImportError as error:
    raise ImportError(
        f"brickprof.integrations.numba needs Numba, as in pip install numba ({error})"
    ) from error

from brickprof.integrations._numba_types import (
    LIBRARY,
    RECORDER,
    RECORDERS,
    LevelType,
    RecordersType,
    RecorderType,
    recorder_count,
    start_tile,
    stop_tile,
    stop_tile_split,
    thread_recorder,
)


class Recorder:
    """The recorder of one thread, in Python; compiled code has its address.

    It is looked up at each use: once the ``with`` block was left there is none.
    """

    __slots__ = ("_recorders", "_thread")
    _numba_type_ = RECORDER

    def __init__(self, recorders: Recorders, thread: int) -> None:
        self._recorders = recorders
        self._thread = thread

    @property
    def address(self) -> int:
        """Address of its ``bp_recorder``, 0 where there is none."""
        return LIBRARY.bp_thread_recorder(self._recorders.address, self._thread) or 0


class Recorders:
    """The recorders of a call by number of thread: ``recs[numba.get_thread_id()]``.

    A number that has none is no error there, since code of a parallel loop cannot raise any: its
    tiles are not recorded, and `TileNestingError` is raised when the ``with`` block is left. After
    that no number has a recorder.
    """

    __slots__ = ("_table",)
    _numba_type_ = RECORDERS

    def __init__(self, handles: tuple[object, ...] | list[object]) -> None:
        self._table = recorder_table(handles)

    @property
    def address(self) -> int:
        """Address of its ``bp_recorder_table``."""
        return self._table.address

    def __len__(self) -> int:
        """Return the number of threads, 0 once the ``with`` block was left."""
        return len(self._table)

    def __getitem__(self, thread: int) -> Recorder:
        """Return the recorder of a thread."""
        return Recorder(self, operator.index(thread))

    def __iter__(self) -> Iterator[Recorder]:
        """Iterate over the recorders."""
        return (self[thread] for thread in range(len(self)))


def recorders(handles: tuple[object, ...] | list[object]) -> Recorders:
    """Return the recorders of all threads as one argument of a compiled function.

    Parameters
    ----------
    handles : tuple of object
        All that ``with BrickProfiler.recorders(...)`` gives; ``threads=numba.get_num_threads()``
        there is one for each thread of a parallel loop.

    Returns
    -------
    Recorders
        Of one Numba type, whatever their number and whether the profiler is on. Index them with
        ``numba.get_thread_id()`` in the body of a ``prange``, elsewhere with 0.

    Raises
    ------
    TypeError
        If `handles` is something else.
    ValueError
        If `handles` are not all of them in their order, or the ``with`` block was left.
    """
    return Recorders(handles)


def _address_of(recorder: object) -> int:
    """Return the address of an argument `recorder` of a function that is not compiled."""
    if not isinstance(recorder, Recorder):
        raise TypeError(
            f"recorder must be one of brickprof.integrations.numba.recorders, as in recs[0], "
            f"got {short_repr(recorder)}"
        )
    return recorder.address


def bp_start(recorder: Recorder, level: TileLevel, row: int, col: int) -> None:
    """Start a tile on the thread that runs this, in compiled code or in Python.

    Parameters
    ----------
    recorder : Recorder
        This thread's: ``recs[numba.get_thread_id()]``.
    level : TileLevel
        Level, not coarser than that of a tile that is open.
    row, col : int
        Place in the parent tile, >= 0.

    Raises
    ------
    TypeError
        If an argument is of another type; Numba makes a `TypingError` of it.

    Notes
    -----
    Whatever else is wrong is noted, and is a `TileNestingError` when the ``with`` block that gave
    the recorders is left.
    """
    numbers = [checked_integer(*one, _LEAST) for one in (("row", row), ("col", col))]
    code = checked_integer("level", level, -(2**31), 2**31 - 1)
    LIBRARY.bp_start_tile(_address_of(recorder), code, *numbers)


def bp_stop(recorder: Recorder, elements: int, flops: int, nbytes: int | None = None) -> None:
    """Stop the innermost tile of a recorder, declaring its work.

    Parameters
    ----------
    recorder : Recorder
        That which the tile was started with.
    elements, flops : int
        Elements and floating-point operations of this tile, >= 0.
    nbytes : int, optional
        Bytes that passed between the level's cache and the core; None or -1 where they are not
        known.

    Raises
    ------
    TypeError
        If an argument is of another type; Numba makes a `TypingError` of it.
    """
    work = (("elements", elements), ("flops", flops), ("nbytes", -1 if nbytes is None else nbytes))
    numbers = [checked_integer(*one, _LEAST) for one in work]
    LIBRARY.bp_stop_tile(_address_of(recorder), *numbers)


def bp_stop_split(recorder: Recorder, elements: int, flops: int, loaded: int, stored: int) -> None:
    """Stop a tile like `bp_stop`, declaring the bytes that it loaded from its cache and stored.

    Parameters
    ----------
    recorder : Recorder
        That which the tile was started with.
    elements, flops : int
        Elements and floating-point operations of this tile, >= 0.
    loaded, stored : int
        Bytes, >= 0.

    Raises
    ------
    TypeError
        If an argument is of another type; Numba makes a `TypingError` of it.
    """
    work = (("elements", elements), ("flops", flops), ("loaded", loaded), ("stored", stored))
    numbers = [checked_integer(*one, _LEAST) for one in work]
    LIBRARY.bp_stop_tile_split(_address_of(recorder), *numbers)


_LEAST = -(2**63)
"""Negative numbers go to C, which notes them, as those of compiled code do."""


def _require(name: str, given: Any, kind: Any, wanted: str) -> None:
    """Refuse to compile a call whose argument is of another type."""
    if not isinstance(given, kind):
        raise TypingError(f"{name} must be {wanted}, got {given}")


def _require_integers(**given: Any) -> None:
    """Refuse to compile a call with arguments that are no integers."""
    for name, kind in given.items():
        _require(name, kind, types.Integer, "an integer")


@overload(bp_start)
def _compiled_start(recorder: Any, level: Any, row: Any, col: Any) -> Callable[..., None]:
    _require("recorder", recorder, RecorderType, "of recorders(handles), as in recs[0]")
    _require("level", level, (types.Integer, LevelType), "a TileLevel")
    _require_integers(row=row, col=col)

    def start(recorder: Any, level: Any, row: Any, col: Any) -> None:
        start_tile(recorder, level, row, col)

    return start


@overload(bp_stop)
def _compiled_stop(
    recorder: Any, elements: Any, flops: Any, nbytes: Any = None
) -> Callable[..., None]:
    _require("recorder", recorder, RecorderType, "of recorders(handles), as in recs[0]")
    _require_integers(elements=elements, flops=flops)

    def stop(recorder: Any, elements: Any, flops: Any, nbytes: Any = None) -> None:
        stop_tile(recorder, elements, flops, nbytes)

    def stop_undeclared(recorder: Any, elements: Any, flops: Any, nbytes: Any = None) -> None:
        stop_tile(recorder, elements, flops, -1)

    # What is left to its default comes as the default or as its type.
    if nbytes is None or isinstance(nbytes, (types.NoneType, types.Omitted)):
        return stop_undeclared
    _require_integers(nbytes=nbytes)
    return stop


@overload(bp_stop_split)
def _compiled_stop_split(
    recorder: Any, elements: Any, flops: Any, loaded: Any, stored: Any
) -> Callable[..., None]:
    _require("recorder", recorder, RecorderType, "of recorders(handles), as in recs[0]")
    _require_integers(elements=elements, flops=flops, loaded=loaded, stored=stored)

    def stop(recorder: Any, elements: Any, flops: Any, loaded: Any, stored: Any) -> None:
        stop_tile_split(recorder, elements, flops, loaded, stored)

    return stop


@overload(operator.getitem)
def _compiled_getitem(recs: Any, thread: Any) -> Callable[..., Any] | None:
    if not isinstance(recs, RecordersType):
        return None
    _require_integers(thread=thread)

    def getitem(recs: Any, thread: Any) -> Any:
        return thread_recorder(recs, thread)

    return getitem


@overload(len)
def _compiled_len(recs: Any) -> Callable[..., Any] | None:
    if not isinstance(recs, RecordersType):
        return None

    def length(recs: Any) -> Any:
        return recorder_count(recs)

    return length
