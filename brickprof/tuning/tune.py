"""Tuning: candidates compared, raced, and proved against the default in a fresh process."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping
from functools import partial

from brickprof.core.checks import checked_callable, checked_integer, checked_number, short_repr
from brickprof.core.errors import TuningError
from brickprof.core.importing import IMPORTING
from brickprof.recording import Recording
from brickprof.tuning.outcome import TunedCandidate, Tuning
from brickprof.tuning.proof import Arguments, Proof, prove
from brickprof.tuning.race import race
from brickprof.tuning.same_result import kept, same
from brickprof.tuning.search import search
from brickprof.tuning.space import Candidate, Space, SpaceLike, space_of

Check = Callable[[object, object], object]
Report = Callable[[float, str], None]
Clock = Callable[[], int]

FINALISTS = 4
"""The fastest of the search that are raced, beside the default."""

HOPELESS = 8.0
"""Time over that of the fastest so far above which a candidate is not called again."""

_SEARCH_NS = 3_000_000
_MAX_CALLS = 3


def tune(
    fn: Callable[..., object],
    space: SpaceLike,
    check: Check | None = None,
    *,
    default: Mapping[str, object] | None = None,
    rounds: int = 15,
    margin: float = 0.02,
    progress: Report | None = None,
) -> Tuning:
    """Find the fastest arguments of a function, and prove that they beat the default.

    Candidates are called once to compare their results with the default's, and timed; of a large
    space a spread sample and the neighbours of the fastest. The fastest few are raced in
    interleaved rounds, the slower ones for fewer. The winner is timed once more against the
    default, in turns in a fresh process, and is `Tuning.best` only where the whole confidence
    interval of the ratio is above the margin: what nobody raced is never recommended.

    Parameters
    ----------
    fn : callable
        ``fn(**candidate)`` does the work and returns its result. Where it also takes ``profiler``,
        the default and the winner are profiled with it, to show why one is faster.
    space : Mapping, iterable of Mapping, or Space
        ``{"rows": (8, 16, 32), "columns": (64, 128)}`` for all combinations, a list of candidates,
        or tiles that fit a cache (`tile_space`).
    check : callable, optional
        ``check(result, first)`` tells whether a candidate's result is right, given the default's;
        one that returns None is right unless it raised AssertionError. By default arrays and
        numbers are compared up to rounding, and what else `fn` returns with ``==``.
    default : Mapping, optional
        The arguments to beat, one of the candidates; by default the first one.
    rounds : int
        Rounds of the race.
    margin : float
        Share by which a winner must be faster than the default, at least.
    progress : callable, optional
        Called with the share that is done and what comes now.

    Returns
    -------
    Tuning

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range, or `default` is no candidate.
    TuningError
        If `fn` returns None and there is no `check`: nothing would be compared.
    Exception
        What `fn` raises for the default. Another candidate that raises is passed over and told.
    """
    checked_callable("fn", fn)
    if check is not None:
        checked_callable("check", check)
    if progress is not None:
        checked_callable("progress", progress)
    candidates = space_of(space)
    return tune_measured(
        fn,
        candidates,
        _start(candidates, default),
        check or _compared,
        checked_integer("rounds", rounds, 1),
        checked_number("margin", margin, zero=True),
        progress or (lambda fraction, what: None),
    )


def tune_measured(
    fn: Callable[..., object],
    space: Space,
    start: Candidate,
    check: Check,
    rounds: int,
    margin: float,
    report: Report,
    clock: Clock = time.perf_counter_ns,
    proving: Callable[[Callable[..., object], Arguments, Arguments], Proof] = prove,
) -> Tuning:
    """Tune by a given clock and proof; arguments else as of `tune`."""
    began = clock()
    heat = _Heat(fn, space, check, report, clock)
    times = search(space, start, heat.time_of)
    right = [one for one in sorted(times, key=times.__getitem__) if math.isfinite(times[one])]
    finalists = list(dict.fromkeys([*right[:FINALISTS], start]))
    raced = _raced(fn, space, finalists, rounds, report, clock)
    searched = clock()
    default, fastest, proof = space.arguments(start), raced[0].arguments, None
    if fastest != default:
        report(0.8, "proving the fastest in a fresh process")
        proof = proving(fn, default, fastest)
    proved = clock()
    before, after = _profiled(fn, default, fastest)
    report(1.0, "done")
    return Tuning(
        default=default,
        candidates=raced,
        space_size=len(space),
        tried=len(times),
        wrong=tuple(map(space.arguments, heat.wrong)),
        failed=tuple((space.arguments(one), why) for one, why in heat.failed.items()),
        proof=proof,
        margin=margin,
        search_ns=searched - began,
        proof_ns=proved - searched,
        before=before,
        after=after,
    )


def _start(space: Space, default: Mapping[str, object] | None) -> Candidate:
    """Return the candidate to beat."""
    if default is None:
        return space.candidates[0]
    if not isinstance(default, Mapping):
        raise TypeError(f"default must be arguments by name, got {short_repr(default)}")
    for candidate in space.candidates:
        if space.arguments(candidate) == dict(default):
            return candidate
    raise ValueError(f"default must be one of the candidates of space, got {dict(default)}")


def _compared(result: object, first: object) -> bool:
    """Tell whether two results are the same, where there are any."""
    if first is None:
        raise TuningError("fn must return its result, to be compared, or check= must look at it")
    return same(result, first)


class _Heat:
    """Calls candidates for the search: compares their results, and takes their times."""

    def __init__(
        self,
        fn: Callable[..., object],
        space: Space,
        check: Check,
        report: Report,
        clock: Clock,
    ) -> None:
        self.fn, self.space, self.check, self.report, self.clock = fn, space, check, report, clock
        self.first: tuple[object] | None = None
        self.fastest = math.inf
        self.tried = 0
        self.wrong: list[Candidate] = []
        self.failed: dict[Candidate, str] = {}

    def time_of(self, candidate: Candidate) -> float:
        """Return the shortest time of a few calls; infinity where it raises or is wrong."""
        self.tried += 1
        shown = ", ".join(f"{name}={value}" for name, value in self._arguments(candidate).items())
        self.report(0.5 * self.tried / (self.tried + 20), f"candidate {self.tried}: {shown}")
        before = self.clock()
        try:
            result = self.fn(**self._arguments(candidate))
        except Exception as error:
            if self.first is None:
                raise
            self.failed[candidate] = f"{type(error).__name__}: {error}"
            return math.inf
        taken = self.clock() - before
        if self.first is None:
            self.first = (kept(result),)
        if not self._right(result):
            self.wrong.append(candidate)
            return math.inf
        spent, calls = 0, 0
        while taken < HOPELESS * self.fastest and calls < _MAX_CALLS and spent < _SEARCH_NS:
            before = self.clock()
            self.fn(**self._arguments(candidate))
            again = self.clock() - before
            taken = again if calls == 0 else min(taken, again)
            spent, calls = spent + again, calls + 1
        self.fastest = min(self.fastest, taken)
        return float(taken)

    def _arguments(self, candidate: Candidate) -> dict[str, object]:
        return self.space.arguments(candidate)

    def _right(self, result: object) -> bool:
        """Tell whether a result is that of the first candidate."""
        assert self.first is not None
        try:
            told = self.check(result, self.first[0])
        except AssertionError:
            return False
        return told is None or bool(told)


def _raced(
    fn: Callable[..., object],
    space: Space,
    finalists: list[Candidate],
    rounds: int,
    report: Report,
    clock: Clock,
) -> tuple[TunedCandidate, ...]:
    """Return the finalists with their times, the fastest first."""

    def before_round(finished: int, left: int) -> None:
        report(0.5 + 0.3 * finished / rounds, f"round {finished + 1} of {rounds}, {left} left")

    calls = {one: partial(fn, **space.arguments(one)) for one in finalists}
    times = race(calls, rounds, clock, before_round)
    raced = [TunedCandidate(space.arguments(one), tuple(taken)) for one, taken in times.items()]
    return tuple(sorted(raced, key=lambda one: one.median_ns))


def _profiled(
    fn: Callable[..., object], default: dict[str, object], fastest: dict[str, object]
) -> tuple[Recording | None, Recording | None]:
    """Return recordings of the default and of the fastest, where `fn` takes a profiler."""
    with IMPORTING:
        from brickprof.profiler.brick_profiler import BrickProfiler

    try:
        takes = "profiler" in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        takes = False
    if not takes or "profiler" in default or default == fastest:
        return None, None
    recordings = []
    for arguments in (default, fastest):
        profiler = BrickProfiler()
        profiler.enable_tile_profiling()
        for _ in range(3):
            fn(**arguments, profiler=profiler)
        recordings.append(profiler.recording())
    before, after = recordings
    return before, after
