"""The exceptions that brickprof raises on purpose."""

from __future__ import annotations


class BrickprofError(Exception):
    """Root of the library's own errors; catching it catches all of them."""


class TileNestingError(BrickprofError, RuntimeError):
    """Tiles were started or stopped out of order, twice, or by another profiler or thread."""


class RecordingError(BrickprofError, ValueError):
    """A recording is damaged, of another schema, or cannot be merged."""


class RoofsError(BrickprofError, ValueError):
    """Measured roofs are missing, damaged or make no sense."""


class MachineError(BrickprofError, ValueError):
    """A description of a machine is damaged or makes no sense."""


class SweepError(BrickprofError, ValueError):
    """A saved sweep of thread counts is damaged."""


class MissingPackageError(BrickprofError, ImportError):
    """An output needs a package that is not installed; the message names the command."""


class UserCodeError(BrickprofError):
    """A function of the user's own, named on the command line, raised an exception."""


class SimulationError(BrickprofError, RuntimeError):
    """A program cannot be run under a simulator: it is not installed, or does not know the code."""


class TuningError(BrickprofError, ValueError):
    """Candidates cannot be compared or timed, or stored tuned blocks make no sense."""
