"""The interface between a decoder and what computes its forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import brickprof as bp
import numpy as np
from numpy.typing import NDArray

from decoder.ops import PerElement
from decoder.weights import Array
from decoder.work import Work, elementwise_work

_Timed: TypeAlias = AbstractContextManager[None]
_UNTIMED: _Timed = nullcontext()


@dataclass(frozen=True)
class RunOptions:
    """Threads and profiler of a single forward pass.

    Parameters
    ----------
    threads : int or ThreadConfig, optional
        Maximum threads of a kernel, or those of each phase; by default as many as the process may
        use.
    profiler : BrickProfiler, optional
        Records the tiles.
    """

    threads: int | bp.ThreadConfig | None = None
    profiler: bp.BrickProfiler | None = None

    def for_phase(self, rows: int) -> RunOptions:
        """Return the options with the thread count of decoding (one position) or of prefill."""
        if not isinstance(self.threads, bp.ThreadConfig):
            return self
        return RunOptions(self.threads.threads("decode" if rows == 1 else "prefill"), self.profiler)

    @property
    def thread_count(self) -> int | None:
        """The thread count; of options of one phase."""
        assert not isinstance(self.threads, bp.ThreadConfig)
        return self.threads

    def elementwise_tile(self, name: str, kind: PerElement, elements: int) -> _Timed:
        """Time an element-wise operation as a Midi tile of the brick of its name."""
        if self.profiler is None:
            return _UNTIMED
        return self._tile(name, bp.TileLevel.MIDI, 0, elementwise_work(kind, elements))

    def macro_tile(self, name: str, row: int, work: Work) -> _Timed:
        """Time a layer, or what follows them, as a Macro tile of a brick."""
        if self.profiler is None:
            return _UNTIMED
        return self._tile(name, bp.TileLevel.MACRO, row, work)

    @contextmanager
    def _tile(self, name: str, level: bp.TileLevel, row: int, work: Work) -> Iterator[None]:
        """Time a tile of a brick."""
        assert self.profiler is not None
        with (
            self.profiler.brick(name),
            self.profiler.tile(
                level, row, 0, elements=work.elements, flops=work.flops, nbytes=work.nbytes
            ),
        ):
            yield


class Runner(Protocol):
    """Computes forward passes; `Decoder` chooses one and knows nothing of how."""

    def run(
        self, ids: NDArray[np.int64], past: int, out: Array | None, options: RunOptions
    ) -> None:
        """Compute positions from `past` on and fill their keys and values into the cache.

        The cache has room for them; its length is the caller's to move.

        Parameters
        ----------
        ids : ndarray, shape (rows,)
            Ids of the positions.
        past : int
            Positions before them.
        out : ndarray of shape (vocab,), or None
            Where the logits of the last position go, if they are wanted; of any stride.
        options : RunOptions
            Threads and profiler.
        """
