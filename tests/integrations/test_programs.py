"""Programs as people write them run unchanged, and what is reported of them is true."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from brickprof.recording import Recording, load_recording

PROGRAMS = Path(__file__).parent / "programs"

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; `make test-decoder` installs it"
)


@dataclass(frozen=True)
class Run:
    """What a program did on its own and under ``brickprof run``."""

    plain: subprocess.CompletedProcess[str]
    seen: subprocess.CompletedProcess[str]
    recording: Recording
    lines: list[str]

    def flops(self, operation: str, line: str = "") -> int:
        """Return the flops of an operation, on the lines that begin so."""
        return sum(
            tile.flops
            for tile in self.recording.tiles
            if tile.brick is not None
            and tile.brick.endswith(f" {operation}")
            and self.source(tile.brick).startswith(line)
        )

    def calls(self, operation: str) -> int:
        """Return how often an operation was called."""
        infos = self.recording.brick_infos
        return sum(info.calls for info in infos if info.name.endswith(f" {operation}"))

    def source(self, brick: str) -> str:
        """Return the line of the program that a brick is named by; empty of other files."""
        match = re.match(r"(\w+\.py):(\d+) ", brick)
        return self.lines[int(match[2]) - 1].strip() if match else ""


def run(name: str, folder: Path) -> Run:
    """Run a program both ways; what it prints and returns must be the same."""
    program = str(PROGRAMS / name)
    saved = folder / "run.json"

    def done(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments, program]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    plain, seen = done(), done("-m", "brickprof", "run", "--save", str(saved))
    assert (plain.returncode, plain.stderr) == (0, "")
    assert (seen.stdout, seen.returncode) == (plain.stdout, plain.returncode), seen.stderr
    lines = Path(program).read_text(encoding="utf-8").splitlines()
    return Run(plain, seen, load_recording(saved), lines)


def test_a_network_in_numpy(tmp_path: Path) -> None:
    done = run("numpy_mlp.py", tmp_path)
    steps, rows, hidden = 200, 2000, 64
    size = steps * rows * hidden
    assert done.flops("matmul", "hidden =") == 2 * 2 * size
    assert done.flops("matmul", "out =") == 2 * size
    assert done.flops("matmul", "grad_w2 =") == 2 * size
    assert done.flops("matmul", "grad_w1 =") == 2 * 2 * size
    assert done.flops("matmul", "grad_hidden =") == 2 * size
    assert done.flops("tanh", "hidden =") == size
    assert done.flops("add", "hidden =") == size
    assert done.flops("square", "grad_hidden =") == size
    assert done.flops("subtract", "grad_hidden =") == size
    assert done.flops("multiply", "grad_hidden =") == size
    assert done.flops("sum", "b1 -=") == size
    assert sum(tile.flops for tile in done.recording.tiles) == 20 * size


@needs_torch
def test_a_transformers_block_in_pytorch_forward_and_backward(tmp_path: Path) -> None:
    done = run("torch_block.py", tmp_path)
    steps, batch, seq, dim = 5, 2, 32, 64
    products = steps * 2 * batch * seq * dim * dim  # of a square matrix and all tokens
    scores = steps * 2 * batch * seq * seq * dim
    assert done.flops("addmm", "q, k, v =") == 3 * products
    assert done.flops("addmm", "x = x + self.proj(") == products
    assert done.flops("addmm", "return x + self.down(") == 8 * products
    assert done.flops("bmm", "weights =") == done.flops("bmm", "x = x + self.proj(") == scores
    # Backward computes the gradients of both factors of each product.
    assert done.flops("mm", "loss.backward()") == 2 * 12 * products
    assert done.flops("bmm", "loss.backward()") == 2 * 2 * scores
    assert sum(tile.flops for tile in done.recording.tiles) == 3 * (12 * products + 2 * scores)


def test_conjugate_gradients_in_scipy(tmp_path: Path) -> None:
    done = run("scipy_cg.py", tmp_path)
    steps = int(done.plain.stdout.partition("steps: ")[2].partition(",")[0])
    n = 120
    assert steps > 100
    assert done.calls("csr_matvec") == steps
    assert done.flops("csr_matvec") == steps * 2 * (5 * n * n - 4 * n)
    assert done.flops("dot") >= steps * 2 * 2 * n * n


def test_components_and_clusters_of_scikit_learn(tmp_path: Path) -> None:
    done = run("sklearn_clusters.py", tmp_path)
    rows, cols = 4000, 50
    assert done.calls("linalg.svd") == 1
    assert done.flops("linalg.svd") == 14 * rows * cols**2 + 8 * cols**3
    assert "scikit-learn's compiled code" in done.seen.stderr


def test_a_stencil_of_numba_is_told_to_be_unseen(tmp_path: Path) -> None:
    done = run("numba_stencil.py", tmp_path)
    assert [done.source(name) for name in done.recording.bricks] == [done.lines[-1]]
    assert done.flops("mean") == 500 * 500
    assert "most of the time was outside of them" in done.seen.stderr
    assert "brickprof.integrations.numba" in done.seen.stderr


def test_a_job_without_kernels_is_told_that_there_is_nothing_to_see(tmp_path: Path) -> None:
    done = run("pandas_job.py", tmp_path)
    assert done.recording.tiles == ()
    assert "nothing to see here" in done.seen.stderr
    assert "pandas' compiled code" in done.seen.stderr
    assert "GFLOP/s" not in done.seen.stderr
