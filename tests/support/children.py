"""Children of os.fork and of multiprocessing that must succeed, and are killed if they hang."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 60
"""After so long a child is killed: a hang must fail, not last."""


@contextmanager
def forking() -> Iterator[None]:
    """Allow forks beside threads, which newer Pythons warn of and which are what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def settles(right: Callable[[], bool]) -> bool:
    """Wait until something is right.

    A thread that was joined may be listed a little longer, and a worker that leaves its caller's
    processor lacks it for two system calls.
    """
    until = time.monotonic() + SECONDS / 4
    while not right() and time.monotonic() < until:
        time.sleep(0.001)
    return right()


def child_succeeds(work: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Run a function in a forked child; tell whether it returned True and nothing else broke."""
    with forking():
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    ended = os.pidfd_open(child)
    try:
        if not select.select([ended], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(ended)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def process_succeeds(method: str, work: Callable[[], bool]) -> bool:
    """Run a module's function in a process that multiprocessing starts by a method."""
    process = multiprocessing.get_context(method).Process(target=_exit, args=(work,))
    with forking():
        process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode == 0


def _exit(work: Callable[[], bool]) -> None:
    """End the process with what a function says."""
    raise SystemExit(0 if work() else 1)
