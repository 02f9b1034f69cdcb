"""What of a program is in no recorded call, said in a sentence."""

from __future__ import annotations

import sys

from brickprof.core import metrics, units
from brickprof.recording import Recording

MOSTLY = 0.5
"""Share of the program's time from which what is not seen is most of it."""

_NOT_SEEN = {
    "numba": "what Numba compiles (brickprof.integrations.numba makes tiles of its loops)",
    "sklearn": "scikit-learn's compiled code",
    "pandas": "pandas' compiled code",
    "polars": "Polars",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "cupy": "CuPy",
    "cv2": "OpenCV",
}
"""Libraries that compute without calls that are seen, by the names of their modules."""


def unseen(recording: Recording, wall_ns: int, min_elements: int) -> str:
    """Return what was not seen of a program.

    Parameters
    ----------
    recording : Recording
        What was recorded of it.
    wall_ns : int
        How long it ran, in nanoseconds.
    min_elements : int
        Elements of the largest operand or result from which a call was recorded.

    Returns
    -------
    str
        Empty where recorded calls are most of its time.
    """
    unknown = ["imports", "Python code", "small calls", "other functions of these", *_loaded()]
    what = f"Not seen are {units.listed(unknown)}."
    if not recording.tiles:
        return (
            "brickprof: nothing to see here: no call was recorded. Recorded are calls of NumPy, "
            f"SciPy and PyTorch that compute, from {min_elements} elements on (--min-elements), in "
            f"this process and in those that it starts and that end by themselves. {what}"
        )
    inside = sum(tile.self_ns for tile in recording.tiles)  # of all threads and processes
    if metrics.share(inside, wall_ns) >= MOSTLY:
        return ""
    return (
        f"brickprof: recorded calls took {units.format_ns(inside)} of the program's "
        f"{units.format_ns(wall_ns)}: most of the time was outside of them. {what}"
    )


def _loaded() -> list[str]:
    """Return what is not seen of the libraries that the program loaded."""
    return [what for module, what in _NOT_SEEN.items() if module in sys.modules]
