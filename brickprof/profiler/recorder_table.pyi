from typing import final

@final
class RecorderTable:
    """The recorders of a call by number of thread, for compiled code; see `recorder_table`.

    Code that looks a recorder up gets none once the ``with`` block was left, and one that it found
    before stays memory that may be written to as long as this object lives.
    """

    @property
    def address(self) -> int:
        """Address of its bp_recorder_table."""

    def __len__(self) -> int:
        """Return the number of threads, 0 once the ``with`` block was left."""

def recorder_address(handle: object) -> int:
    """Return the address of the recorder behind a handle, for the functions of other languages.

    Parameters
    ----------
    handle : object
        One of those that ``with BrickProfiler.recorders(...)`` gives.

    Returns
    -------
    int
        What `get_shared_library` calls `recorder`, for one thread at a time and until the ``with``
        block is left; 0 where the profiler is off.

    Raises
    ------
    TypeError
        If `handle` is something else.
    ValueError
        If the ``with`` block that gave it was left.
    """

def recorder_table(handles: tuple[object, ...] | list[object]) -> RecorderTable:
    """Return the recorders of all threads as one object, from which compiled code takes each.

    Parameters
    ----------
    handles : tuple of object
        All that ``with BrickProfiler.recorders(...)`` gives.

    Returns
    -------
    RecorderTable
        Its `address` is what `get_shared_library` calls `table`, as long as this object lives. When
        the ``with`` block is left it becomes empty.

    Raises
    ------
    TypeError
        If `handles` is something else.
    ValueError
        If `handles` are not all of them in their order, or the ``with`` block was left.
    """
