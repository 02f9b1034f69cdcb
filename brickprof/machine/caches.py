"""Finds the data caches of the usable CPUs: in sysfs, in the C library, or by assumption."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from brickprof.core.checks import check_saved_integers
from brickprof.core.errors import MachineError
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel
from brickprof.machine.sysfs import parse_cpu_list, parse_int, parse_size, read_text

_TYPICAL_LINE = 64

# glibc's numbers of _SC_LEVELn_*_SIZE, _ASSOC and _LINESIZE, which os.sysconf_names lacks.
_GLIBC_NUMBERS = {1: (188, 189, 190), 2: (191, 192, 193), 3: (194, 195, 196)}


@dataclass(frozen=True, slots=True)
class Cache:
    """One data or unified cache.

    Parameters
    ----------
    level : int
        1 is nearest to the core.
    size_bytes : int
        Capacity, bytes.
    line_bytes : int
        Length of a cache line, bytes.
    shared_by : int
        Logical CPUs that share one such cache.
    ways : int
        Associativity; 0 when unknown.

    Raises
    ------
    MachineError
        If a field is not an integer in its range.
    """

    level: int
    size_bytes: int
    line_bytes: int
    shared_by: int
    ways: int

    def __post_init__(self) -> None:
        sizes = ("level", "size_bytes", "line_bytes", "shared_by")
        check_saved_integers(self, sizes, 1, MachineError)
        check_saved_integers(self, ("ways",), 0, MachineError)

    @classmethod
    def from_json(cls, data: object) -> Cache:
        """Return the cache that a dict of JSON values describes; unknown fields are ignored.

        Raises
        ------
        MachineError
            If a field is missing or damaged; the message names it.
        """
        root = JsonValue.of(data, "cache", MachineError)
        return root.build(cls, *(field.name for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class _CacheFacts:
    """What a source knows of one cache; None or 0 where it knows nothing."""

    size: int
    line: int | None
    shared_by: int | None
    ways: int


def find_caches(
    root: Path, cpus: tuple[int, ...], real: bool, logical: int, per_core: int
) -> tuple[tuple[Cache, ...], tuple[str, ...]]:
    """Return the caches, L1 first and L1 to L3 always there, and the names of assumed facts.

    Where no source knows, `logical` CPUs share an L3, and the `per_core` threads of a core an L1
    or L2.
    """
    found = _from_sysfs(root, cpus)
    if not found and real:
        found = _from_glibc()
    typical = {int(level.cache[1:]): level.typical_bytes for level in TileLevel}
    caches, assumed = [], []
    for level in sorted({*found, *typical}):
        known = found.get(level)
        if known is None:
            assumed.append(f"L{level}")
            known = _CacheFacts(
                typical[level], _TYPICAL_LINE, per_core if level < 3 else logical, 0
            )
        if known.line is None:
            assumed.append(f"L{level}.line_bytes")
        if known.shared_by is None:
            assumed.append(f"L{level}.shared_by")
        sharing = known.shared_by or (per_core if level < 3 else logical)
        line = known.line or _TYPICAL_LINE
        caches.append(Cache(level, known.size, line, sharing, known.ways))
    return tuple(caches), tuple(assumed)


def _from_sysfs(root: Path, cpus: tuple[int, ...]) -> dict[int, _CacheFacts]:
    """Return the smallest cache of each level over `cpus`, the first CPU's among equals."""
    found: dict[int, _CacheFacts] = {}
    for cpu in cpus:
        for level, cache in _of_cpu(root / f"sys/devices/system/cpu/cpu{cpu}/cache"):
            if level not in found or cache.size < found[level].size:
                found[level] = cache
    return found


def _of_cpu(folder: Path) -> Iterator[tuple[int, _CacheFacts]]:
    """Yield the level and the facts of each data or unified cache that sysfs gives one CPU."""
    for index in sorted(folder.glob("index[0-9]*")):
        level = parse_int(read_text(index / "level"))
        size = parse_size(read_text(index / "size"))
        kind = read_text(index / "type")
        if kind not in ("Data", "Unified") or size is None or level is None or level < 1:
            continue
        line = parse_int(read_text(index / "coherency_line_size"))
        ways = parse_int(read_text(index / "ways_of_associativity"))
        yield (
            level,
            _CacheFacts(
                size=size,
                line=line if line and line > 0 else None,
                shared_by=len(parse_cpu_list(read_text(index / "shared_cpu_list"))) or None,
                ways=max(ways or 0, 0),
            ),
        )


def _from_glibc() -> dict[int, _CacheFacts]:
    """Return what glibc's sysconf knows of the caches; nothing with other C libraries."""
    if platform.libc_ver()[0] != "glibc":
        return {}
    found = {}
    for level, numbers in _GLIBC_NUMBERS.items():
        try:
            size, ways, line = (os.sysconf(number) for number in numbers)
        except (OSError, ValueError):
            continue
        if size > 0:
            found[level] = _CacheFacts(size, line if line > 0 else None, None, max(ways, 0))
    return found
