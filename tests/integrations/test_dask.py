"""Dask workers are profiled, whether they stay, join, leave or are killed; with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="distributed is no part of brickprof")

from distributed import Client, LocalCluster
from support.made_roofs import ROOFS

import brickprof as bp
from brickprof.integrations.dask import ClusterRun, profile_cluster, worker_profiler
from brickprof.integrations.instrument import blas_threads
from brickprof.machine import detect_machine
from brickprof.roofline.store import store_roofs

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which this host's roofs are stored: there are none yet."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def cluster(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Return two workers, each a process with a nanny, on a host without stored roofs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRICKPROF_CACHE_DIR", str(cache))
        with LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as made:
            yield made


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as made:
        made.wait_for_workers(2, timeout=PATIENCE_S)
        yield made


def products(calls: int) -> Callable[[int], float]:
    """Return a task of so many products; workers cannot import this module, so it is a closure."""

    def task(seed: int) -> float:
        import numpy as np

        a = np.random.default_rng(seed).random((80, 80))
        for _ in range(calls):
            b = a @ a
        return float(b[0, 0])

    return task


def calls_of(recording: bp.Recording | None, operation: str = "matmul") -> int:
    if recording is None:
        return 0
    infos = [info for info in recording.brick_infos if info.name.endswith(f" {operation}")]
    return sum(info.calls for info in infos)


def clients_of(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.clients)


def until(condition: Callable[[], Any]) -> Any:
    """Wait until something is so, and return what it gave."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def test_calls_in_tasks_are_counted_and_results_stay_what_they_were(client: Client) -> None:
    with profile_cluster(client) as run:
        found = client.gather(client.map(products(5), range(20), pure=False))
    assert found == [products(5)(seed) for seed in range(20)]
    assert calls_of(run.recording) == 100
    assert run.recording == bp.merge_recordings(
        one.recording for one in run.cluster.members if one.recording
    )
    assert [one.missing for one in run.cluster.members] == ["", ""]
    assert [one.name for one in run.cluster.members] == ["worker 0", "worker 1"]
    assert all(one.available_ns > 0 for one in run.cluster.members)
    text = str(run.report())
    host = run.cluster.hosts[0]
    assert text.startswith("2 processes on 1 host · all complete")
    assert f"No roofs of {host} were measured" in text
    assert "unknown" in text
    # Nothing is left behind, and another run begins with nothing.
    assert client.run(lambda dask_worker: "brickprof" in dask_worker.plugins) == dict.fromkeys(
        client.scheduler_info()["workers"], False
    )
    with profile_cluster(client) as again:
        client.submit(products(3), 1).result()
    assert calls_of(again.recording) == 3


def test_tasks_can_pass_the_profiler_of_their_worker(client: Client) -> None:
    def task() -> bool:
        import numpy as np

        import brickprof as bp
        from brickprof.integrations.dask import worker_profiler

        a = np.ones((32, 32), np.float32)
        bp.gemm(a, a, threads=1, profiler=worker_profiler())
        with worker_profiler().brick("mine"), worker_profiler().tile(bp.TileLevel.MICRO, 0, 0):
            pass
        return worker_profiler().is_tile_profiling_enabled

    with profile_cluster(client, instrument=False) as run:
        assert client.submit(task, pure=False).result()
    assert run.recording.bricks == ("gemm", "mine")
    assert not client.submit(task, pure=False).result()
    assert not worker_profiler().is_tile_profiling_enabled


def test_what_was_recorded_before_an_error_is_there(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), profile_cluster(client) as run:
        client.submit(products(2), 1).result()
        client.submit(lambda: 1 / 0).result()
    assert calls_of(run.recording) == 2


def killed(run: ClusterRun, client: Client) -> int:
    """Kill a worker of which something was received, and return its process."""
    sent = {
        one.name for one in until(lambda: [m for m in run.cluster.members if calls_of(m.recording)])
    }
    name = min(sent)
    names = client.run(lambda dask_worker: (f"worker {dask_worker.name}", os.getpid()))
    pid = dict(names.values())[name]
    os.kill(pid, signal.SIGKILL)
    return int(pid)


def test_of_a_killed_worker_the_last_that_it_sent_is_kept(client: Client) -> None:
    with profile_cluster(client, interval=0.1) as run:
        futures = client.map(products(20), range(150), pure=False)
        pid = killed(run, client)
        client.gather(futures)
        # Its nanny starts another, which is profiled too.
        until(lambda: len(run.cluster.members) == 3)
        until(lambda: len(client.scheduler_info()["workers"]) == 2)
        client.gather(client.map(products(1), range(10), pure=False))
    lost = [one for one in run.cluster.members if one.missing]
    assert [one.name.endswith(f", process {pid}") for one in lost] == [True]
    assert lost[0].missing.startswith("it was lost (killed, or crashed), and what it did in its")
    assert 0 < calls_of(lost[0].recording) < 3010
    others = [one.recording for one in run.cluster.members if not one.missing]
    assert len(others) == 2
    assert calls_of(run.recording) == calls_of(lost[0].recording) + sum(map(calls_of, others))
    # Tasks of the lost worker ran again: at least all were counted, but for what it did not send.
    assert calls_of(run.recording) > 1500
    text = str(run.report())
    assert "3 processes on 1 host · 1 incomplete" in text
    assert f"process {pid}: it was lost (killed, or crashed)" in " ".join(text.split())


def worker_process(address: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a worker without a nanny, as ``dask worker`` does."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"]
    return subprocess.Popen(
        [*command, "--nthreads=1", "--no-dashboard", "--name=late", f"--local-directory={folder}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_workers_join_late_and_leave_early(client: Client, tmp_path: Path) -> None:
    assert client.scheduler is not None
    with profile_cluster(client, interval=1000.0) as run:
        process = worker_process(client.scheduler.address, tmp_path)
        try:
            client.wait_for_workers(3, timeout=PATIENCE_S)
            workers = client.scheduler_info()["workers"]
            late = next(place for place, facts in workers.items() if facts["name"] == "late")
            client.gather(client.map(products(4), range(5), pure=False, workers=[late]))
            client.retire_workers([late])
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
    found = {one.name: one for one in run.cluster.members}
    assert set(found) == {"worker 0", "worker 1", "worker late"}
    assert calls_of(found["worker late"].recording) == 20
    assert not any(one.missing for one in run.cluster.members)


def test_workers_of_one_process_are_counted_once(tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            local_directory=str(tmp_path),
        ) as made,
        Client(made) as client,
        profile_cluster(client) as run,
    ):
        client.gather(client.map(products(3), range(10), pure=False))
    assert calls_of(run.recording) == 30
    shared = [one for one in run.cluster.members if one.missing]
    assert [one.recording for one in shared] == [None]
    assert shared[0].missing.startswith("it shares its process, and so its recording")


def test_a_second_run_is_refused_and_the_first_is_whole(
    cluster: LocalCluster, client: Client
) -> None:
    with Client(cluster) as other, profile_cluster(client) as run:
        client.submit(products(3), 1).result()
        for another in client, other:
            with (
                pytest.raises(RuntimeError, match="another profile_cluster is recording on this"),
                profile_cluster(another),
            ):
                pass
        client.submit(products(4), 2).result()
    assert calls_of(run.recording) == 7
    with profile_cluster(client) as again:
        client.submit(products(2), 3).result()
    assert calls_of(again.recording) == 2


def test_a_client_that_is_closed_in_the_block_is_named(tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        local_directory=str(tmp_path),
    ) as made:
        client = Client(made)
        run = profile_cluster(client)
        with pytest.raises(RuntimeError, match="closed before the with block was left"), run:
            client.close()
        with pytest.raises(RuntimeError, match="closed before the with block was left"):
            run.report()
        # The next client's run takes the place of what nobody can collect any more.
        with Client(made) as another:
            until(lambda: client.id not in another.run_on_scheduler(clients_of))
            again = profile_cluster(another)
            with again:
                another.submit(products(3), 1).result()
    assert calls_of(again.recording) == 3


def test_arguments_are_checked(client: Client) -> None:
    with pytest.raises(TypeError, match=r"client must be a distributed.Client, got 'tcp://"):
        profile_cluster("tcp://127.0.0.1:8786")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="interval must be a finite number > 0"):
        profile_cluster(client, interval=0)
    with pytest.raises(TypeError, match="min_elements must be an integer"):
        profile_cluster(client, min_elements=0.5)  # type: ignore[arg-type]
    run = profile_cluster(client)
    with pytest.raises(RuntimeError, match="has not begun"):
        run.cluster  # noqa: B018


def test_roofs_that_a_host_has_are_not_measured_again(client: Client, cache: Path) -> None:
    machine = detect_machine()
    facts = {"isa": machine.isa, "cpu": machine.cpu, "fingerprint": machine.fingerprint()}
    known = replace(ROOFS, traffic_gbs={"L1 store": 100.0}, **facts)
    for threads in {1, blas_threads()}:
        store_roofs(replace(known, threads=threads), machine, cache)
    with profile_cluster(client, roofs=True) as run:
        client.gather(client.map(products(9), range(4), pure=False))
    found = [one.recording for one in run.cluster.members if one.recording]
    assert {one.roofs and one.roofs.measured_at for one in found} == {ROOFS.measured_at}
    text = str(run.report())
    assert "No roofs of" not in text
    assert "unknown" not in text
