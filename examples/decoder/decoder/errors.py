"""The exception of checkpoints that cannot be used."""

from __future__ import annotations

_LONGEST = 300


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or of a model that this decoder does not compute.

    Parameters
    ----------
    text : str
        What is wrong; names of files and tensors in it may be anything. Shown as one line of
        printable characters, without its middle where it is long.
    """

    def __init__(self, text: str) -> None:
        line = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
        )
        cut = len(line) > _LONGEST
        super().__init__(f"{line[:120]} ... {line[-175:]}" if cut else line)
