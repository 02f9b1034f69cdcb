"""Searches: what is timed of a space, and that it finds what is fast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.tuning.search import ALL_BELOW, CENTRES, search
from brickprof.tuning.space import Candidate, space_of


def counted(cost: Callable[..., float]) -> tuple[Callable[[Candidate], float], list[Candidate]]:
    """Return a cost that notes what it is asked."""
    asked: list[Candidate] = []

    def time_of(candidate: Candidate) -> float:
        asked.append(candidate)
        return cost(*candidate)

    return time_of, asked


def test_all_of_a_small_space() -> None:
    space = space_of({"a": range(ALL_BELOW)})
    time_of, asked = counted(lambda a: 5)
    assert search(space, (3,), time_of) == dict.fromkeys([(3,), *space.candidates], 5)
    assert asked[0] == (3,)
    assert len(asked) == len(set(asked)) == ALL_BELOW


def test_all_where_neighbours_mean_nothing() -> None:
    space = space_of({"kind": [f"k{number}" for number in range(40)]})
    time_of, asked = counted(lambda kind: 1)
    search(space, ("k7",), time_of)
    assert len(asked) == 40


@given(
    st.tuples(st.integers(0, 15), st.integers(0, 15)),
    st.tuples(st.integers(0, 15), st.integers(0, 15)),
    st.floats(0.1, 10),
)
def test_a_valley_is_found_in_a_part_of_the_calls(
    lowest: tuple[int, int], start: tuple[int, int], slope: float
) -> None:
    space = space_of({"a": range(16), "b": range(16)})
    time_of, asked = counted(lambda a, b: 1 + (a - lowest[0]) ** 2 + slope * (b - lowest[1]) ** 2)
    times = search(space, start, time_of)
    assert min(times, key=times.__getitem__) == lowest
    assert len(asked) == len(times) <= 100


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 9)))
def test_the_fastest_have_no_neighbour_that_was_not_timed(costs: dict[Candidate, int]) -> None:
    space = space_of({"a": range(7), "b": range(7)})
    times = search(space, (0, 0), lambda candidate: costs.get(candidate, 5))
    for centre in sorted(times, key=times.__getitem__)[:CENTRES]:
        assert set(space.neighbours(centre)) <= times.keys()


@pytest.mark.parametrize("wrong", [1.0, float("inf")])
def test_what_cannot_be_timed_does_not_end_the_search(wrong: float) -> None:
    space = space_of({"a": range(50)})
    times = search(space, (0,), lambda candidate: wrong if candidate == (0,) else 2.0)
    assert len(times) > 5
