"""FoundWork: what a tile takes in place of numbers that are counted by hand."""

from __future__ import annotations

from typing import Protocol


class FoundWork(Protocol):
    """Work that was found by running a function, as `brickprof.count` does."""

    @property
    def elements(self) -> int:
        """Elements that it produced."""

    @property
    def flops(self) -> int:
        """Floating-point operations."""

    @property
    def loaded_bytes(self) -> int:
        """Bytes that it loaded."""

    @property
    def stored_bytes(self) -> int:
        """Bytes that it stored."""

    @property
    def work_source(self) -> str:
        """How the numbers were found, one of `brickprof.recording.WORK_SOURCES`."""
