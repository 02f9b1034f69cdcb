"""Dask: a profiler on every worker, and one report by host, even where workers are lost."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import threading
import time
import uuid
import zlib
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from distributed import Client, SchedulerPlugin, WorkerPlugin
from typing_extensions import Self

from brickprof.core import units
from brickprof.core.checks import checked_flag, checked_integer, checked_number, short_repr
from brickprof.core.errors import BrickprofError
from brickprof.integrations.instrument import MIN_ELEMENTS, Instrumentation, blas_threads
from brickprof.profiler.brick_profiler import BrickProfiler
from brickprof.recording import Recording
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.reports.cluster import ClusterReport

if TYPE_CHECKING:
    from distributed import Scheduler, Worker

NAME = "brickprof"
"""Name of the workers' plugin."""

INTERVAL_S = 5.0
"""Seconds after which a worker sends what it has recorded: what is lost with it at most."""

_SEND_S = 30.0
"""Seconds that a worker waits for the scheduler to take a recording."""

_here: BrickProfiler | None = None
"""The profiler of this process, which all of its workers share."""

_here_lock = threading.Lock()


def worker_profiler() -> BrickProfiler:
    """Return the profiler of the worker that runs the calling task.

    For kernels that take one, such as ``brickprof.gemm(a, b, profiler=worker_profiler())``, and for
    tiles of the task's own. Outside of a profiled run it is one that is off.

    Returns
    -------
    BrickProfiler
    """
    return BrickProfiler() if _here is None else _here


def profile_cluster(
    client: Client,
    *,
    interval: float = INTERVAL_S,
    instrument: bool = True,
    min_elements: int = MIN_ELEMENTS,
    roofs: bool = False,
) -> ClusterRun:
    """Return a with statement in which every worker of a Dask cluster has a profiler.

    Workers that join later have one too. Each sends what it has recorded every `interval` seconds
    and when it ends or the block does. Of one that is killed the last sent recording is kept; the
    report names it and says what is missing.

    Parameters
    ----------
    client : distributed.Client
        A client that is not asynchronous. Workers and the scheduler need brickprof.
    interval : float
        Seconds between two recordings that a worker sends.
    instrument : bool
        Whether calls of NumPy and SciPy in tasks are tiles, as by `brickprof.auto_instrument`.
        Tiles of tasks that take `worker_profiler` are recorded in any case.
    min_elements : int
        Elements of the largest operand from which a call of NumPy is recorded.
    roofs : bool
        Whether to measure each host's roofs first, on one worker while the others wait, where none
        are stored. Otherwise hosts without stored roofs have rates, but no shares of roofs.

    Returns
    -------
    ClusterRun

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range.
    RuntimeError
        Of the with statement: if another run is going on on the cluster, which is left as it is, or
        if the client is closed inside of it.

    Examples
    --------
    Of a job that a client computes::

        with profile_cluster(client) as run:
            client.compute(job).result()
        print(run.report())
    """
    if not isinstance(client, Client):
        raise TypeError(f"client must be a distributed.Client, got {short_repr(client)}")
    if client.asynchronous:
        raise ValueError("client must not be asynchronous")
    return ClusterRun(
        client,
        WorkerTiles(
            checked_number("interval", interval),
            checked_flag("instrument", instrument),
            checked_integer("min_elements", min_elements, 0, 2**62),
        ),
        checked_flag("roofs", roofs),
    )


class ClusterRun:
    """A profiled run on a Dask cluster; made by `profile_cluster`.

    Parameters
    ----------
    client : distributed.Client
        The client.
    tiles : WorkerTiles
        The workers' plugin.
    roofs : bool
        Whether to measure roofs first.
    """

    def __init__(self, client: Client, tiles: WorkerTiles, roofs: bool) -> None:
        self._client = client
        self._tiles = tiles
        self._collector = Collector(tiles.run, client.id)
        self._roofs = roofs
        self._cluster: ClusterRecording | None = None
        self._running = False
        self._lost = ""  # why nothing was collected at the end

    def __enter__(self) -> Self:
        """Give every worker a profiler."""
        if self._running:
            raise RuntimeError("the run has begun already")
        if self._client.run_on_scheduler(_is_profiled):
            raise RuntimeError(
                "another profile_cluster is recording on this cluster, from this client or another "
                "one: a worker has one profiler, so leave that with block first"
            )
        if self._roofs:
            _measure_roofs(self._client)
        self._cluster, self._lost = None, ""
        self._client.register_plugin(self._collector)
        try:
            self._client.register_plugin(self._tiles)
        except BaseException:
            self._client.unregister_scheduler_plugin(self._collector.name)
            raise
        self._running = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the profilers back, with what they recorded."""
        self._running = False
        if self._client.status == "closed":
            self._lost = (
                "the client was closed before the with block was left, so that the run could not "
                "be collected: close it after the block"
            )
            if kind is None:
                raise RuntimeError(self._lost)
            return
        try:
            # A worker that dies at this moment must not keep those of the others.
            with suppress(Exception):
                self._client.unregister_worker_plugin(NAME)
            self._cluster = self._collected(ended=True)
        finally:
            with suppress(Exception):
                self._client.unregister_scheduler_plugin(self._collector.name)

    @property
    def cluster(self) -> ClusterRecording:
        """What the workers recorded, worker by worker; during the run what was sent so far."""
        if self._cluster is not None:
            return self._cluster
        if self._lost:
            raise RuntimeError(self._lost)
        if not self._running:
            raise RuntimeError("the run has not begun: use it in a with statement")
        return self._collected(ended=False)

    @property
    def recording(self) -> Recording:
        """The sum of what all workers recorded.

        Raises
        ------
        RecordingError
            If none sent a recording.
        """
        return self.cluster.recording

    def report(self) -> ClusterReport:
        """Return the report by host, which `print` shows as text."""
        return ClusterReport.of(self.cluster)

    def _collected(self, *, ended: bool) -> ClusterRecording:
        """Return what the scheduler has of each worker."""
        scheduler: Any = self._client.scheduler
        if scheduler is None:
            raise RuntimeError("the client is closed")
        answer = self._client.sync(scheduler.brickprof_collect, run=self._tiles.run)
        return ClusterRecording(tuple(_members(answer, ended=ended)))


def _members(entries: list[dict[str, Any]], *, ended: bool) -> list[Member]:
    """Return the workers as the scheduler knows them."""
    names = [(entry["host"], entry["name"]) for entry in entries]
    members = []
    for entry in entries:
        name = f"worker {entry['name']}"
        if names.count((entry["host"], entry["name"])) > 1:  # restarted by its nanny
            name += f", process {entry['pid']}" if entry["pid"] else f", {entry['address']}"
        recording, missing = None, entry["problem"]
        if entry["content"] is not None:
            try:
                recording = Recording.from_json(json.loads(zlib.decompress(entry["content"])))
            except (ValueError, zlib.error) as error:
                missing = f"its recording is damaged: {error}"
        if not missing and not entry["final"]:
            missing = _why_missing(entry, ended=ended)
        if recording is None and not missing:
            missing = "it sent no recording"
        members.append(Member(entry["host"], name, recording, missing, entry["available_ns"]))
    return members


def _why_missing(entry: dict[str, Any], *, ended: bool) -> str:
    """Return what of a worker that did not send its last recording is missing, as a clause."""
    if entry["gone"] is None:
        return "it did not answer at the end: what it did since it last sent is missing" * ended
    if entry["content"] is None:
        return "it was lost (killed, or crashed) before it sent a recording"
    ago = units.format_ns(max(entry["gone"] - entry["taken"], 0.0) * 1e9)
    return (
        f"it was lost (killed, or crashed), and what it did in its last {ago} is missing; tasks "
        "that ran again elsewhere are counted there too"
    )


class WorkerTiles(WorkerPlugin):
    """The plugin that gives a worker its profiler and sends what that recorded.

    Parameters
    ----------
    interval : float
        Seconds between two recordings.
    instrument : bool
        Whether calls of NumPy and SciPy are tiles.
    min_elements : int
        Elements of the largest operand from which a call is recorded.
    """

    name = NAME

    def __init__(self, interval: float, instrument: bool, min_elements: int) -> None:
        self.run = uuid.uuid4().hex
        self._interval = interval
        self._instrument = instrument
        self._min_elements = min_elements
        self._entry: dict[str, Any] = {}
        self._profiler: BrickProfiler | None = None
        self._seen: Instrumentation[BrickProfiler] | None = None
        self._sender: threading.Thread | None = None
        self._began_ns, self._threads = 0, 1
        self._stopped: threading.Event | None = None

    def setup(self, worker: Worker) -> None:
        """Begin to profile."""
        self._entry = {
            "run": self.run,
            "session": uuid.uuid4().hex,
            "address": worker.address,
            "name": str(worker.name),
            "host": platform.node() or "unknown host",
            "pid": os.getpid(),
        }
        self._began_ns, self._threads = time.monotonic_ns(), worker.state.nthreads
        problem = self._begin()
        # A thread of its own: to summarize tiles takes milliseconds that the worker's loop has not.
        self._stopped = threading.Event()
        self._sender = threading.Thread(
            target=self._send_now_and_then, args=(worker, problem), name=NAME, daemon=True
        )
        self._sender.start()

    async def teardown(self, worker: Worker) -> None:
        """Take the profiler back and send what it recorded last."""
        if self._stopped is None or self._sender is None:
            return
        self._stopped.set()
        # The thread may wait for this loop to send.
        await asyncio.to_thread(self._sender.join, _SEND_S)
        self._end()
        if self._profiler is not None:
            message = self._message(self._profiler.recording(), final=True)
            with suppress(OSError, asyncio.TimeoutError):  # the scheduler is gone
                await asyncio.wait_for(worker.scheduler.brickprof_receive(**message), _SEND_S)

    def _begin(self) -> str:
        """Switch the profiler on; return why that cannot be done, or an empty string."""
        global _here
        with _here_lock:
            if _here is not None:
                return "it shares its process, and so its recording, with another worker"
            profiler = BrickProfiler()
            if self._instrument:
                seen = Instrumentation(profiler, self._min_elements)
                try:
                    seen.__enter__()
                except RuntimeError as error:
                    return f"{error}"
                self._seen = seen
            else:
                profiler.enable_tile_profiling()
            self._profiler = _here = profiler
            return ""

    def _end(self) -> None:
        """Switch the profiler off."""
        global _here
        with _here_lock:
            if self._profiler is None:
                return
            if self._seen is not None:
                self._seen.__exit__(None, None, None)
                self._seen = None
            else:
                self._profiler.disable_tile_profiling()
            _here = None

    def _send_now_and_then(self, worker: Worker, problem: str) -> None:
        """Send at once, so that the worker is known, and then what is new, until told to stop."""
        assert self._stopped is not None
        sent, wait = -1, 0.0
        while not self._stopped.wait(wait):
            wait = self._interval
            recording = None if self._profiler is None else self._profiler.recording()
            tiles = sum(one.count for one in recording.tiles) if recording is not None else 0
            # Without new tiles it only says that nothing is missing.
            message = self._message(None if tiles == sent else recording, problem=problem)
            loop = worker.loop.asyncio_loop  # type: ignore[attr-defined]  # tornado's types lack it
            future = asyncio.run_coroutine_threadsafe(_send(worker, message), loop)
            with suppress(Exception):  # next time, there is more to send
                future.result(_SEND_S)
                sent = tiles

    def _message(
        self, recording: Recording | None, *, final: bool = False, problem: str = ""
    ) -> dict[str, Any]:
        """Return what is sent to the scheduler."""
        content = None
        if recording is not None:
            content = zlib.compress(json.dumps(recording.to_json()).encode(), 1)
        profiled_ns = time.monotonic_ns() - self._began_ns if self._profiler is not None else 0
        return {
            **self._entry,
            "content": content,
            "final": final,
            "problem": problem,
            "available_ns": profiled_ns * self._threads,
        }


async def _send(worker: Worker, message: dict[str, Any]) -> None:
    """Send a message to the scheduler and wait until it has it."""
    await worker.scheduler.brickprof_receive(**message)


class Collector(SchedulerPlugin):
    """The plugin of the scheduler that keeps each worker's latest recording.

    Parameters
    ----------
    run : str
        The run that it collects for: what others send late is not taken.
    client : str
        Id of the client that began the run, without which it has ended.
    """

    def __init__(self, run: str, client: str) -> None:
        self.run, self.client = run, client
        self.name = f"{NAME} {run}"
        self._entries: dict[str, dict[str, Any]] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Begin to listen."""
        scheduler.handlers["brickprof_receive"] = self.receive
        scheduler.handlers["brickprof_collect"] = self.collect
        for address in scheduler.workers:
            self.add_worker(scheduler, address)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Note a worker, of which nothing may ever come."""
        state = scheduler.workers[worker]
        self._entries[worker] = {
            "address": worker,
            "name": str(state.name),
            "host": state.host,
            "pid": 0,
            "content": None,
            "final": False,
            "problem": "",
            "available_ns": 0,
            "gone": None,
            "taken": time.time(),
        }

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Note that a worker has left, gracefully or not."""
        for entry in self._entries.values():
            if entry["address"] == worker and entry["gone"] is None:
                entry["gone"] = time.time()

    def receive(self, run: str, session: str, **sent: Any) -> None:
        """Take what a worker recorded, in place of what it sent before."""
        if run != self.run:
            return
        self._entries.pop(sent["address"], None)  # it is known by its session from now on
        before = self._entries.get(session, {})
        if sent["content"] is None:
            sent["content"] = before.get("content")
        self._entries[session] = {**sent, "gone": before.get("gone"), "taken": time.time()}

    def collect(self, run: str) -> list[dict[str, Any]]:
        """Return what was received of each worker of a run."""
        if run != self.run:
            raise BrickprofError("another run on the same cluster took this one's place")
        return list(self._entries.values())


def _is_profiled(dask_scheduler: Scheduler) -> bool:
    """Tell, on the scheduler, whether a run is going on; forget those whose client is gone."""
    for plugin in list(dask_scheduler.plugins.values()):
        if isinstance(plugin, Collector):
            if plugin.client in dask_scheduler.clients:
                return True
            dask_scheduler.remove_plugin(plugin.name)
    return False


def _measure_roofs(client: Client) -> None:
    """Measure the roofs of each host on one of its workers, where none are stored."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    first = {facts["host"]: address for address, facts in reversed(workers.items())}
    client.gather(
        [
            client.submit(_roofs_here, workers=[address], pure=False, allow_other_workers=False)
            for address in first.values()
        ]
    )


def _roofs_here() -> None:
    """Measure the roofs of one thread, and of as many as BLAS has, where none are stored."""
    from brickprof.calibration import roofs

    for threads in sorted({1, blas_threads()}):
        roofs(threads)
