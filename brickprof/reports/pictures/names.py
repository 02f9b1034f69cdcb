"""Names as pictures show them."""

from __future__ import annotations

from brickprof.core.plain_text import printable

_LONGEST = 40

_PROPERTIES = frozenset(
    (
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toString"),
        *("toLocaleString", "valueOf", "__defineGetter__", "__defineSetter__", "__proto__"),
        *("__lookupGetter__", "__lookupSetter__"),
    )
)
"""What every object of JavaScript has under its name: Vega looks names up in one."""

WORD_JOINER = "\N{WORD JOINER}"
"""Makes a name another one, and is not seen."""


def short_name(name: str) -> str:
    """Return a name that is printable and has room in a legend."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def distinct_names(names: list[str]) -> list[str]:
    """Return names as `short_name` does; those that would look alike are numbered.

    Parameters
    ----------
    names : list of str
        Different names.
    """
    seen: dict[str, int] = {}
    shown = []
    for name in names:
        short = short_name(name)
        if short in _PROPERTIES:
            short += WORD_JOINER
        seen[short] = seen.get(short, 0) + 1
        shown.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return shown
