"""The exception of checkpoints that cannot be used."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or of a model that this decoder does not compute."""
