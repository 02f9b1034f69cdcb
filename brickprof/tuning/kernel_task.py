"""The library's own kernels as functions of their block sizes, for `tune`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from brickprof.core.errors import TuningError
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.spec import KernelSpec, Problem, Run
from brickprof.profiler.brick_profiler import BrickProfiler
from brickprof.tuning.space import Space, space_of


@dataclass(slots=True)
class KernelTask:
    """A problem of one of the library's kernels.

    Called with block sizes by name it runs once; it can be pickled, and makes its arrays anew where
    it is loaded.

    Parameters
    ----------
    name : str
        The kernel's name.
    problem : Problem
        What to compute.
    threads : int or None
        Threads; None for the default.
    isa : str or None
        Instruction set; None for the default.
    """

    name: str
    problem: Problem
    threads: int | None = None
    isa: str | None = None
    _run: Run | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.name, self.problem, self.threads, self.isa

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.name, self.problem, self.threads, self.isa = state
        self._run = None

    @property
    def kernel(self) -> KernelSpec:
        """The kernel."""
        return next(kernel for kernel in KERNELS if kernel.name == self.name)

    def blocks(self, sizes: dict[str, Any]) -> Any:
        """Return blocks of some sizes, else as for this machine."""
        if self.kernel.blocks is None:
            raise TuningError(f"{self.name} has no blocks to tune")
        return replace(self.kernel.blocks(self.problem, self.isa), **sizes)

    def default(self) -> dict[str, Any]:
        """Return the sizes for this machine, of those that are searched."""
        blocks, space = self.blocks({}), self._axes()
        return {
            one.name: _nearest(getattr(blocks, one.name), space[one.name])
            for one in fields(blocks)
            if one.name in space
        }

    def space(self) -> Space:
        """Return the sizes to try, the default first; of those with the same plan only one."""
        whole, default = space_of(self._axes()), self.default()
        first = tuple(default[name] for name in whole.names)
        plans, kept = set(), []
        for candidate in dict.fromkeys((first, *whole.candidates)):
            plan = self._tiling(self.blocks(whole.arguments(candidate)))
            if plan not in plans:
                plans.add(plan)
                kept.append(candidate)
        return Space(whole.names, whole.axes, tuple(kept))

    def _axes(self) -> dict[str, tuple[int, ...]]:
        """Return the values to try of each size."""
        if self.kernel.block_space is None:
            raise TuningError(f"{self.name} has no blocks to tune")
        return self.kernel.block_space(self.problem, self.isa)

    def _tiling(self, blocks: Any) -> tuple[tuple[str, object], ...]:
        """Return all that a plan decides, which is equal for blocks that make no difference."""
        plan = self.kernel.plan(self.problem, self.threads, self.isa, blocks)
        return tuple(
            (one.name, getattr(plan, one.name))
            for one in fields(plan)  # type: ignore[arg-type]
            if one.name != "blocks"
        )

    def __call__(self, profiler: BrickProfiler | None = None, **sizes: Any) -> object:
        """Run once, in blocks of the given sizes or, without any, in those for this machine."""
        if self._run is None:
            self._run = self.kernel.run(self.problem, self.isa)
        return self._run(self.threads, profiler, self.blocks(sizes) if sizes else None)


def _nearest(size: int, values: tuple[int, ...]) -> int:
    """Return the value that a size is tried as."""
    return min(values, key=lambda value: abs(value - size))
