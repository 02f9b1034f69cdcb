"""IPython and Jupyter: ``%load_ext brickprof``, then ``%%tiles`` at the top of a cell."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from brickprof.profiler.brick_profiler import BrickProfiler


@magics_class
class TileMagics(Magics):
    """The magics of brickprof."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell, profiler: type[BrickProfiler]) -> None:
        super().__init__(shell)
        self.profiler = profiler

    @magic_arguments()
    @argument("brick", nargs="?", help="name of the kernel that the cell's tiles belong to")
    @argument("--grid", type=int, default=0, help="cells along an edge of each grid of tiles")
    @argument("--events", type=int, default=0, help="single tiles to keep for each thread")
    @argument("--sample-every", type=int, default=1, help="time one tile in this many")
    @cell_magic
    def tiles(self, line: str, cell: str) -> None:
        """Run the cell with a profiler ``prof`` that is on, and show what it recorded."""
        options = parse_argstring(self.tiles, line)
        try:
            prof = self.profiler(
                grid=options.grid, events=options.events, sample_every=options.sample_every
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
        prof.enable_tile_profiling()
        self.shell.user_ns["prof"] = prof
        # IPython leaves the quotes around a name with spaces.
        brick = options.brick and options.brick.strip("\"'")
        entered: Any = prof.brick(brick) if brick else nullcontext()
        with entered:
            self.shell.run_cell(cell)
        display(prof)


def load(shell: InteractiveShell, profiler: type[BrickProfiler]) -> None:
    """Add the magics to a shell, with the class of the profilers that they make."""
    shell.register_magics(TileMagics(shell, profiler))
