"""Proof: two candidates timed in turns, A B B A, in a process that has run nothing else."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from brickprof.core.errors import TuningError
from brickprof.core.files import read_json, write_json
from brickprof.core.importing import IMPORTING
from brickprof.tuning.medians import median_interval

Arguments = Mapping[str, object]

MIN_QUADS, MAX_QUADS = 8, 40
"""Turns of four calls: with eight the interval leaves out the most extreme ones."""

_BUDGET_NS = 2_000_000_000
"""Time for the turns beyond `MIN_QUADS`: of short calls there are more."""

_OBVIOUS = 1.25
"""Ratio above which more turns would tell nothing new."""

_SHORTEST_NS = 200_000
"""What is shorter is called several times in a row: a call of the clock, and an interrupt, are long
beside it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How much faster the winner was than the default.

    Parameters
    ----------
    ratios : tuple of float
        Time of the default over that of the winner, one for each turn of four calls.
    fresh : bool
        Whether it was measured in a process of its own.
    reason : str
        Why it was not; empty where it was.
    """

    ratios: tuple[float, ...]
    fresh: bool
    reason: str = ""

    @property
    def median(self) -> float:
        """Median of the ratios."""
        ordered = sorted(self.ratios)
        middle = len(ordered) // 2
        return (ordered[middle] + ordered[~middle]) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the median, 95 %; see `median_interval`."""
        return median_interval(self.ratios)


def prove(fn: Callable[..., object], default: Arguments, winner: Arguments) -> Proof:
    """Time two candidates in a fresh process or, where `fn` cannot get there, in this one.

    What a search leaves behind (caches, pages, thread pools, clocks of the processor, compiled
    code) may favour one of them; a fresh process has none of it. A B B A cancels a steady drift.

    Parameters
    ----------
    fn : callable
        Called with either's arguments.
    default, winner : Mapping
        Arguments by name.
    """
    try:
        payload = _pickled((fn, dict(default), dict(winner)))
        return Proof(_in_fresh_process(payload), fresh=True)
    except TuningError as error:
        return Proof(abba(fn, default, winner), fresh=False, reason=str(error))


def abba(
    fn: Callable[..., object],
    default: Arguments,
    winner: Arguments,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[float, ...]:
    """Return the time of the default over that of the winner, of each turn A B B A."""

    def timed(arguments: Arguments, calls: int) -> int:
        before = clock()
        for _ in range(calls):
            fn(**arguments)
        return clock() - before

    timed(default, 1)
    shortest = max(min(timed(winner, 1), timed(winner, 1)), 1)
    calls = max(_SHORTEST_NS // shortest, 1)
    ratios: list[float] = []
    started = clock()
    while len(ratios) < MAX_QUADS:
        first, *inner, last = (
            timed(arguments, calls) for arguments in (default, winner, winner, default)
        )
        ratios.append((first + last) / max(sum(inner), 1))
        if len(ratios) < MIN_QUADS:
            continue
        if clock() - started > _BUDGET_NS or median_interval(ratios)[0] > _OBVIOUS:
            break
    return tuple(ratios)


def _pickled(call: tuple[object, ...]) -> bytes:
    """Return a call as bytes, with functions of scripts and notebooks by value."""
    with IMPORTING:
        import cloudpickle

    file = io.BytesIO()
    try:
        cloudpickle.dump(call, file, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # whatever a user's object raises
        raise TuningError(f"fn cannot be pickled: {_line(error)}") from error
    return file.getvalue()


def _in_fresh_process(payload: bytes) -> tuple[float, ...]:
    """Return what `abba` does, in another process with this one's import path."""
    with tempfile.TemporaryDirectory(prefix="brickprof-") as folder:
        call, out = Path(folder, "call"), Path(folder, "ratios.json")
        call.write_bytes(payload)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-m", "brickprof.tuning.proof", str(call), str(out)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise TuningError(f"fn failed in a fresh process: {last}")
        ratios = read_json(out, TuningError)
    if not isinstance(ratios, list):
        raise TuningError("a fresh process gave no ratios")
    return tuple(map(float, ratios))


def _line(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _main(call: str, out: str) -> None:
    """Time the call that a file holds, and write the ratios to another."""
    fn, default, winner = pickle.loads(Path(call).read_bytes())
    write_json(Path(out), list(abba(fn, default, winner)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
