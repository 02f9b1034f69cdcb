"""Ranks of a real MPI: one exact sum whatever the tree, and reports even where ranks fail."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mpi4py", reason="mpi4py is no part of brickprof")

import brickprof as bp
from brickprof.cli import main
from brickprof.integrations.mpi import profile_ranks, reduce_recordings

ROOT = Path(__file__).parents[2]

SETUP = """
    import os, signal, sys, time
    from dataclasses import replace
    import numpy as np
    from mpi4py import MPI
    import brickprof as bp
    from brickprof.integrations.mpi import profile_ranks, reduce_recordings
    from support.sample_recording import SAMPLE

    comm = MPI.COMM_WORLD

    def work(calls):
        a = np.ones((80, 80))
        for _ in range(calls):
            a @ a

    def calls(recording):
        return sum(info.calls for info in recording.brick_infos)
"""


def mpi_files() -> tuple[str, str]:
    """Return mpiexec, and the folder of its library where that is the package mpich."""
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve() for file in files]
    mpiexec = [str(path) for path in found if path.name.startswith("mpiexec") and not path.suffix]
    library = [str(path.parent) for path in found if path.name.startswith("libmpi.so")]
    return (mpiexec or [shutil.which("mpiexec") or ""])[0], (library or [""])[0]


@pytest.fixture
def run_ranks(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a program on so many ranks."""
    mpiexec, library = mpi_files()
    if not mpiexec:
        pytest.skip("there is no mpiexec: pip install mpich brings one")

    def run(
        program: str, ranks: int = 4, *, launcher: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "program.py"
        file.write_text(textwrap.dedent(SETUP) + textwrap.dedent(program))
        paths = [str(ROOT), str(ROOT / "tests")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "BRICKPROF_CACHE_DIR": str(tmp_path),
            "FI_PROVIDER": "tcp",
            "HYDRA_LAUNCHER": "fork",
            "OPENBLAS_NUM_THREADS": "1",
            "LD_LIBRARY_PATH": os.pathsep.join(
                filter(None, [library, os.environ.get("LD_LIBRARY_PATH")])
            ),
        }
        return subprocess.run(
            [mpiexec, "-n", str(ranks), sys.executable, *launcher, str(file)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_sum_is_the_same_bit_for_bit_whatever_the_ranks_and_the_root(run_ranks: Run) -> None:
    done = run_ranks("""
        def part(rank):
            early = [replace(event, start_ns=rank) for event in SAMPLE.events[:1]]
            return replace(SAMPLE, steal_ns=rank, open_tiles=rank * rank, events=tuple(early))

        for size in range(1, comm.size + 1):
            some = comm.Split(comm.rank < size)
            if comm.rank >= size:
                continue
            expected = bp.merge_recordings(map(part, range(size)))
            for root in {0, size - 1}:
                for by_rank in (True, False):
                    found = reduce_recordings(part(some.rank), some, root, by_rank=by_rank)
                    assert (found is None) == (some.rank != root)
                    if found is not None:
                        assert found.recording == expected
                        assert repr(found.recording.to_json()) == repr(expected.to_json())
                        assert len(found.hosts) == 1
                        names = [one.name for one in found.members]
                        ranks = [f"rank {number}" for number in range(size)]
                        assert names == (ranks if by_rank else [""])
        print("same")
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("same") == 4  # lines of ranks may mingle


def test_ranks_without_a_recording_are_named_and_nothing_else_is_lost(run_ranks: Run) -> None:
    done = run_ranks("""
        prof = bp.BrickProfiler()
        given = [SAMPLE, None, {"not": "a recording"}, prof.recording()][comm.rank]
        try:
            found = reduce_recordings(given, comm)
        except TypeError as error:
            assert comm.rank == 2, error
            assert "recording must be a Recording or None" in str(error)
            found = None
        if comm.rank == 0:
            assert found.by_host[found.hosts[0]].brick_info("gemm") == SAMPLE.brick_info("gemm")
            for one in found.members:
                print(f"{one.name}: {one.missing}")
        else:
            assert found is None
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "rank 0: ",
        "rank 1: it passed None",
        "rank 2: recording must be a Recording or None, got {'not': 'a recording'}",
        "rank 3: it recorded no tiles: was its profiler on?",
    ]


def test_a_rank_that_raises_is_in_the_report_and_its_exception_goes_on(run_ranks: Run) -> None:
    done = run_ranks("""
        try:
            with profile_ranks(comm, root=3, save="runs", interval=1000) as run:
                work(10)
                if comm.rank == 1:
                    raise ValueError("on purpose")
                work(10)
        except ValueError as error:
            assert comm.rank == 1 and str(error) == "on purpose"
        else:
            assert comm.rank != 1
        if run.is_root:
            print(run.report())
            assert calls(run.recording) == 70
            assert all(one.available_ns > 0 for one in run.cluster.members)
        else:
            try:
                run.cluster
            except RuntimeError as error:
                assert str(error) == "rank 3 has the recordings"
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 processes on 1 host · 1 incomplete")
    assert "rank 1: it raised ValueError before the end." in done.stdout


def test_a_rank_that_raises_while_others_wait_for_it_does_not_wait_for_ever(
    run_ranks: Run, tmp_path: Path
) -> None:
    done = run_ranks(
        """
        with profile_ranks(comm, save="runs", interval=0.05, timeout=0.3):
            work(10)
            time.sleep(0.4)
            if comm.rank == 1:
                raise ValueError("on purpose")
            comm.Barrier()
        """,
        launcher=("-m", "mpi4py"),  # which aborts all ranks when one ends with an exception
    )
    assert done.returncode != 0
    assert "ValueError: on purpose" in done.stderr
    saved = sorted((tmp_path / "runs").glob("*/rank *.json"))
    assert [path.stem for path in saved] == [f"rank {number}" for number in range(4)]
    assert [sum(info.calls for info in bp.load_recording(path).brick_infos) for path in saved] == [
        10
    ] * 4


def test_of_ranks_that_were_killed_the_saved_recordings_are_left(
    run_ranks: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_ranks("""
        with profile_ranks(comm, save="runs", interval=0.05) as run:
            work(10)
            time.sleep(0.4)
            if comm.rank == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            comm.Barrier()
    """)
    assert done.returncode != 0
    folders = [str(folder) for folder in (tmp_path / "runs").iterdir()]
    assert len(folders) == 1
    assert main(["report", "--by-host", *folders]) == 0
    assert capsys.readouterr().out.startswith("4 processes on 1 host")


def test_where_one_rank_cannot_begin_none_does(run_ranks: Run) -> None:
    done = run_ranks(
        """
        if comm.rank == 1:
            open("in the way", "w").close()
        comm.Barrier()
        run = profile_ranks(comm, save="in the way" if comm.rank == 1 else "runs")
        try:
            run.__enter__()
        except RuntimeError as error:
            assert str(error).startswith("the run cannot begin: rank 1: "), error
            print("refused")
        with profile_ranks(comm):  # nothing is left switched on
            pass
    """,
        2,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == 2  # lines of ranks may mingle


def test_arguments_are_checked() -> None:
    recording = bp.BrickProfiler().recording()
    for comm in (None, object(), 4):
        with pytest.raises(TypeError, match="comm must be a communicator of mpi4py"):
            reduce_recordings(recording, comm)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="comm must be an intracommunicator of mpi4py"):
            profile_ranks(comm)  # type: ignore[arg-type]
