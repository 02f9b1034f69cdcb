"""Roofs: measured peak and bandwidths, and the roofline over them."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from brickprof.core import metrics
from brickprof.core.checks import (
    check_integer_field,
    checked_integer,
    checked_number,
    checked_text,
    short_repr,
)
from brickprof.core.dtypes import DTYPE_NAMES
from brickprof.core.errors import RoofsError
from brickprof.core.json_reader import JsonValue
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_BLOCK, MAX_THREADS
from brickprof.core.notebook import ShownInNotebooks
from brickprof.core.times import is_utc_time, utc_time
from brickprof.roofline.frozen_map import FrozenMap

MEMORY = ("L1", "L2", "L3", "DRAM")
"""The memories that have a bandwidth, nearest to the core first."""

STORED_SHARES = {
    "load": 0.0,
    "daxpy": 1 / 3,
    "copy": 1 / 2,
    "update": 1 / 2,
    "store": 1.0,
    "nt-store": 1.0,
}
"""Kinds of traffic and the share of stored bytes of each: loads; ``y += a * x``; loads of one array
and stores to another; loads and stores of the same array; stores; and stores past the caches."""

TRAFFIC_KINDS = ("daxpy", "copy", "update", "store", "nt-store", "zero-store")
"""Kinds of traffic besides loads; the last one is no part of a mix, see `Roofs.kinds_gbs`."""

CEILINGS = (
    "scalar",
    "no-fma",
    "chain",
    "scalar-chain",
    "scalar-add-chain",
    "half-width",
    "quarter-width",
    "divide",
    "sqrt",
    "exp",
)
"""Ceilings inside the core: scalar multiply-adds; vector multiplications and additions apart; one
dependent chain of vector multiply-adds, of scalar ones, of scalar additions; vectors of half and
a quarter of the width; divisions, square roots and exponentials, counted as a flop each."""

_TRAFFIC_KEYS = tuple(f"{memory} {kind}" for memory in MEMORY for kind in TRAFFIC_KINDS)
_CEILING_KEYS = tuple(f"{dtype} {name}" for dtype in DTYPE_NAMES for name in CEILINGS)

_METHODS = ("quick", "full")
_MAP_KEYS = {
    "peak_by_dtype": DTYPE_NAMES,
    "bandwidth_gbs": MEMORY,
    "spread": (*DTYPE_NAMES, *MEMORY),
    "working_set_bytes": MEMORY,
    "traffic_gbs": _TRAFFIC_KEYS,
    "ceilings_gflops": _CEILING_KEYS,
    "latency_ns": MEMORY,
}
"""Fields that are mappings, and the keys that they may have."""

_GFLOPS = (1e-6, 1e7)
_GBS = (1e-6, 1e6)
_BOUNDS = {
    "peak_by_dtype": _GFLOPS,
    "bandwidth_gbs": _GBS,
    "spread": (0.0, 1e6),
    "working_set_bytes": (1, MAX_BLOCK),
    "traffic_gbs": _GBS,
    "ceilings_gflops": _GFLOPS,
    "latency_ns": (1e-3, 1e9),
}
"""What the figures of machines are between, with a margin of 100 and more; errors are for files."""

_FINGERPRINT = re.compile("[0-9a-f]{1,64}")

_NEWER = ("traffic_gbs", "ceilings_gflops", "latency_ns")
"""Fields that older files lack."""


@dataclass(frozen=True, slots=True)
class Roofs(ShownInNotebooks):
    """What one machine can do at most with a number of threads, as measured.

    Parameters
    ----------
    threads : int
        Threads that ran at once; every rate is that of all of them together.
    dtype : str
        The element type that `peak_gflops` speaks of, one of `brickprof.core.dtypes`.
    isa, cpu, fingerprint : str
        Vector ISA of the probes, CPU model and `Machine.fingerprint` of the host.
    peak_by_dtype : Mapping of str to float
        GFLOP/s by element type; `dtype` is among them.
    bandwidth_gbs : Mapping of str to float
        GB/s (1e9 bytes per second) of loads by "L1", "L2", "L3" and "DRAM".
    spread : Mapping of str to float
        (max - min) / median of the repeats, by element type and memory.
    working_set_bytes : Mapping of str to int
        Bytes that the probe of each memory went over.
    measured_at : str
        ISO 8601 time in UTC, such as "2024-05-01T12:00:00+00:00".
    method : str
        "quick" or "full".
    noisy : bool
        Whether the spread is too large to trust.
    verdict : str
        The same for a reader, such as "steady" or "noisy: L3 spread 31 %".
    traffic_gbs : Mapping of str to float
        GB/s, loaded and stored bytes together, by memory and kind, such as "L2 copy"; the kinds
        are `TRAFFIC_KINDS`.
    ceilings_gflops : Mapping of str to float
        GFLOP/s by element type and ceiling, such as "float32 scalar"; see `CEILINGS`.
    latency_ns : Mapping of str to float
        Nanoseconds of a load that the next one waits for, by memory.

    Raises
    ------
    RoofsError
        If a field is of the wrong type, out of range or incomplete; the message names it.
    """

    threads: int
    dtype: str
    isa: str
    cpu: str
    fingerprint: str
    peak_by_dtype: Mapping[str, float]
    bandwidth_gbs: Mapping[str, float]
    spread: Mapping[str, float]
    working_set_bytes: Mapping[str, int]
    measured_at: str
    method: str
    noisy: bool
    verdict: str
    traffic_gbs: Mapping[str, float] = field(default_factory=dict)
    ceilings_gflops: Mapping[str, float] = field(default_factory=dict)
    latency_ns: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_integer_field(self, "threads", 1, MAX_THREADS, RoofsError)
        for name in ("isa", "cpu", "fingerprint", "verdict"):
            checked_text(name, getattr(self, name), RoofsError)
        for name, known in (("dtype", DTYPE_NAMES), ("method", _METHODS)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in known:
                raise RoofsError(f"{name} must be one of {known}, got {short_repr(value)}")
        if not isinstance(self.noisy, bool):
            raise RoofsError(f"noisy must be True or False, got {short_repr(self.noisy)}")
        if not _FINGERPRINT.fullmatch(self.fingerprint):
            raise RoofsError(
                f"fingerprint must be of up to 64 hex digits, got {short_repr(self.fingerprint)}"
            )
        _check_time(self.measured_at)
        peaks = self._check_map("peak_by_dtype", (self.dtype,))
        self._check_map("bandwidth_gbs", MEMORY)
        self._check_map("spread", (*peaks, *MEMORY))
        self._check_map("working_set_bytes", MEMORY)
        for name in _NEWER:
            self._check_map(name, ())

    def _check_map(self, name: str, needed: tuple[str, ...]) -> FrozenMap[float]:
        """Replace a mapping by a checked copy that cannot change, and return that."""
        value, known = getattr(self, name), _MAP_KEYS[name]
        if not isinstance(value, Mapping):
            raise RoofsError(f"{name} must be a mapping, got {type(value).__name__}")
        for key in needed:
            if key not in value:
                raise RoofsError(f"{name} lacks {key!r}")
        for key in value:
            if key not in known:
                raise RoofsError(f"{name} has the unknown key {key!r}")
        checked = FrozenMap(
            {
                key: _checked_figure(name, f"{name}[{key!r}]", value[key])
                for key in known
                if key in value
            }
        )
        object.__setattr__(self, name, checked)
        return checked

    @property
    def peak_gflops(self) -> float:
        """GFLOP/s of all threads together in this `dtype`."""
        return self.peak_by_dtype[self.dtype]

    @property
    def kind(self) -> tuple[str, int, str, str]:
        """What two roofs must have in common for one to stand for both.

        That is the machine's fingerprint, the threads, the instruction set and the element type.
        """
        return self.fingerprint, self.threads, self.isa, self.dtype

    @property
    def measured(self) -> datetime:
        """When it was measured."""
        return utc_time(self.measured_at)

    def peak_per_thread(self) -> float:
        """Return one thread's share of the peak.

        Returns
        -------
        float
            GFLOP/s.
        """
        return self.peak_gflops / self.threads

    def for_dtype(self, dtype: str) -> Roofs:
        """Return the same roofs with the peak of another element type.

        Parameters
        ----------
        dtype : str
            One of those in `peak_by_dtype`.

        Returns
        -------
        Roofs

        Raises
        ------
        RoofsError
            If `dtype` is unknown or its peak was not measured.
        """
        return replace(self, dtype=dtype)

    def mix_bandwidth(
        self, level: TileLevel | str, loaded_bytes: float, stored_bytes: float
    ) -> float:
        """Return the best rate of a memory for loads and stores in some proportion.

        Parameters
        ----------
        level : TileLevel or str
            A level of tiling, meaning its cache, or "L1", "L2", "L3" or "DRAM".
        loaded_bytes, stored_bytes : float
            Bytes of the mix, zero or more, not both zero.

        Returns
        -------
        float
            GB/s of all threads together, loaded and stored bytes; see
            `brickprof.core.metrics.mix_bandwidth`. That of loads where nothing else was measured.

        Raises
        ------
        TypeError, ValueError
            If `level` names no memory, or the bytes are negative, not finite or all zero.
        """
        loaded, stored = (
            checked_number(name, value, zero=True)
            for name, value in (("loaded_bytes", loaded_bytes), ("stored_bytes", stored_bytes))
        )
        total = loaded + stored
        stored_share = metrics.share(stored, total)
        if not total:
            raise ValueError("loaded_bytes and stored_bytes must not both be 0")
        return metrics.mix_bandwidth(self._mixes(level), stored_share) or self.best_bandwidth(level)

    def best_bandwidth(self, level: TileLevel | str) -> float:
        """Return the best rate of a memory for loads and stores in any proportion.

        Parameters
        ----------
        level : TileLevel or str
            A level of tiling, meaning its cache, or "L1", "L2", "L3" or "DRAM".

        Returns
        -------
        float
            GB/s of all threads together.

        Raises
        ------
        TypeError, ValueError
            If `level` names no memory.
        """
        return max(rate for _, rate in self._mixes(level))

    def kinds_gbs(self, level: TileLevel | str) -> dict[str, float]:
        """Return the rates of all kinds of traffic of a memory that were measured.

        Parameters
        ----------
        level : TileLevel or str
            A level of tiling, meaning its cache, or "L1", "L2", "L3" or "DRAM".

        Returns
        -------
        dict
            GB/s of all threads together by kind: `STORED_SHARES`, and "zero-store" for
            non-temporal stores of zeros, which some machines take at twice the rate of others.

        Raises
        ------
        TypeError, ValueError
            If `level` names no memory.
        """
        memory = _memory(level)
        rates = {kind: self.traffic_gbs.get(f"{memory} {kind}") for kind in TRAFFIC_KINDS}
        measured = {kind: rate for kind, rate in rates.items() if rate is not None}
        return {"load": self.bandwidth_gbs[memory], **measured}

    def _mixes(self, level: TileLevel | str) -> list[tuple[float, float]]:
        """Return the share of stored bytes and the rate of what mixes are made up of."""
        rates = self.kinds_gbs(level)
        return [(share, rates[kind]) for kind, share in STORED_SHARES.items() if kind in rates]

    def ridge(self, level: TileLevel | str) -> float:
        """Return the arithmetic intensity at which a memory's roof meets the peak.

        Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009: peak / bandwidth, where the
        bandwidth is `best_bandwidth`.

        Parameters
        ----------
        level : TileLevel or str
            A level of tiling, meaning its cache, or "L1", "L2", "L3" or "DRAM".

        Returns
        -------
        float
            flop/byte.

        Raises
        ------
        TypeError, ValueError
            If `level` names no memory.
        """
        return metrics.ridge_point(self.peak_gflops, self.best_bandwidth(level))

    def attainable(self, level: TileLevel | str, intensity: float) -> float:
        """Return the rate that the roofline allows at an arithmetic intensity.

        Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009:
        min(peak, intensity x bandwidth), where the bandwidth is `best_bandwidth`.

        Parameters
        ----------
        level : TileLevel or str
            A level of tiling, meaning its cache, or "L1", "L2", "L3" or "DRAM".
        intensity : float
            flop/byte, zero or more.

        Returns
        -------
        float
            GFLOP/s of all threads together.

        Raises
        ------
        TypeError, ValueError
            If `level` names no memory, or `intensity` is negative or not finite.
        """
        bandwidth = self.best_bandwidth(level)
        return metrics.attainable_gflops(self.peak_gflops, _intensity(intensity), bandwidth)

    def attainable_per_thread(self, level: TileLevel | str, intensity: float) -> float:
        """Return one thread's share of `attainable`, with the same parameters and errors.

        Returns
        -------
        float
            GFLOP/s.
        """
        return self.attainable(level, intensity) / self.threads

    def bound(self, level: TileLevel | str, intensity: float) -> str:
        """Return which roof limits: "memory" below the ridge, else "compute".

        Takes the parameters, and raises the errors, of `attainable`.

        Returns
        -------
        str
        """
        return metrics.bound_by(_intensity(intensity), self.ridge(level))

    def to_json(self) -> dict[str, object]:
        """Return the roofs as a dict of JSON values.

        Returns
        -------
        dict
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: dict(value) if isinstance(value, FrozenMap) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, data: object) -> Roofs:
        """Return the roofs that `to_json` described.

        Parameters
        ----------
        data : object
            What `to_json` returned, after any number of trips through JSON, or a `JsonValue` of
            it. Unknown fields are ignored at every depth.

        Returns
        -------
        Roofs

        Raises
        ------
        RoofsError
            If a field is missing or damaged; the message names it.
        """
        root = JsonValue.of(data, "roofs", RoofsError)
        return root.build(
            cls,
            *(one.name for one in fields(cls) if one.name not in _MAP_KEYS),
            **{
                name: _known(root.optional(name, {}) if name in _NEWER else root[name], keys)
                for name, keys in _MAP_KEYS.items()
            },
        )


def _known(value: JsonValue, keys: tuple[str, ...]) -> dict[str, object]:
    """Return the fields of an object that have known keys."""
    return {key: field for key, field in value.fields().items() if key in keys}


def _memory(level: object) -> str:
    """Return the name of the memory that a level of tiling or a name stands for."""
    if isinstance(level, TileLevel):
        return level.cache
    if not isinstance(level, str):
        raise TypeError(f"level must be a TileLevel or one of {MEMORY}, got {short_repr(level)}")
    if level not in MEMORY:
        raise ValueError(f"level must be a TileLevel or one of {MEMORY}, got {short_repr(level)}")
    return level


def _intensity(value: object) -> float:
    """Return an arithmetic intensity as a float, or raise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"intensity must be a number, got {type(value).__name__}")
    intensity = float(value)
    if not math.isfinite(intensity) or intensity < 0:
        raise ValueError(f"intensity must be finite and not negative, got {short_repr(value)}")
    return intensity


def _checked_figure(name: str, place: str, value: object) -> float:
    """Return a figure of the mapping `name` that a machine may have, or raise RoofsError."""
    least, most = _BOUNDS[name]
    if name == "working_set_bytes":
        return checked_integer(place, value, int(least), int(most), RoofsError)
    figure = checked_number(place, value, zero=True, error=RoofsError)
    if not least <= figure <= most:
        raise RoofsError(f"{place} must be in [{least:g}, {most:g}], got {short_repr(value)}")
    return figure


def _check_time(value: object) -> None:
    """Raise RoofsError unless `value` is an ISO 8601 time in UTC."""
    if not is_utc_time(checked_text("measured_at", value, RoofsError)):
        raise RoofsError(f"measured_at must be an ISO 8601 time in UTC, got {short_repr(value)}")
