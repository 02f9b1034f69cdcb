"""Thread counts by rule: how many the work is worth, and the process's pools set to that."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from threadpoolctl import threadpool_limits

from brickprof.core.checks import checked_integer, checked_thread_count, short_repr
from brickprof.machine import detect_machine
from brickprof.planning.budget import (
    ThreadChoice,
    set_default_threads,
    thread_budget,
    threads_from_environment,
)

CACHE_LINE = 64
"""Bytes of a cache line on nearly all CPUs."""

LINES_PER_THREAD = 6
"""Cache lines that a thread of inference should get at least.

The Sovereign AI Stack book ("Profiling and Performance Tuning", Optimal Thread Count Formula) finds
a model of 1536 hidden elements fastest at 6 to 8.
"""


def optimal_threads(
    work_elements: int,
    itemsize: int = 4,
    cache_line: int = CACHE_LINE,
    physical_cores: int | None = None,
    lines_per_thread: int = 1,
) -> int:
    """Return ``min(physical_cores, work / cache_line)``: no thread without a cache line.

    Parameters
    ----------
    work_elements : int
        Elements that are shared out.
    itemsize : int
        Bytes of an element.
    cache_line : int
        Bytes of a cache line.
    physical_cores : int, optional
        Cores to use at most; this machine's by default.
    lines_per_thread : int
        Cache lines that a thread should get at least.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError
        If an argument is no integer.
    ValueError
        If `work_elements` is negative or another argument < 1.
    """
    given = detect_machine().physical_cores if physical_cores is None else physical_cores
    work, size, line, cores, least = (
        checked_integer(name, value, smallest)
        for name, value, smallest in (
            ("work_elements", work_elements, 0),
            ("itemsize", itemsize, 1),
            ("cache_line", cache_line, 1),
            ("physical_cores", given, 1),
            ("lines_per_thread", lines_per_thread, 1),
        )
    )
    return _worthwhile_threads(work, size, line, cores, least)


def _worthwhile_threads(work: int, itemsize: int, line: int, cores: int, lines: int) -> int:
    """Return how many threads get so many cache lines each, of `cores` at most."""
    return max(min(cores, work * itemsize // line // lines), 1)


@dataclass(frozen=True, slots=True)
class ThreadConfig:
    """Thread counts for the two phases of inference with a language model.

    Parameters
    ----------
    prefill : int
        Threads while all tokens of a prompt pass at once.
    decode : int
        Threads while one token passes at a time; at most `prefill`, since there is less to share.

    Raises
    ------
    TypeError
        If a count is no integer.
    ValueError
        If a count is not in [1, 4096], or `decode` is above `prefill`.
    """

    prefill: int
    decode: int

    def __post_init__(self) -> None:
        for name in ("prefill", "decode"):
            object.__setattr__(self, name, checked_thread_count(name, getattr(self, name)))
        if self.decode > self.prefill:
            raise ValueError(f"decode must be at most prefill ({self.prefill}), got {self.decode}")

    def threads(self, phase: str) -> int:
        """Return the thread count of a phase, "prefill" or "decode".

        Raises
        ------
        ValueError
            If `phase` is neither.
        """
        if isinstance(phase, str) and phase in ("prefill", "decode"):
            return self.prefill if phase == "prefill" else self.decode
        raise ValueError(f"phase must be 'prefill' or 'decode', got {short_repr(phase)}")

    @classmethod
    def for_model(
        cls,
        hidden: int,
        tokens: int,
        itemsize: int = 4,
        lines_per_thread: int = LINES_PER_THREAD,
        budget: int | None = None,
    ) -> ThreadConfig:
        """Return what `optimal_threads` chooses for a model.

        Decoding shares out `hidden` elements, prefill `hidden` for each token of the prompt. Both
        get the whole budget where it is the scarcer.

        Parameters
        ----------
        hidden : int
            Elements of a token between layers.
        tokens : int
            Tokens of a prompt.
        itemsize : int
            Bytes of an element.
        lines_per_thread : int
            Cache lines that a thread should get at least.
        budget : int, optional
            Threads to use at most; by default the least of physical cores, affinity and cgroup
            quota.

        Returns
        -------
        ThreadConfig

        Raises
        ------
        TypeError
            If an argument is no integer.
        ValueError
            If an argument is < 1, or `budget` above 4096.
        """
        decoded = checked_integer("hidden", hidden, 1)
        prompt = decoded * checked_integer("tokens", tokens, 1)
        size = checked_integer("itemsize", itemsize, 1)
        lines = checked_integer("lines_per_thread", lines_per_thread, 1)
        most = thread_budget() if budget is None else checked_thread_count("budget", budget)
        prefill, decode = (
            _worthwhile_threads(work, size, CACHE_LINE, most, lines) for work in (prompt, decoded)
        )
        return cls(prefill, decode)


class ConfiguredThreads:
    """What `configure_optimal_thread_pool` decided; as a context manager, undone at its end.

    Attributes
    ----------
    threads : int
        The thread count.
    source : str
        What decided it: "argument", "BRICKPROF_NUM_THREADS", "OMP_NUM_THREADS" or "rule".
    """

    def __init__(self, choice: ThreadChoice) -> None:
        if not isinstance(choice, ThreadChoice):
            raise TypeError(
                "choice must be what configure_optimal_thread_pool decides, "
                f"got {short_repr(choice)}"
            )
        self.threads = choice.threads
        self.source = choice.source
        self._limits: threadpool_limits | None = threadpool_limits(limits=choice.threads)
        self._before = set_default_threads(choice.threads)

    def restore(self) -> None:
        """Set all pools to what they were before; a second call does nothing.

        Of several, the newest has to be restored first.
        """
        if self._limits is None:
            return
        limits, self._limits = self._limits, None
        set_default_threads(self._before)
        limits.restore_original_limits()

    def __enter__(self) -> ConfiguredThreads:
        if self._limits is None:
            raise RuntimeError("threads were restored already: configure them again")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.restore()

    def __repr__(self) -> str:
        return f"ConfiguredThreads(threads={self.threads}, source={self.source!r})"


def configure_optimal_thread_pool(
    work: int | None = None,
    threads: int | None = None,
    *,
    itemsize: int = 4,
    lines_per_thread: int = 1,
) -> ConfiguredThreads:
    """Set brickprof's default thread count and the process's BLAS and OpenMP pools, at once.

    The first of these decides: `threads`, BRICKPROF_NUM_THREADS, OMP_NUM_THREADS, and
    `optimal_threads` of the work within the budget, which is the least of physical cores, affinity
    and cgroup quota.

    Pools are set through threadpoolctl: those of libraries that are loaded by now, and OpenMP's for
    the calling thread alone.

    Parameters
    ----------
    work : int, optional
        Elements that are shared out, such as a model's hidden size; by default so many that the
        budget decides.
    threads : int, optional
        The thread count, in [1, 4096].
    itemsize : int
        Bytes of an element.
    lines_per_thread : int
        Cache lines that a thread should get at least.

    Returns
    -------
    ConfiguredThreads
        The choice, with ``threads`` and ``source``. At the end of a ``with`` block of it all pools
        are as they were before; without one the choice stays.

    Raises
    ------
    TypeError
        If an argument is no integer.
    ValueError
        If an argument is out of range, or the variable that would decide holds no whole number in
        [1, 4096].

    Examples
    --------
    >>> with configure_optimal_thread_pool(threads=2) as pool:
    ...     pool.threads, pool.source
    (2, 'argument')
    """
    return ConfiguredThreads(_choice(work, threads, itemsize, lines_per_thread))


def _choice(
    work: int | None, threads: int | None, itemsize: int, lines_per_thread: int
) -> ThreadChoice:
    """Return the thread count that the first of the four sources gives, all arguments checked."""
    checked_integer("itemsize", itemsize, 1)
    checked_integer("lines_per_thread", lines_per_thread, 1)
    elements = None if work is None else checked_integer("work", work, 0)
    if threads is not None:
        return ThreadChoice(checked_thread_count("threads", threads), "argument")
    found = threads_from_environment()
    if found is not None:
        return found
    budget = thread_budget()
    if elements is None:
        return ThreadChoice(budget, "rule")
    chosen = optimal_threads(
        elements, itemsize, physical_cores=budget, lines_per_thread=lines_per_thread
    )
    return ThreadChoice(chosen, "rule")
