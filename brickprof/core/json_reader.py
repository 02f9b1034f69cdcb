"""Reads JSON values strictly: errors name the field, and fields nobody asks for are ignored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from brickprof.core.checks import as_real, short_repr
from brickprof.core.errors import BrickprofError
from brickprof.core.limits import MAX_INTEGER

_T = TypeVar("_T")


class JsonValue:
    """A JSON value, where it is, and what to raise where it is not what was expected.

    Parameters
    ----------
    value : object
        The value.
    root : str
        What the root describes, such as "recording".
    error : type of BrickprofError
        What every method raises.
    parent : JsonValue or None
        The object or list that it is in; None for the root.
    key : str or int
        The field of the object, or the place in the list.
    """

    # No dataclass: a recording has thousands of values, and a frozen one takes 1 us to make.
    __slots__ = ("_key", "_parent", "error", "root", "value")

    def __init__(
        self,
        value: object,
        root: str,
        error: type[BrickprofError],
        parent: JsonValue | None = None,
        key: str | int = "",
    ) -> None:
        self.value = value
        self.root = root
        self.error = error
        self._parent = parent
        self._key = key

    @classmethod
    def of(cls, data: object, root: str, error: type[BrickprofError]) -> JsonValue:
        """Return `data` as a root, or as it is where it is a part of another root already."""
        return data if isinstance(data, JsonValue) else cls(data, root, error)

    @property
    def path(self) -> str:
        """Its path from the root, such as ``machine.caches[1]``; empty for the root."""
        if self._parent is None:
            return ""
        around = self._parent.path
        if isinstance(self._key, int):
            return f"{around}[{self._key}]"
        return f"{around}.{self._key}" if around else self._key

    def fail(self, expected: str) -> NoReturn:
        """Raise the error that this value is not what was expected."""
        shown = short_repr(self.value)
        raise self.error(f"{self.path or self.root}: expected {expected}, got {shown}")

    def __getitem__(self, name: str) -> JsonValue:
        """Return a field of this object."""
        known = self.value
        if not isinstance(known, dict):
            self.fail("an object")
        if name not in known:
            raise self.error(f"{self._part(None, name).path}: missing")
        return JsonValue(known[name], self.root, self.error, self, name)

    def optional(self, name: str, otherwise: object) -> JsonValue:
        """Return a field of this object that older files lack."""
        return self._part(self.fields().get(name, otherwise), name)

    def fields(self) -> dict[str, object]:
        """Return the fields of this object."""
        if not isinstance(self.value, dict):
            self.fail("an object")
        return self.value

    def items(self) -> Iterator[JsonValue]:
        """Return an iterator over the items of this list."""
        return (self._part(value, i) for i, value in enumerate(self.values()))

    def values(self) -> tuple[object, ...]:
        """Return the bare items of this list."""
        if not isinstance(self.value, list):
            self.fail("a list")
        return tuple(self.value)

    def integer(self, minimum: int | None = 0) -> int:
        """Return this integer of at least `minimum`."""
        value = self.value
        if type(value) is int and minimum == 0 and 0 <= value < 1 << 63:  # almost all of them
            return value
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or (minimum is not None and value < minimum)
        ):
            self.fail("an integer" if minimum is None else f"an integer >= {minimum}")
        if abs(value) > MAX_INTEGER:
            # Not shown: Python refuses to write out a number of thousands of digits.
            raise self.error(f"{self.path}: expected an integer of at most 2**512")
        return value

    def real(self, negative: bool = False) -> float:
        """Return this finite number, of at least 0 unless it may be `negative`."""
        number = None if isinstance(self.value, bool) else as_real(self.value)
        if number is not None and (negative or number >= 0) and math.isfinite(number):
            return number
        self.fail("a finite number" if negative else "a finite number >= 0")

    def text(self, empty: bool = False, longest: int | None = None) -> str:
        """Return this string, empty only if `empty`, of `longest` characters at most."""
        if not isinstance(self.value, str) or not (empty or self.value):
            self.fail("a string" if empty else "a non-empty string")
        if longest is not None and len(self.value) > longest:
            self.fail(f"at most {longest} characters")
        return self.value

    def check_schema(self, schema: str, version: int) -> None:
        """Raise unless this object is of a schema, in a version up to the given one."""
        if self["schema"].value != schema:
            self["schema"].fail(repr(schema))
        number = self["version"].integer(1)
        if number > version:
            raise self.error(
                f"{self['version'].path}: schema version {number} was written by a newer "
                f"brickprof; this one reads up to version {version}"
            )

    def build(self, model: Callable[..., _T], *names: str, **values: object) -> _T:
        """Return ``model(**fields)`` of the bare fields `names` and of `values`.

        What the model's own checks refuse is raised with this object's path before it.
        """
        given = {name: self[name].value for name in names} | values
        try:
            return model(**given)
        except BrickprofError as error:
            raise self.error(f"{self.path}.{error}" if self.path else str(error)) from None

    def _part(self, value: object, key: str | int) -> JsonValue:
        """Return a value inside this one."""
        return JsonValue(value, self.root, self.error, self, key)
