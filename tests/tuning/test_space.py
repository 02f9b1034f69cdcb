"""Spaces of candidates: combinations, lists, and tiles that fit a cache."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_recordings import MACHINE

from brickprof.core.levels import TileLevel
from brickprof.tuning.space import MAX_CANDIDATES, Space, space_of, tile_space

axes = st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True)


@given(st.dictionaries(st.sampled_from("abc"), axes, min_size=1))
def test_combinations(values: dict[str, list[int]]) -> None:
    space = space_of(values)
    assert space.names == tuple(values)
    assert list(space.candidates) == list(product(*values.values()))
    assert len(space) == len(space.candidates)
    assert [space.arguments(one) for one in space.candidates[:1]] == [
        {name: of[0] for name, of in values.items()}
    ]
    assert space.axes == tuple(tuple(sorted(of)) for of in values.values())
    assert space_of(space) is space


@given(st.dictionaries(st.sampled_from("ab"), axes, min_size=1), st.data())
def test_neighbours_are_the_nearest_candidates_along_each_axis(
    values: dict[str, list[int]], data: st.DataObject
) -> None:
    whole = space_of(values)
    kept = data.draw(st.lists(st.sampled_from(whole.candidates), min_size=1, unique=True))
    space = Space(whole.names, whole.axes, tuple(kept))
    for candidate in kept:
        wanted = set()
        for place in range(len(candidate)):
            alike = [
                one
                for one in kept
                if one != candidate
                and all(one[at] == candidate[at] for at in range(len(one)) if at != place)
            ]
            below = [one for one in alike if one[place] < candidate[place]]  # type: ignore[operator]
            above = [one for one in alike if one[place] > candidate[place]]  # type: ignore[operator]
            wanted |= {*sorted(below)[-1:], *sorted(above)[:1]}  # type: ignore[type-var]
        assert set(space.neighbours(candidate)) == wanted


def test_a_list_of_candidates() -> None:
    space = space_of([{"rows": 8, "kind": "a"}, {"kind": "b", "rows": 2}, {"rows": 8, "kind": "a"}])
    assert space.candidates == ((8, "a"), (2, "b"))
    assert space.axes == ((2, 8), ("a", "b"))


@pytest.mark.parametrize(
    ("space", "error", "said"),
    [
        (5, TypeError, "space must be an iterable, got 5"),
        ("rows", TypeError, "space must be an iterable"),
        ({}, ValueError, "space must have at least one argument"),
        ([], ValueError, "space must hold at least one candidate"),
        ({"rows": ()}, ValueError, "must hold at least one value"),
        ({"rows": 5}, TypeError, r"space\['rows'\] must be an iterable, got 5"),
        ({"rows": "12"}, TypeError, r"space\['rows'\] must be an iterable, got '12'"),
        ({1: (2,)}, TypeError, "by the names of arguments, got 1"),
        ({"rows": ([],)}, TypeError, "must be of hashable values"),
        ([{"rows": []}], TypeError, "must be of hashable values"),
        ([{"rows": 1}, 5], TypeError, r"space\[1\] must be arguments by name, got 5"),
        ([{"rows": 1}, {"columns": 1}], ValueError, r"space\[1\] must have the arguments"),
        ([{}], ValueError, r"space\[0\] must have"),
        ({"a": range(1000), "b": range(1000)}, ValueError, f"at most {MAX_CANDIDATES} candidates"),
    ],
)
def test_what_is_no_space(space: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        space_of(space)


def test_tiles_fit_the_cache() -> None:
    cache = MACHINE.cache(TileLevel.MIDI)
    space = tile_space(
        {"rows": (1, 100), "columns": (16, 4096)},
        lambda rows, columns: 8 * rows * columns,
        machine=MACHINE,
    )
    assert space.axes == (
        (1, 2, 4, 8, 16, 32, 64, 100),
        (16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
    )
    wanted = [
        one
        for one in product(*space.axes)
        if cache.size_bytes // 64 <= 8 * one[0] * one[1] <= cache.size_bytes  # type: ignore[operator]
    ]
    assert list(space.candidates) == wanted


def test_macro_tiles_fit_a_threads_share() -> None:
    cache = MACHINE.cache(TileLevel.MACRO)
    space = tile_space({"n": (1, 1 << 40)}, lambda n: n, TileLevel.MACRO, machine=MACHINE)
    largest = max(one[0] for one in space.candidates)  # type: ignore[type-var]
    assert largest == 1 << (cache.size_bytes // cache.shared_by).bit_length() - 1


@pytest.mark.parametrize(
    ("ranges", "error", "said"),
    [
        ({"n": (4, 2)}, ValueError, r"ranges\['n'\] must be \(least, largest\), got \(4, 2\)"),
        ({"n": 5}, TypeError, "must be"),
        ({"n": (0, 2)}, ValueError, r"ranges\['n'\]"),
        ({"n": (1, 1)}, ValueError, "ranges must hold a tile of"),
        ({}, ValueError, "at least one argument"),
    ],
)
def test_ranges_that_make_no_sense(ranges: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        tile_space(ranges, lambda n: n, machine=MACHINE)


def test_the_level_and_the_footprint_are_checked() -> None:
    with pytest.raises(TypeError, match="level must be a TileLevel"):
        tile_space({"n": (1, 2)}, lambda n: n, "L2")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="footprint"):
        tile_space({"n": (1, 2)}, lambda n: 0.5 * n, machine=MACHINE)  # type: ignore[return-value,arg-type]
