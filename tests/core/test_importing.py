"""A fork waits for imports at first use on other threads."""

from __future__ import annotations

import subprocess
import sys
import threading

from support.children import SECONDS, child_succeeds

from brickprof.core.importing import IMPORTING

FORK_IN_AN_IMPORT = """
import sys, threading, time
from support.children import child_succeeds
import brickprof

importing = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "brickprof.kernels.{kernel}.{kernel}":
            importing.set()
            time.sleep(0.2)

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: brickprof.{kernel})
thread.start()
importing.wait()
sys.exit(not child_succeeds(lambda: callable(brickprof.{kernel}), 10))
"""


def test_a_child_of_a_fork_in_the_first_use_of_a_name_can_use_it() -> None:
    for kernel in ("gemm", "attention"):
        script = FORK_IN_AN_IMPORT.format(kernel=kernel)
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": ":".join(sys.path)},
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, kernel


def test_the_lock_is_free_in_parent_and_child() -> None:
    def is_free() -> bool:
        got: list[bool] = []
        thread = threading.Thread(target=lambda: got.append(IMPORTING.acquire(timeout=SECONDS)))
        thread.start()
        thread.join()
        return got == [True]

    assert child_succeeds(is_free)
    assert child_succeeds(lambda: child_succeeds(is_free))
    with IMPORTING:
        assert child_succeeds(lambda: IMPORTING.acquire(timeout=0))
    assert child_succeeds(is_free)
