"""Roofs: the roofline's laws, validation and JSON."""

from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.made_roofs import BAD_FIELDS, ROOFS, any_roofs

from brickprof.core.errors import RoofsError
from brickprof.core.levels import TileLevel
from brickprof.roofline import (
    MEMORY,
    Roofs,
)

intensities = st.floats(0.0, 1e9)

levels = st.sampled_from(MEMORY)


@given(any_roofs(), levels, intensities)
def test_attainable_is_the_lower_roof(roofs: Roofs, level: str, intensity: float) -> None:
    expected = min(roofs.peak_gflops, intensity * roofs.bandwidth_gbs[level])
    assert roofs.attainable(level, intensity) == expected
    assert roofs.attainable_per_thread(level, intensity) == expected / roofs.threads


@given(any_roofs(), levels, intensities, intensities)
def test_attainable_never_falls(roofs: Roofs, level: str, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert roofs.attainable(level, low) <= roofs.attainable(level, high) <= roofs.peak_gflops


@given(any_roofs(), levels)
def test_roofs_meet_at_the_ridge(roofs: Roofs, level: str) -> None:
    ridge = roofs.ridge(level)
    assert ridge == roofs.peak_gflops / roofs.bandwidth_gbs[level]
    assert roofs.attainable(level, ridge) == pytest.approx(roofs.peak_gflops, rel=1e-12)
    below = roofs.attainable(level, ridge * (1 - 1e-9))
    assert below == pytest.approx(roofs.attainable(level, ridge * (1 + 1e-9)), rel=1e-8)


@given(any_roofs(), levels, intensities)
def test_bound_follows_the_ridge(roofs: Roofs, level: str, intensity: float) -> None:
    ridge = roofs.ridge(level)
    assert roofs.bound(level, intensity) == ("memory" if intensity < ridge else "compute")
    assert roofs.bound(level, ridge) == "compute"
    assume(abs(intensity - ridge) > 1e-9 * ridge)
    limited = roofs.attainable(level, intensity) < roofs.peak_gflops
    assert (roofs.bound(level, intensity) == "memory") == limited


# Powers of two scale exactly, as long as no product is subnormal
@given(any_roofs(), levels, st.floats(1e-9, 1e9), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_roofs_scale(roofs: Roofs, level: str, intensity: float, factor: float) -> None:
    scaled = replace(
        roofs,
        peak_by_dtype={key: value * factor for key, value in roofs.peak_by_dtype.items()},
        bandwidth_gbs={key: value * factor for key, value in roofs.bandwidth_gbs.items()},
    )
    assert scaled.attainable(level, intensity) == factor * roofs.attainable(level, intensity)
    assert scaled.ridge(level) == roofs.ridge(level)


def test_tile_levels_stand_for_their_caches() -> None:
    for level in TileLevel:
        assert ROOFS.ridge(level) == ROOFS.ridge(level.cache)
        assert ROOFS.attainable(level, 0.1) == ROOFS.attainable(level.cache, 0.1)
        assert ROOFS.bound(level, 0.1) == ROOFS.bound(level.cache, 0.1)
    assert len({ROOFS.ridge(level) for level in TileLevel}) == 3


def test_dtype_selects_the_peak() -> None:
    double = ROOFS.for_dtype("float64")
    assert (double.dtype, double.peak_gflops) == ("float64", 58.0)
    assert double.for_dtype("float32") == ROOFS
    with pytest.raises(RoofsError, match="dtype"):
        ROOFS.for_dtype("int7")
    with pytest.raises(RoofsError, match="peak_by_dtype.*int8"):
        ROOFS.for_dtype("int8")
    single = replace(ROOFS, peak_by_dtype={"float32": 116.0})
    with pytest.raises(RoofsError, match="float64"):
        single.for_dtype("float64")
    assert replace(ROOFS, threads=4).peak_per_thread() == 29.0


@pytest.mark.parametrize("intensity", [-1.0, -1e-300, math.nan, math.inf, -math.inf])
def test_bad_intensity(intensity: float) -> None:
    for ask in (ROOFS.attainable, ROOFS.bound, ROOFS.attainable_per_thread):
        with pytest.raises(ValueError, match="intensity"):
            ask("L1", intensity)


@pytest.mark.parametrize("intensity", ["1", None, True, 1j])
def test_intensity_of_the_wrong_type(intensity: object) -> None:
    with pytest.raises(TypeError, match="intensity"):
        ROOFS.attainable("L1", intensity)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["L4", "dram", "", 2, None])
def test_bad_level(level: object) -> None:
    error = ValueError if isinstance(level, str) else TypeError
    with pytest.raises(error, match="level"):
        ROOFS.ridge(level)  # type: ignore[arg-type]
    with pytest.raises(error, match="level"):
        ROOFS.attainable(level, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "value", "named"), BAD_FIELDS)
def test_bad_fields_are_named(field: str, value: object, named: str) -> None:
    with pytest.raises(RoofsError, match=named):
        replace(ROOFS, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(RoofsError, match=named):
        Roofs.from_json({**ROOFS.to_json(), field: value})


def test_missing_fields_are_named() -> None:
    data = ROOFS.to_json()
    del data["method"]
    with pytest.raises(RoofsError, match="^method: missing$"):
        Roofs.from_json(data)
    with pytest.raises(RoofsError, match="^roofs: expected an object"):
        Roofs.from_json(None)


def test_unknown_fields_are_ignored() -> None:
    data = json.loads(json.dumps(ROOFS.to_json()))
    for part in (data, data["peak_by_dtype"], data["bandwidth_gbs"], data["spread"]):
        part["int7"] = "future"
    assert Roofs.from_json(data) == ROOFS


@pytest.mark.parametrize("name", ["peak_by_dtype", "bandwidth_gbs", "spread", "working_set_bytes"])
def test_unknown_keys_in_an_argument_are_refused(name: str) -> None:
    with pytest.raises(RoofsError, match=f"^{name} has the unknown key 'int7'"):
        replace(ROOFS, **{name: {**getattr(ROOFS, name), "int7": 1}})  # type: ignore[arg-type]


@given(any_roofs())
def test_round_trips_keep_the_value(roofs: Roofs) -> None:
    again = Roofs.from_json(json.loads(json.dumps(roofs.to_json(), allow_nan=False)))
    for other in (again, pickle.loads(pickle.dumps(roofs)), copy.deepcopy(roofs)):
        assert other == roofs
        assert hash(other) == hash(roofs)


def test_tables_are_copies_that_cannot_change() -> None:
    table = {"float32": 1.0}
    roofs = replace(ROOFS, peak_by_dtype=table)
    table["float32"] = 2.0
    assert roofs.peak_by_dtype == {"float32": 1.0}
    with pytest.raises(TypeError):
        roofs.peak_by_dtype["float32"] = 3.0  # type: ignore[index]
    assert roofs == replace(ROOFS, peak_by_dtype=MappingProxyType({"float32": 1}))
    assert roofs != ROOFS
    assert replace(ROOFS, measured_at="2024-05-01T12:00:00Z").measured_at.endswith("Z")


MIXES = st.integers(0, 10**6)


@given(any_roofs(), MIXES, MIXES, st.sampled_from(MEMORY))
def test_a_mix_is_between_the_kinds_that_it_is_made_of(
    roofs: Roofs, loaded: int, stored: int, memory: str
) -> None:
    assume(loaded + stored)
    rates = {"daxpy": 30.0, "copy": 20.0, "update": 50.0, "store": 10.0}
    roofs = replace(
        roofs,
        bandwidth_gbs={**roofs.bandwidth_gbs, memory: 40.0},
        traffic_gbs={f"{memory} {kind}": rate for kind, rate in rates.items()},
    )
    mix = roofs.mix_bandwidth(memory, loaded, stored)
    assert mix * (1 + 1e-12) >= 10.0
    assert mix <= 50.0 * (1 + 1e-12) == roofs.best_bandwidth(memory) * (1 + 1e-12)
    # Loads and updates that take turns make up every mix with more loads than stores.
    if loaded >= stored:
        assert mix * (1 + 1e-9) >= (loaded + stored) / ((loaded - stored) / 40 + 2 * stored / 50)
    assert roofs.mix_bandwidth(memory, 1, 0) == pytest.approx(40.0)
    assert roofs.mix_bandwidth(memory, 1, 1) == pytest.approx(50.0)
    assert roofs.mix_bandwidth(memory, 0, 1) == pytest.approx(10.0)


def test_without_other_kinds_every_mix_is_held_against_loads() -> None:
    assert (
        ROOFS.mix_bandwidth("L2", 1, 1) == ROOFS.best_bandwidth("L2") == ROOFS.bandwidth_gbs["L2"]
    )
    with pytest.raises(ValueError, match="loaded_bytes and stored_bytes must not both be 0"):
        ROOFS.mix_bandwidth("L2", 0, 0)
