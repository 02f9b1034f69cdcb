"""Reads JSON values strictly, with errors that name the field."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from typing import NoReturn

from brickprof.core.errors import RecordingError
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_INTEGER

LEVELS = {level.name: level for level in TileLevel}
"""Tile levels by the names that files hold."""


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value and its path from the root, so that errors can name it."""

    value: object
    path: str

    def fail(self, expected: str) -> NoReturn:
        """Raise the error that this value is not what was expected."""
        shown = reprlib.repr(self.value)
        raise RecordingError(f"{self.path or 'recording'}: expected {expected}, got {shown}")

    def __getitem__(self, name: str) -> Node:
        """Return a field of this object."""
        if not isinstance(self.value, dict):
            self.fail("an object")
        path = f"{self.path}.{name}" if self.path else name
        if name not in self.value:
            raise RecordingError(f"{path}: missing")
        return Node(self.value[name], path)

    def optional(self, name: str, otherwise: object) -> Node:
        """Return a field of this object that older files lack."""
        if isinstance(self.value, dict) and name not in self.value:
            return Node(otherwise, name)
        return self[name]

    def items(self) -> list[Node]:
        """Return the items of this list."""
        if not isinstance(self.value, list):
            self.fail("a list")
        return [Node(value, f"{self.path}[{i}]") for i, value in enumerate(self.value)]

    def integer(self, least: int | None = 0) -> int:
        """Return this integer of at least `least`."""
        value = self.value
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or (least is not None and value < least)
        ):
            self.fail("an integer" if least is None else f"an integer >= {least}")
        if abs(value) > MAX_INTEGER:
            # Not shown: Python refuses to write out a number of thousands of digits.
            raise RecordingError(f"{self.path}: expected an integer of at most 2**512")
        return value

    def real(self) -> float:
        """Return this finite number of at least 0."""
        value = self.value
        if not isinstance(value, bool) and isinstance(value, (int, float)):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if number >= 0 and math.isfinite(number):
                return number
        self.fail("a finite number >= 0")

    def text(self, empty: bool = False) -> str:
        """Return this string, which may be empty only if `empty`."""
        if not isinstance(self.value, str) or not (empty or self.value):
            self.fail("a string" if empty else "a non-empty string")
        return self.value

    def level(self) -> TileLevel:
        """Return the tile level of this name."""
        level = LEVELS.get(self.value) if isinstance(self.value, str) else None
        if level is None:
            self.fail(f"one of {', '.join(LEVELS)}")
        return level

    def brick(self, known: set[str]) -> str:
        """Return this name of a known brick."""
        name = self.text()
        if name not in known:
            self.fail("the name of a brick in brick_infos")
        return name
