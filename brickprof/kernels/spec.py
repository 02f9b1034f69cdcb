"""What a kernel tells of itself: its sizes, its dtypes, its plan, and how to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from brickprof.planning.blocks import round_up

if TYPE_CHECKING:
    from brickprof.core.levels import TileLevel
    from brickprof.planning.blocks import LevelPlan
    from brickprof.profiler.brick_profiler import BrickProfiler

Blocks = Any
"""Block sizes of a kernel: a frozen dataclass of integers."""


class Run(Protocol):
    """Runs a problem once and returns the result."""

    def __call__(
        self, threads: int | None, profiler: BrickProfiler | None, blocks: Blocks = None
    ) -> object:
        """Run on a number of threads, in blocks for this machine or in others."""


class ProblemError(ValueError):
    """Sizes that do not fit each other.

    Parameters
    ----------
    argument : str
        The `Argument` that is wrong.
    reason : str
        What is wrong with it, as a clause; "{NAME}" stands for the argument of that name.
    """

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument} {reason}")
        self.argument = argument
        self.reason = reason


class Problem(Protocol):
    """A size of a kernel's work."""

    @property
    def dtype(self) -> str:
        """Element type."""

    @property
    def label(self) -> str:
        """The kernel's name and the sizes, for a reader."""

    @property
    def elements(self) -> int:
        """Elements of the output, which threads share out."""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""

    @property
    def flops(self) -> int:
        """Floating point operations of one run."""


class Plan(Protocol):
    """What a run of a problem records."""

    @property
    def flops(self) -> int:
        """Floating point operations of one run."""

    @property
    def levels(self) -> tuple[LevelPlan, ...]:
        """The levels, outermost first."""

    def level(self, level: TileLevel) -> LevelPlan:
        """Return what one level records."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A size that a kernel takes.

    Parameters
    ----------
    name : str
        Its name, as the keyword of `KernelSpec.problem`.
    help : str
        What it is, for a reader.
    default : int, optional
        What it is unless it is given.
    positional : bool
        Whether it has to be given, in the order of `KernelSpec.arguments`.
    flag : bool
        Whether it is a switch that is on or off.
    alias : str, optional
        Another name.
    """

    name: str
    help: str
    default: int | None = None
    positional: bool = False
    flag: bool = False
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """A kernel, as far as other parts of the library need to know it.

    Parameters
    ----------
    name : str
        Its name: the brick of its tiles, and the verb that profiles it.
    noun : str
        What it computes, for a reader, such as "a matrix product".
    dtypes : tuple of str
        Element types that it takes, the default first.
    arguments : tuple of Argument
        Its sizes.
    problem : callable
        Makes a `Problem` of the arguments by name and, where there are several dtypes, `dtype`;
        raises ProblemError where sizes do not fit each other.
    plan : callable
        ``plan(problem, threads, isa, blocks)`` returns the plan of a problem on contiguous arrays,
        in given blocks or, for None, in those for this machine.
    run : callable
        ``run(problem, isa)`` makes random arrays and returns a `Run`.
    examples : tuple of Problem
        A few problems, smallest first; the last is worth several threads.
    blocks : callable, optional
        ``blocks(problem, isa)`` returns the block sizes for this machine.
    block_space : callable, optional
        ``block_space(problem, isa)`` returns sizes to try, by the fields of `blocks`,
        which `brickprof tune` searches.
    """

    name: str
    noun: str
    dtypes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    problem: Callable[..., Any]
    plan: Callable[..., Plan]
    run: Callable[[Any, str | None], Run]
    examples: tuple[Problem, ...]
    blocks: Callable[[Any, str | None], Blocks] | None = None
    block_space: Callable[[Any, str | None], dict[str, tuple[int, ...]]] | None = None

    def problem_of(self, given: Mapping[str, Any]) -> Problem:
        """Return the problem of what was given by name, among other things."""
        names = [argument.name for argument in self.arguments]
        names += ["dtype"] if len(self.dtypes) > 1 else []
        problem: Problem = self.problem(**{name: given[name] for name in names})
        return problem


def around(size: int, unit: int, limit: int, factors: tuple[float, ...]) -> tuple[int, ...]:
    """Return multiples of a block size that are worth trying, ascending.

    Parameters
    ----------
    size : int
        The block size.
    unit : int
        Whose multiples blocks are.
    limit : int
        The extent: larger blocks are all alike.
    factors : tuple of float
        What to multiply the size by.
    """
    largest = round_up(max(limit, 1), unit)
    tried = {max(round(size * factor / unit), 1) * unit for factor in factors} | {size}
    return tuple(sorted({min(one, max(largest, unit)) for one in tried}))
