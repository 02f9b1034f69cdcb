"""Reads the kernel's small text files: a file that is missing or junk gives no value."""

from __future__ import annotations

import re
from pathlib import Path

from brickprof.core.files import open_regular

_MAX_BYTES = 16 * 1024**2
"""Of a small file, at the most: the kernel's longest says 3 kB of each of some thousand CPUs."""

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def read_text(path: Path) -> str:
    """Return a file's text without outer blanks; "" when it cannot be read."""
    try:
        with open(open_regular(path), "rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace").strip().strip("\0")
    except (OSError, ValueError):
        return ""


def parse_int(text: str) -> int | None:
    """Return the plain decimal integer that `text` holds, or None."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def parse_size(text: str) -> int | None:
    """Return the bytes of a size such as "32K", "1024K", "32M" or "1G"; None for 0 or junk."""
    match = re.fullmatch(r"([0-9]{1,15})([KMG]?)", text)
    if match is None:
        return None
    return int(match[1]) * _UNITS[match[2]] or None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPUs of a list such as "0-3,8", ascending; () for junk."""
    cpus: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part.strip())
        if match is None:
            return ()
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            return ()
        cpus.update(range(first, last + 1))
    return tuple(sorted(cpus))


def parse_cpu_mask(text: str) -> tuple[int, ...]:
    """Return the CPUs of a mask such as "0,00000003", ascending; () for junk."""
    if re.fullmatch(r"[0-9a-f]{1,8}(,[0-9a-f]{8}){0,511}", text) is None:
        return ()
    mask = int(text.replace(",", ""), 16)
    return tuple(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)
