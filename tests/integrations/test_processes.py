"""Processes that a program starts are in its recording, however they are started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brickprof.integrations.processes import VARIABLE, Environment
from brickprof.recording import Recording, load_recording

PRODUCT = """import os, sys
import numpy as np
a = np.ones((100, 100))
def work(times):
    for _ in range(times):
        a @ a
    return os.environ.get("OPENBLAS_NUM_THREADS"), sys.argv[1:], times
"""


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Python to its end."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def recorded(folder: Path, program: str) -> Recording:
    """Return the recording of a program, which does and says what it does without."""
    (folder / "program.py").write_text(program)
    plain = ran(folder, "program.py", "x")
    options = ("--quiet", "--save", "run.json")
    seen = ran(folder, "-m", "brickprof", "run", *options, "program.py", "x")
    assert (seen.stdout, seen.returncode) == (plain.stdout, plain.returncode), seen.stderr
    assert seen.stderr.replace("saved run.json\n", "") == plain.stderr
    return load_recording(folder / "run.json")


def calls(recording: Recording) -> int:
    """Return how many products were recorded."""
    return sum(info.calls for info in recording.brick_infos if info.name.endswith(" matmul"))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_and_pools_of_multiprocessing(method: str, tmp_path: Path) -> None:
    program = f"""{PRODUCT}import multiprocessing
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    child = context.Process(target=work, args=(5,))
    child.start()
    child.join()
    with context.Pool(1) as pool:
        print(pool.map(work, [1, 2]))
        pool.close()
        pool.join()
    open_to_the_end = ProcessPoolExecutor(1, mp_context=context)
    print(open_to_the_end.submit(work, 7).result())
    work(11)
    sys.exit(child.exitcode + 3)
"""
    recording = recorded(tmp_path, program)
    assert calls(recording) == 5 + 1 + 2 + 7 + 11
    assert {name.partition(":")[0] for name in recording.bricks} == {"program.py"}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_that_is_left_by_its_with_statement(method: str, tmp_path: Path) -> None:
    program = f"""{PRODUCT}import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        print(pool.map(work, range(1, 7), chunksize=1))
"""
    assert calls(recorded(tmp_path, program)) == 21


def test_programs_that_the_program_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.hidden = 'was run'\n")
    (tmp_path / "child.py").write_text(
        f"{PRODUCT}work(3)\n"
        "print(sys.path[1:], sys.modules['sitecustomize'].__file__, getattr(sys, 'hidden', None))\n"
        "raise SystemExit(7)\n"
    )
    program = f"""{PRODUCT}import subprocess
for flags in ([], ["-I"]):
    done = subprocess.run([sys.executable, *flags, "child.py"], env={{
        **os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "") + os.pathsep + os.getcwd()}})
    print(done.returncode)
subprocess.run([sys.executable, "-c", "print(1)"])
work(1)
"""
    # Python that is told not to read the environment is not seen.
    assert calls(recorded(tmp_path, program)) == 3 + 1


def test_a_program_that_begins_a_run_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(f"{PRODUCT}work(3)\n")
    program = f"""{PRODUCT}import subprocess
command = "-m brickprof run --quiet --save child.json child.py"
subprocess.run([sys.executable, *command.split()], check=True)
work(1)
"""
    assert calls(recorded(tmp_path, program)) == 1
    assert calls(load_recording(tmp_path / "child.json")) == 3


@pytest.mark.slow
def test_workers_of_joblib(tmp_path: Path) -> None:
    program = """import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 100))
    print(np.round(cross_val_score(Ridge(), x, x[:, 0], cv=4, n_jobs=2), 3))
    square = np.ones((100, 100))
    tasks = [delayed(np.matmul)(square, square) for _ in range(6)]
    print(sum(one.sum() for one in Parallel(n_jobs=2)(tasks)))
"""
    recording = recorded(tmp_path, program)
    by_workers = [info for info in recording.brick_infos if "sklearn" in info.name]
    assert sum(info.calls for info in by_workers) > 0
    products = [one for one in recording.brick_infos if one.name.startswith("joblib/")]
    assert sum(info.calls for info in products if info.name.endswith(" matmul")) == 6


def test_the_environment_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.delenv(VARIABLE, raising=False)
    with Environment(tmp_path, 7):
        first, _, rest = os.environ["PYTHONPATH"].partition(os.pathsep)
        assert (Path(first), rest) == (tmp_path / "site", "here")
        assert json.loads(os.environ[VARIABLE])["min_elements"] == 7
    assert os.environ["PYTHONPATH"] == "here"
    assert VARIABLE not in os.environ
