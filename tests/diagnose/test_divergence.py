"""Two runs part where their arrays do, whatever the order in memory, of bricks and of threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.entry_points import MACRO, MIDI

import brickprof as bp
from brickprof.diagnose.divergence import Divergence, find_divergence
from brickprof.recording import Recording, merge_recordings


def on() -> bp.BrickProfiler:
    """Return a profiler that is on, whose clock stands still."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    return prof


def run(*values: Any, brick: str = "layer") -> Recording:
    """Return a recording of a call of a brick for each array."""
    prof = on()
    for value in values:
        with prof.brick(brick):
            prof.checksum(value)
    return prof.recording()


def the(found: Divergence | None) -> Divergence:
    """Return what was found."""
    assert found is not None
    return found


A = np.random.default_rng(0).standard_normal((300, 200))


def test_the_first_brick_level_and_call_is_named() -> None:
    runs = []
    for wrong in (0.0, 1e-9):
        prof = on()
        for layer in range(3):
            with prof.brick("attention"):
                prof.checksum(A)
            with prof.brick("mlp"):
                for row in range(2):
                    with prof.tile(MACRO, 0, 0), prof.tile(MIDI, row, 1):
                        prof.checksum(A + (wrong if (layer, row) >= (1, 1) else 0), name="rows")
        runs.append(prof.recording())
    assert find_divergence(runs[0], runs[0]) is None
    found = the(find_divergence(*runs))
    assert (found.brick, found.level, found.call, found.row, found.col) == ("mlp", MIDI, 2, 1, 1)
    assert str(found).startswith("brick mlp, call 2, Midi tile (1, 1), array rows: values differ")
    assert found.distance == pytest.approx(1e-9, rel=1.5)
    assert find_divergence(*runs, rtol=1e-7) is None
    assert the(find_divergence(*runs, rtol=1e-11)).call == 2
    for one in runs:
        assert Recording.from_json(one.to_json()) == one


@settings(max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.complex64, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    )
)
def test_the_order_in_memory_makes_no_difference(values: np.ndarray[Any, Any]) -> None:
    reference = run(values)
    strided = np.zeros((*values.shape, 3), values.dtype)[..., 1]
    strided[...] = values
    forms = [np.array(values, order="F"), strided, values.astype(values.dtype.newbyteorder(">"))]
    for form in forms:
        assert find_divergence(reference, run(form)) is None
    # NaN, infinities and the largest numbers give figures that JSON can hold.
    assert Recording.from_json(reference.to_json()) == reference


@given(st.integers(0, 2**32), st.floats(1e-12, 0.5), st.integers(1, 20_000))
@settings(max_examples=40)
def test_distances_are_estimated_within_a_small_factor(seed: int, far: float, size: int) -> None:
    random = np.random.default_rng(seed)
    values = random.standard_normal(size)
    moved = values + far * random.standard_normal(size)
    found = find_divergence(run(values), run(moved))
    if found is None:  # the difference was rounded away
        assert np.array_equal(values, moved)
        return
    scale = max(np.linalg.norm(values), np.linalg.norm(moved))
    exact = np.linalg.norm(values - moved) / scale
    assert found.distance is not None
    assert exact / 8 < found.distance < exact * 8


@pytest.mark.parametrize("dtype", [np.longdouble, np.clongdouble])
def test_bytes_that_belong_to_no_number_do_not_count(dtype: type) -> None:
    value = np.array([1, 2, np.inf], dtype)
    value[:2] /= 3
    other = value.copy()
    if value.itemsize >= 16:
        other.view(np.uint8).reshape(3, -1)[:, 15] ^= 1
    assert find_divergence(run(value), run(other)) is None
    small = np.finfo(np.longdouble).eps
    assert (
        find_divergence(run(value), run(np.concatenate([value[:2] * (1 + small), value[2:]])))
        is not None
    )


def test_one_wrong_element_of_many_is_seen() -> None:
    changed = A.copy()
    changed[17, 3] += 1e-3
    assert find_divergence(run(A), run(changed), rtol=1e-8) is not None
    assert find_divergence(run(A), run(changed), rtol=1e-3) is None


def test_what_permutes_the_elements_is_seen_though_its_figures_are_alike() -> None:
    found = the(find_divergence(run(A), run(A[::-1]), rtol=0.1))
    assert found.distance == pytest.approx(2**0.5, rel=0.9)


def test_nans_are_alike_and_their_number_counts() -> None:
    quiet = np.array([1.0, np.nan])
    other = quiet.copy()
    other.view(np.uint64)[1] ^= 1  # another NaN
    assert find_divergence(run(quiet), run(other)) is None
    found = the(find_divergence(run(quiet), run(np.array([np.nan, np.nan])), rtol=1e9))
    assert "NaNs 1 in a and 2 in b" in str(found)
    infinite = the(find_divergence(run(quiet), run(np.array([1.0, np.inf])), rtol=1.0))
    assert infinite.distance == np.inf
    assert find_divergence(run(np.array([0.0])), run(np.array([-0.0]))) is not None
    assert find_divergence(run(np.array([0.0])), run(np.array([-0.0])), rtol=1e-9) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([np.inf] * 3, [-np.inf] * 3),
        ([np.inf, 0, 0], [0, 0, np.inf]),
        ([np.nan, 1, 1], [1, np.nan, 1]),
        ([np.nan, np.inf], [np.inf, np.nan]),
        ([complex(np.inf, 0)], [complex(0, np.inf)]),
    ],
)
def test_signs_and_places_of_what_is_not_finite_count(ours: list[Any], theirs: list[Any]) -> None:
    found = the(find_divergence(run(np.array(ours)), run(np.array(theirs)), rtol=1e9))
    assert found.distance == np.inf
    assert str(found).endswith("NaNs or infinities are at other places, or of other signs")
    half = np.array(ours).astype(np.complex64 if isinstance(ours[0], complex) else np.float32)
    assert find_divergence(run(np.array(ours)), run(half), rtol=1e-6) is None


def test_places_are_those_of_the_whole_array_whatever_its_blocks() -> None:
    late = np.zeros((2, 300_000))
    late[:, -1] = np.inf
    other = late.copy()
    other[1, 0], other[1, -1] = np.inf, 0
    assert find_divergence(run(late), run(other), rtol=1e9) is not None
    assert find_divergence(run(late), run(late + 1e-12), rtol=1e-3) is not None  # of zeros
    late[late == 0] = 1
    assert find_divergence(run(late), run(late * (1 + 1e-12)), rtol=1e-9) is None


def test_recordings_without_places_are_compared_by_number() -> None:
    data = run(np.array([np.inf, 0.0])).to_json()
    assert data["checksums"][0].pop("nonfinite")
    older = Recording.from_json(data)
    assert find_divergence(older, run(np.array([0.0, np.inf])), rtol=1.0) is None
    data["checksums"][0] |= {"nonfinite": "00", "infinities": 0}
    with pytest.raises(bp.RecordingError, match=r"checksums\[0\].nonfinite: expected empty"):
        Recording.from_json(data)


def test_other_types_and_shapes_differ() -> None:
    half = A.astype(np.float32)
    assert str(the(find_divergence(run(A), run(half)))).endswith(
        "dtype float64 in a and float32 in b"
    )
    assert find_divergence(run(A), run(half), rtol=1e-6) is None
    found = the(find_divergence(run(A), run(A.T), rtol=1.0))
    assert (found.kind, found.distance) == ("shape", None)
    assert "(300, 200) in a and (200, 300) in b" in str(found)


def test_a_run_that_ended_early_parts_where_it_ended() -> None:
    found = the(find_divergence(run(A, A, A), run(A)))
    assert (found.kind, found.call, found.b) == ("only in a", 2, None)
    assert "the other run ended before" in str(found)
    assert the(find_divergence(run(A), run(A, A))).kind == "only in b"
    # A wrong value that comes first is what is named.
    assert the(find_divergence(run(A, A + 1, A), run(A, A))).call == 2


def test_the_order_of_bricks_makes_no_difference() -> None:
    def both(*names: str) -> Recording:
        prof = on()
        for name in names:
            with prof.brick(name):
                prof.checksum(A * len(name))
        return prof.recording()

    assert find_divergence(both("norm", "attention"), both("attention", "norm")) is None
    assert the(find_divergence(both("norm", "attention"), both("norm", "rope"))).brick == (
        "attention"
    )


def test_threads_find_their_places_by_tile() -> None:
    runs = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        prof = on()

        def work(row: int, prof: bp.BrickProfiler = prof) -> None:
            with prof.tile(MACRO, row, 0):
                prof.checksum(A * row)

        for row in order:
            thread = threading.Thread(target=work, args=(row,))
            thread.start()
            thread.join()
        runs.append(prof.recording())
    assert find_divergence(*runs) is None


def test_merged_runs_are_compared_as_sets() -> None:
    one, other = run(A), run(A + 1)
    assert find_divergence(merge_recordings([one, other]), merge_recordings([other, one])) is None
    assert find_divergence(merge_recordings([one, one]), merge_recordings([one, other])) is not None


def test_what_was_not_kept_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(A, A, A)
    monkeypatch.setattr("brickprof.profiler.checksums.MAX_CHECKSUMS", 2)
    short = run(A, A, A)
    assert (len(short.checksums), short.checksums_dropped) == (2, 1)
    for pair in ((whole, short), (short, whole)):
        with pytest.warns(UserWarning, match="cannot tell whether the runs part beyond"):
            assert find_divergence(*pair) is None
    assert the(find_divergence(run(A, A + 1), short)).call == 2  # without a warning


def test_a_profiler_that_is_off_keeps_nothing_and_time_is_apart() -> None:
    prof = bp.BrickProfiler()
    prof.checksum(object())
    assert prof.recording().checksums == ()
    prof.enable_tile_profiling()
    with prof.brick("layer", category="FFN"), prof.tile(MACRO, 0, 0):
        prof.checksum(A)
    recording = prof.recording()
    assert recording.brick_info("checksum").calls == 1
    assert [(one.path, one.category) for one in recording.brick_paths] == [
        (("layer",), "FFN"),
        (("layer", "checksum"), ""),
    ]
    assert recording.tile_stats(MACRO, "checksum").nbytes == A.nbytes
    tile, inside = (recording.tile_stats(MACRO, name) for name in ("layer", "checksum"))
    assert tile.self_ns <= max(tile.total_ns - inside.total_ns, 0) + 10_000
    prof.reset_tile_stats()
    assert prof.recording().checksums == ()


@pytest.mark.parametrize("wrong", [object(), ["a"], np.array([{}]), np.zeros(2, "i4,i4"), [[1], 2]])
def test_what_is_no_array_of_numbers_is_refused(wrong: Any) -> None:
    prof = on()
    with pytest.raises(TypeError, match="array must be"):
        prof.checksum(wrong)
    with pytest.raises(TypeError, match="name must be a name"):
        prof.checksum(A, name="")
    assert prof.recording().checksums == ()


def test_arguments() -> None:
    with pytest.raises(TypeError, match="b must be a Recording"):
        find_divergence(run(A), 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rtol must be a finite number >= 0"):
        find_divergence(run(A), run(A), rtol=-1)
    with pytest.raises(ValueError, match="must hold checksums"):
        find_divergence(on().recording(), on().recording())
