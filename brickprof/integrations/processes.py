"""Processes that a recorded program starts: each saves its part, and the parts are merged.

A process that is forked goes on with a copy of its parent's profiler. One that is started anew, as
by ``spawn`` and ``forkserver`` of multiprocessing, by joblib or by ``subprocess``, learns of it by
the environment: a folder on PYTHONPATH holds a ``sitecustomize``, which Python imports at its
start, and which passes on to the one that it hides.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from brickprof.integrations.after_import import AfterImport

if TYPE_CHECKING:
    from brickprof.profiler.brick_profiler import BrickProfiler
    from brickprof.recording import Recording

VARIABLE = "BRICKPROF_RUN"
"""The variable of the environment that tells a process what to do."""

_SITECUSTOMIZE = '''\
"""Lets `brickprof run` see this process; then does what the sitecustomize that it hides does."""

import json
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

sys.path[:] = [one for one in sys.path if one != os.path.dirname(__file__)]
try:
    told = json.loads(os.environ["{variable}"])
    if told["python"] == sys.implementation.cache_tag:
        sys.path.append(told["root"])
        try:
            import brickprof.integrations.processes as processes
        finally:
            sys.path.remove(told["root"])
        processes.begin(told)
except Exception:  # of what is not seen the program learns nothing
    pass
hidden = PathFinder.find_spec("sitecustomize", sys.path)
if hidden is None:
    raise ImportError("no other sitecustomize", name="sitecustomize")
sys.modules["sitecustomize"] = module_from_spec(hidden)
hidden.loader.exec_module(sys.modules["sitecustomize"])
'''


class Children:
    """The recordings of the processes that a process starts, and those start.

    Parameters
    ----------
    profiler : BrickProfiler
        What records; a process that is forked goes on with a copy of it, which begins anew.
    folder : Path
        Where processes save their parts.
    """

    def __init__(self, profiler: BrickProfiler, folder: Path) -> None:
        self._profiler, self._folder = profiler, folder
        os.register_at_fork(after_in_child=self._begin)
        # Processes of multiprocessing end without what is registered at exit, and forget at their
        # start what was to be done at their end.
        multiprocessing = import_module("multiprocessing.util")
        self._finalize: Callable[..., Any] = multiprocessing.Finalize
        multiprocessing.register_after_fork(self, Children.save_at_end)

    def _begin(self) -> None:
        """Forget what the parent did, and save what follows when the process ends."""
        if not self._folder.is_dir():
            return
        with suppress(Exception):
            self._profiler.reset_tile_stats()
        atexit.register(self._save)

    def save_at_end(self) -> None:
        """Save what a process of multiprocessing recorded when it ends."""
        if self._folder.is_dir():
            self._finalize(None, self._save, exitpriority=100)
            # A pool that is left by its with statement ends its processes by this signal.
            with suppress(ValueError):  # outside of the main thread
                if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                    signal.signal(signal.SIGTERM, self._save_and_die)

    def _save_and_die(self, number: int, frame: FrameType | None) -> None:
        """Save what this process recorded, and die of the signal."""
        self._save()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _save(self) -> None:
        """Save what this process recorded."""
        with suppress(Exception):
            recording = self._profiler.recording()
            if recording.tiles:
                recording.save(self._folder / f"{os.getpid()}.json")

    def merged_with(self, recording: Recording) -> Recording:
        """Return the recording of all processes."""
        from brickprof.core.errors import RecordingError
        from brickprof.recording import load_recording, merge_recordings

        parts = [recording]
        for path in sorted(self._folder.glob("*.json")):
            with suppress(RecordingError, OSError):
                parts.append(load_recording(path))
        return recording if len(parts) == 1 else merge_recordings(parts)


class Environment:
    """A with statement in which processes that are started anew record too.

    Parameters
    ----------
    folder : Path
        Where they save their parts.
    min_elements : int
        Elements of the largest operand or result from which a call is recorded.
    """

    def __init__(self, folder: Path, min_elements: int) -> None:
        self._folder, self._min_elements = folder, min_elements
        self._former: dict[str, str | None] = {}

    def __enter__(self) -> None:
        site = self._folder / "site"
        site.mkdir()
        text = _SITECUSTOMIZE.replace("{variable}", VARIABLE)
        (site / "sitecustomize.py").write_text(text, encoding="utf-8")
        told = {
            "folder": str(self._folder),
            "min_elements": self._min_elements,
            "root": str(Path(__file__).parents[2]),
            "python": sys.implementation.cache_tag,
        }
        self._former = {name: os.environ.get(name) for name in ("PYTHONPATH", VARIABLE)}
        before = self._former["PYTHONPATH"]
        os.environ["PYTHONPATH"] = str(site) + (os.pathsep + before if before else "")
        os.environ[VARIABLE] = json.dumps(told)

    def __exit__(self, *error: object) -> None:
        for name, value in self._former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def begin(told: dict[str, Any]) -> None:
    """Record what a process that was started anew does with NumPy, once it imports it.

    Parameters
    ----------
    told : dict
        What the environment tells: ``folder`` and ``min_elements``.
    """
    command = [os.path.basename(one) for one in sys.orig_argv]
    if not os.path.isdir(told["folder"]) or "brickprof" in command:
        return  # the run is over, or another one begins

    def start(_: str) -> None:
        with suppress(Exception):
            _record(Path(told["folder"]), told["min_elements"])

    if "numpy" in sys.modules:
        start("numpy")
    else:
        sys.meta_path.insert(0, AfterImport({"numpy": start}))


def _record(folder: Path, min_elements: int) -> None:
    """Record the calls of this process until it ends, and save them then."""
    from brickprof.integrations.instrument import Instrumentation
    from brickprof.profiler.brick_profiler import BrickProfiler

    children = Children(Instrumentation(BrickProfiler(), min_elements).__enter__(), folder)
    atexit.register(children._save)
    if "multiprocessing.process" in sys.modules:
        children.save_at_end()
