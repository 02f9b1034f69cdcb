"""MPI: one exact sum of what all ranks recorded, and one report by host, with mpi4py."""

from __future__ import annotations

import platform
import threading
import time
from contextlib import suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from brickprof.core.checks import (
    checked_flag,
    checked_integer,
    checked_number,
    checked_path,
    short_repr,
)
from brickprof.core.errors import BrickprofError
from brickprof.integrations.instrument import Instrumentation
from brickprof.profiler.brick_profiler import BrickProfiler
from brickprof.recording import Recording
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.reports.cluster import ClusterReport

if TYPE_CHECKING:
    from mpi4py.MPI import Comm

SAVE_S = 60.0
"""Seconds between two saves of a rank's recording: what an abort loses at most."""

_LOOK_S = 0.01
"""Seconds between two looks whether all ranks have come."""


def reduce_recordings(
    recording: Recording | None, comm: Comm, root: int = 0, *, by_rank: bool = True
) -> ClusterRecording | None:
    """Reduce the recordings of all ranks to one at the root; every rank must call it.

    It is one reduction, by an operation that is associative and commutative bit for bit: the result
    does not depend on the number of ranks that share the work nor on the order in which MPI
    combines them. Recordings are objects of any size, for which an ``MPI.Op`` on buffers has no
    place; mpi4py's ``comm.reduce`` combines pickled ones along a binomial tree.

    Parameters
    ----------
    recording : Recording or None
        What this rank recorded. A rank without one passes None, and the report says so.
    comm : mpi4py.MPI.Comm
        The ranks.
    root : int
        The rank that gets the result.
    by_rank : bool
        Whether the result keeps each rank's recording; else complete ones of one host are summed on
        the way, for runs of very many ranks.

    Returns
    -------
    ClusterRecording or None
        None on other ranks than the root. Its `recording` is the sum.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range. Where that is `recording`, the rank has
        taken part before: the others get what they have, and what is wrong with it.
    """
    size = getattr(comm, "size", None)
    if not isinstance(size, int) or not hasattr(comm, "reduce"):
        raise TypeError(f"comm must be a communicator of mpi4py, got {short_repr(comm)}")
    root = checked_integer("root", root, 0, size - 1)
    by_rank = checked_flag("by_rank", by_rank)
    problem = ""
    if not (recording is None or isinstance(recording, Recording)):
        problem = f"recording must be a Recording or None, got {short_repr(recording)}"
    member = _member(comm.rank, None if problem else recording, problem)
    reduced = _reduce(member, comm, root, by_rank=by_rank)
    if problem:
        raise TypeError(problem)
    return reduced


def _member(
    rank: int, recording: Recording | None, missing: str = "", available_ns: int = 0
) -> Member:
    """Return what this rank has, with what is missing of it."""
    if not missing and recording is None:
        missing = "it passed None"
    if not missing and recording is not None and not recording.tiles:
        missing = "it recorded no tiles: was its profiler on?"
    host = platform.node() or "unknown host"
    return Member(host, f"rank {rank}", recording, missing, available_ns)


def _reduce(member: Member, comm: Comm, root: int, *, by_rank: bool) -> ClusterRecording | None:
    """Combine the members of all ranks at the root."""

    def both(a: ClusterRecording, b: ClusterRecording) -> ClusterRecording:
        merged = ClusterRecording.merge((a, b))
        return merged if by_rank else merged.with_hosts_summed()

    own = ClusterRecording((member,))
    own = own if by_rank else own.with_hosts_summed()
    return comm.reduce(own, op=both, root=root)


def profile_ranks(
    comm: Comm,
    root: int = 0,
    *,
    instrument: bool = True,
    save: str | PathLike[str] | None = None,
    interval: float = SAVE_S,
    timeout: float = 60.0,
) -> RankRun:
    """Return a with statement in which this rank is profiled; all ranks must enter and leave it.

    At its end recordings are reduced, as by `reduce_recordings`, also where a rank raised an
    exception: the report names it, and the exception goes on. Ranks may wait for it inside the
    block, in a collective call that it never comes to; so it waits for them for `timeout` seconds
    alone. A rank that is killed, or aborts, ends all of them: what they recorded is then in the
    files that were saved last.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The ranks.
    root : int
        The rank that gets the report.
    instrument : bool
        Whether calls of NumPy and SciPy are tiles, as by `brickprof.auto_instrument`. Tiles of
        kernels that take ``run.profiler`` are recorded in any case.
    save : str or PathLike, optional
        A folder for ``HOST/rank N.json``, which `brickprof report --by-host` takes.
    interval : float
        Seconds between two saves.
    timeout : float
        Seconds that a rank that raised an exception waits for the others.

    Returns
    -------
    RankRun

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range.

    Examples
    --------
    On every rank::

        with profile_ranks(MPI.COMM_WORLD, save="runs") as run:
            work()
        if run.is_root:
            print(run.report())
    """
    if not isinstance(getattr(comm, "size", None), int) or not hasattr(comm, "Ibarrier"):
        raise TypeError(f"comm must be an intracommunicator of mpi4py, got {short_repr(comm)}")
    root = checked_integer("root", root, 0, comm.size - 1)
    folder = None if save is None else checked_path("save", save)
    interval = checked_number("interval", interval)
    timeout = checked_number("timeout", timeout, zero=True)
    return RankRun(comm, root, checked_flag("instrument", instrument), folder, interval, timeout)


class RankRun:
    """A profiled run of MPI ranks; made by `profile_ranks`.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The ranks.
    root : int
        The rank that gets the report.
    instrument : bool
        Whether calls of NumPy and SciPy are tiles.
    save : Path or None
        The folder for saved recordings.
    interval, timeout : float
        Seconds between two saves, and that a rank that failed waits.

    Attributes
    ----------
    profiler : BrickProfiler
        This rank's profiler.
    """

    def __init__(
        self,
        comm: Comm,
        root: int,
        instrument: bool,
        save: Path | None,
        interval: float,
        timeout: float,
    ) -> None:
        self.profiler = BrickProfiler()
        self.is_root: bool = comm.rank == root
        self._comm = comm
        self._own: Any = None
        self._root = root
        self._block: Any = Instrumentation(self.profiler) if instrument else self.profiler
        host = platform.node() or "unknown host"
        self._file = save and save.absolute() / host / f"rank {comm.rank}.json"
        self._interval, self._timeout = interval, timeout
        self._stopped = threading.Event()
        self._saver = threading.Thread(target=self._save_now_and_then, daemon=True)
        self._cluster: ClusterRecording | None = None
        self._began_ns = 0

    def __enter__(self) -> Self:
        """Begin to profile.

        Raises
        ------
        RuntimeError
            On all ranks if one of them cannot begin, with what each says.
        """
        problem = ""
        try:
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._block.__enter__()
        except (OSError, RuntimeError, BrickprofError) as error:
            problem = f"rank {self._comm.rank}: {error}"
        # If this rank raised alone, the others would wait for it for ever.
        problems = [said for said in self._comm.allgather(problem) if said]
        if problems:
            if not problem:
                self._block.__exit__(None, None, None)
            raise RuntimeError(f"the run cannot begin: {'; '.join(problems)}")
        # The program's own messages must not be taken for those of the reduction.
        self._own = self._comm.Dup()
        self._began_ns = time.monotonic_ns()
        if self._file is not None:
            self._saver.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End profiling and reduce what the ranks recorded."""
        profiled_ns = time.monotonic_ns() - self._began_ns
        self._block.__exit__(None, None, None)
        self._stopped.set()
        if self._saver.is_alive():
            self._saver.join()
        self._save()
        missing = "" if kind is None else f"it raised {kind.__name__} before the end"
        if self._all_came(None if kind is None else self._timeout):
            member = _member(self._own.rank, self.profiler.recording(), missing, profiled_ns)
            self._cluster = _reduce(member, self._own, self._root, by_rank=True)
            self._own.Free()

    def _all_came(self, timeout: float | None) -> bool:
        """Wait for the other ranks, for ever without a timeout; tell whether all have come."""
        request = self._own.Ibarrier()
        end = None if timeout is None else time.monotonic() + timeout
        while not request.Test():
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(_LOOK_S)
        return True

    @property
    def cluster(self) -> ClusterRecording:
        """What the ranks recorded, rank by rank.

        Raises
        ------
        RuntimeError
            On other ranks than the root, and before the end.
        """
        if self._cluster is None:
            raise RuntimeError(
                "the run has not ended" if self.is_root else f"rank {self._root} has the recordings"
            )
        return self._cluster

    @property
    def recording(self) -> Recording:
        """The sum of what all ranks recorded; as `cluster`."""
        return self.cluster.recording

    def report(self) -> ClusterReport:
        """Return the report by host, which `print` shows as text; as `cluster`."""
        return ClusterReport.of(self.cluster)

    def _save_now_and_then(self) -> None:
        """Save until told to stop."""
        while not self._stopped.wait(self._interval):
            self._save()

    def _save(self) -> None:
        """Save what was recorded so far."""
        if self._file is None:
            return
        # A full disk must not end the program that is profiled.
        with suppress(OSError, BrickprofError):
            self.profiler.recording().save(self._file)
