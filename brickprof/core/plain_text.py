"""Plain text: what is printed can neither move a terminal's cursor nor reorder what is read."""

from __future__ import annotations

import codecs
import re

__all__ = ["LONGEST", "NARROW", "encodable", "neutral", "one_line", "printable"]

LONGEST = 300
"""Characters of a line that says what is wrong."""

_STYLE = re.compile("(\x1b\\[[0-9;]*m)")
"""Select Graphic Rendition (ECMA-48, 8.3.117): colors and weights, and nothing else."""

NARROW = "brickprof.narrow"
"""Name of the error handler that encodes a character as one of ASCII that reads alike."""

_STAND_INS = str.maketrans(
    {
        "·": "-",
        "×": "x",
        "µ": "u",
        "…": ".",
        "²": "2",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "─": "-",
        "━": "-",
        "╸": "-",
        "╺": "-",
        "│": "|",
        "–": "-",
        "—": "-",
        "’": "'",
    }
)


def encodable(text: str) -> str:
    """Return text that UTF-8 can encode: lone surrogates are written as Python escapes them.

    Parameters
    ----------
    text : str
        Any text. All other characters are left as they are, as data for other programs: their
        JSON and Arrow readers refuse a lone surrogate (RFC 8259, 8.2).
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    """Return text with all characters escaped that are not seen as themselves.

    Parameters
    ----------
    text : str
        Any text, such as a name that a file holds.

    Returns
    -------
    str
        One line: control characters (line breaks too), marks of direction, separators but the
        blank, lone surrogates and unassigned characters are written as Python escapes them.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def one_line(text: str) -> str:
    """Return text as one printable line of at most `LONGEST` characters, without its middle.

    Parameters
    ----------
    text : str
        Any text, such as an error with names from a file in it.
    """
    line = printable(" ".join(text.split()))
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST - 180]} ... {line[-175:]}"


def neutral(text: str, *, styles: bool = False) -> str:
    """Return lines of text as `printable` does each.

    Parameters
    ----------
    text : str
        Lines, each with a newline at its end.
    styles : bool
        Whether colors and weights of a terminal are left as they are.
    """
    lines = text.split("\n")
    if styles:
        return "\n".join(
            "".join(
                part if _STYLE.fullmatch(part) else printable(part) for part in _STYLE.split(line)
            )
            for line in lines
        )
    return "\n".join(map(printable, lines))


def _narrow(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks by ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_STAND_INS)
    return lacking.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(NARROW, _narrow)
