"""Machine: what this machine is, as far as a tile plan and a roofline need to know."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from brickprof.core.checks import check_saved_integers, checked_number, checked_text, short_repr
from brickprof.core.errors import MachineError
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel
from brickprof.core.notebook import ShownInNotebooks
from brickprof.machine.caches import Cache

_SEQUENCES = ("isas", "caches", "assumed")
"""Fields that are tuples, and lists in JSON."""


@dataclass(frozen=True, slots=True)
class CpuBudget:
    """How many CPUs this process may keep busy.

    Parameters
    ----------
    affinity : int
        Online logical CPUs that the process may run on; of a part of them, the cores.
    quota : float or None
        CPUs' worth of time per unit of time that its control groups grant; None without a limit.
    source : str
        The tightest limit: "affinity", "cgroup v1", "cgroup v2" or "all cpus".
    """

    affinity: int
    quota: float | None
    source: str

    @property
    def usable(self) -> int:
        """Threads worth starting: the affinity, and at most the whole CPUs of the quota.

        The quota is rounded down, but not below 1: a thread beyond it does not run on the spare
        fraction, it makes the kernel throttle all threads until the period ends.
        """
        if self.quota is None:
            return self.affinity
        return min(self.affinity, max(1, math.floor(self.quota)))


@dataclass(frozen=True, slots=True)
class Machine(ShownInNotebooks):
    """The facts of a machine that decide tile sizes, kernels and thread counts.

    Parameters
    ----------
    cpu : str
        The CPU's model.
    arch : str
        Architecture as Linux names it, such as "x86_64" or "aarch64".
    isa : str
        The best vector ISA that the CPU and the system support, one of `isas`.
    isas : tuple of str
        All supported ones, such as "avx2" and "base", best first. Names that this version does
        not know are kept, so that recordings of newer ones can be read.
    physical_cores, logical_cores : int
        Cores and hardware threads that are online.
    usable_cores : int
        CPUs that the process may keep busy, affinity and quota counted; of an affinity to a part of
        the logical CPUs, the cores that it holds.
    quota_cores : float or None
        The control groups' quota in CPUs; None without one.
    caches : tuple of Cache
        Data and unified caches, L1 first; L1, L2 and L3 are always there.
    assumed : tuple of str
        Facts that the machine did not report, such as "L3", "L2.shared_by" or "physical_cores".

    Raises
    ------
    MachineError
        If a field is of the wrong type, out of range or at odds with another.
    """

    cpu: str
    arch: str
    isa: str
    isas: tuple[str, ...]
    physical_cores: int
    logical_cores: int
    usable_cores: int
    quota_cores: float | None
    caches: tuple[Cache, ...]
    assumed: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_text("cpu", self.cpu, MachineError)
        checked_text("arch", self.arch, MachineError)
        _check_isas(self.isa, self.isas)
        cores = ("physical_cores", "logical_cores", "usable_cores")
        check_saved_integers(self, cores, 1, MachineError)
        for name in ("physical_cores", "usable_cores"):
            if getattr(self, name) > self.logical_cores:
                raise MachineError(
                    f"{name} must be at most logical_cores ({self.logical_cores}), "
                    f"got {getattr(self, name)}"
                )
        if self.quota_cores is not None:
            quota = checked_number("quota_cores", self.quota_cores, error=MachineError)
            object.__setattr__(self, "quota_cores", quota)
        _check_caches(self.caches)
        _check_tuple("assumed", self.assumed)

    def cache(self, level: TileLevel | int | str) -> Cache:
        """Return one cache.

        Parameters
        ----------
        level : TileLevel, int or str
            ``TileLevel.MACRO`` (whose cache is the L3), ``3`` or ``"L3"``.

        Returns
        -------
        Cache

        Raises
        ------
        TypeError
            If `level` is none of these types.
        ValueError
            If the machine has no such cache.
        """
        if isinstance(level, TileLevel):
            name = level.cache
        elif isinstance(level, str):
            name = level
        elif isinstance(level, int) and not isinstance(level, bool):
            name = f"L{level}"
        else:
            raise TypeError(f"level must be a TileLevel, int or str, got {type(level).__name__}")
        for cache in self.caches:
            if name == f"L{cache.level}":
                return cache
        known = ", ".join(f"L{cache.level}" for cache in self.caches)
        raise ValueError(
            f"level must name one of this machine's caches ({known}), got {short_repr(level)}"
        )

    def fingerprint(self) -> str:
        """Return 16 hex digits that name what decides the roofs.

        That is the CPU, its ISAs, its caches and its cores; affinity, quota and what was assumed
        do not count, except that affinity decides which cores of a mixed CPU give the caches.

        Returns
        -------
        str
        """
        return _fingerprint(self)

    def to_json(self) -> dict[str, object]:
        """Return the machine as a dict of JSON values.

        Returns
        -------
        dict
        """
        facts: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        facts["isas"] = list(self.isas)
        facts["caches"] = [asdict(cache) for cache in self.caches]
        facts["assumed"] = list(self.assumed)
        return facts

    @classmethod
    def from_json(cls, data: object) -> Machine:
        """Return the machine that `to_json` described.

        Parameters
        ----------
        data : object
            What `to_json` returned, after any number of trips through JSON, or a `JsonValue` of
            it. Unknown fields are ignored at every depth.

        Returns
        -------
        Machine

        Raises
        ------
        MachineError
            If a field is missing or damaged; the message names it.
        """
        root = JsonValue.of(data, "machine", MachineError)
        return root.build(
            cls,
            *(field.name for field in fields(cls) if field.name not in _SEQUENCES),
            isas=root["isas"].values(),
            assumed=root["assumed"].values(),
            caches=tuple(Cache.from_json(cache) for cache in root["caches"].items()),
        )


def _check_tuple(name: str, value: object) -> tuple[str, ...]:
    """Return `value` if it is a tuple of non-empty strings, else raise MachineError."""
    if not isinstance(value, tuple):
        raise MachineError(f"{name} must be a tuple of strings, got {type(value).__name__}")
    return tuple(checked_text(f"{name}[{i}]", item, MachineError) for i, item in enumerate(value))


def _check_isas(isa: object, isas: object) -> None:
    """Raise MachineError unless `isas` are distinct names, known or not, and hold `isa`."""
    names = _check_tuple("isas", isas)
    if not names or len(set(names)) < len(names):
        raise MachineError(f"isas must be one or more distinct names, got {short_repr(isas)}")
    if isa not in names:
        raise MachineError(f"isa must be one of isas {names}, got {short_repr(isa)}")


def _check_caches(caches: object) -> None:
    """Raise MachineError unless `caches` are Caches of ascending levels from L1 to L3 or more."""
    if not isinstance(caches, tuple) or not all(isinstance(cache, Cache) for cache in caches):
        raise MachineError(f"caches must be a tuple of Cache, got {short_repr(caches)}")
    levels = [cache.level for cache in caches]
    if levels[:3] != [1, 2, 3] or levels != sorted(set(levels)):
        raise MachineError(f"caches must be L1, L2, L3 and further levels in order, got {levels}")


@lru_cache(maxsize=16)  # Each brick of a summary is asked whether its roofs are of its machine.
def _fingerprint(machine: Machine) -> str:
    facts = machine.to_json()
    for name in ("usable_cores", "quota_cores", "assumed"):
        del facts[name]
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
