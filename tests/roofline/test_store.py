"""The store of roofs: what is kept, what is found again, and what counts as none."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_roofs import BAD_FIELDS, MACHINE, ROOFS, any_roofs

from brickprof.core.dtypes import DTYPE_NAMES
from brickprof.core.errors import RoofsError
from brickprof.roofline import (
    MEMORY,
    Roofs,
    better_roofs,
    forget_roofs,
    load_roofs,
    roofs_path,
    store_roofs,
    stored_roofs,
)
from brickprof.roofline import files as roofs_files
from brickprof.roofline.files import locked


def test_stored_roofs_load_by_threads_dtype_and_isa(tmp_path: Path) -> None:
    four, base = replace(ROOFS, threads=4), replace(ROOFS, isa="base", verdict="base")
    folder = tmp_path / "made" / "here"
    for roofs in (ROOFS, four, base):
        assert store_roofs(roofs, MACHINE, folder) == roofs_path(MACHINE, folder)
    assert load_roofs(MACHINE, folder=folder) == ROOFS
    assert load_roofs(MACHINE, threads=4, folder=folder) == four
    assert load_roofs(MACHINE, isa="base", folder=folder) == base
    assert load_roofs(MACHINE, dtype="float64", folder=folder) == ROOFS.for_dtype("float64")
    assert load_roofs(MACHINE, threads=2, folder=folder) is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_storing_again_replaces(tmp_path: Path) -> None:
    store_roofs(ROOFS, MACHINE, tmp_path)
    newer = replace(ROOFS, verdict="newer")
    store_roofs(newer, MACHINE, tmp_path)
    assert load_roofs(MACHINE, folder=tmp_path) == newer


def test_of_two_noisy_ones_each_figures_best_stays(tmp_path: Path) -> None:
    first = replace(ROOFS, noisy=True, verdict="disturbed")
    lower = {name: rate / 2 for name, rate in ROOFS.peak_by_dtype.items()}
    higher = {name: rate * 1.1 for name, rate in ROOFS.bandwidth_gbs.items()}
    second = replace(first, peak_by_dtype=lower, bandwidth_gbs=higher, verdict="noisy")
    store_roofs(first, MACHINE, tmp_path)
    store_roofs(second, MACHINE, tmp_path)
    kept = load_roofs(MACHINE, folder=tmp_path)
    assert kept is not None
    assert (dict(kept.peak_by_dtype), dict(kept.bandwidth_gbs)) == (
        dict(ROOFS.peak_by_dtype),
        higher,
    )
    assert (kept.noisy, kept.verdict) == (True, "noisy")


def ranked(noisy: bool, method: str, day: int) -> Roofs:
    return replace(ROOFS, noisy=noisy, method=method, measured_at=f"2024-05-0{day}T12:00:00Z")


def test_the_better_roofs_stay(tmp_path: Path) -> None:
    order = [
        ranked(noisy, method, day)
        for noisy in (True, False)
        for method in ("quick", "full")
        for day in (1, 2)
    ]
    for place, worse in enumerate(order):
        for better in order[place:]:
            for first, second in ((worse, better), (better, worse)):
                folder = tmp_path / f"{place}"
                store_roofs(first, MACHINE, folder, force=True)
                store_roofs(second, MACHINE, folder)
                kept = load_roofs(MACHINE, folder=folder)
                if better.noisy != worse.noisy:
                    assert kept == better
                else:
                    assert kept == replace(
                        better,
                        method=max(better.method, worse.method, key=("quick", "full").index),
                        measured_at=max(better.measured_at, worse.measured_at),
                    )


@given(any_roofs(), st.data())
def test_of_two_steady_measurements_each_best_counts(old: Roofs, data: st.DataObject) -> None:
    factors = st.floats(0.5, 2)
    old = replace(old, noisy=False, latency_ns={"L1": 1.0}, traffic_gbs={"L2 copy": 5.0})
    new = replace(
        old,
        peak_by_dtype={key: rate * data.draw(factors) for key, rate in old.peak_by_dtype.items()},
        bandwidth_gbs={key: rate * data.draw(factors) for key, rate in old.bandwidth_gbs.items()},
        spread={key: 0.25 for key in old.spread},
        latency_ns={"L1": data.draw(factors), "L2": 4.0},
        traffic_gbs={"L2 store": 3.0},
    )
    for best in (better_roofs(old, new), better_roofs(new, old)):
        for one in (old, new):
            assert all(best.peak_by_dtype[key] >= rate for key, rate in one.peak_by_dtype.items())
            assert all(best.bandwidth_gbs[key] >= rate for key, rate in one.bandwidth_gbs.items())
        assert best.latency_ns == {"L1": min(1.0, new.latency_ns["L1"]), "L2": 4.0}
        assert best.traffic_gbs == {"L2 copy": 5.0, "L2 store": 3.0}
        for key, spread in best.spread.items():
            rates = {**best.peak_by_dtype, **best.bandwidth_gbs}
            sources = [
                one
                for one in (old, new)
                if {**one.peak_by_dtype, **one.bandwidth_gbs}[key] == rates[key]
            ]
            assert spread in [one.spread[key] for one in sources]


def test_forgetting_removes_all_of_a_machine(tmp_path: Path) -> None:
    assert forget_roofs(MACHINE, tmp_path) == 0
    store_roofs(ROOFS, MACHINE, tmp_path)
    store_roofs(replace(ROOFS, threads=2), MACHINE, tmp_path)
    assert forget_roofs(MACHINE, tmp_path) == 2
    assert load_roofs(MACHINE, folder=tmp_path) is None
    assert forget_roofs(MACHINE, tmp_path) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"bandwidth_gbs": {**ROOFS.bandwidth_gbs, "DRAM": 220.1}},
        {"measured_at": "9999-01-01T00:00:00Z"},
    ],
)
def test_implausible_roofs_are_none_and_are_replaced(
    tmp_path: Path, change: dict[str, object]
) -> None:
    store_roofs(replace(ROOFS, **change), MACHINE, tmp_path)  # type: ignore[arg-type]
    assert load_roofs(MACHINE, folder=tmp_path) is None
    noisy = replace(ROOFS, noisy=True, method="quick")
    store_roofs(noisy, MACHINE, tmp_path)
    assert load_roofs(MACHINE, threads=np.int64(1), folder=tmp_path) == noisy  # type: ignore[arg-type]


def test_dtype_that_was_not_measured_is_none(tmp_path: Path) -> None:
    store_roofs(replace(ROOFS, peak_by_dtype={"float32": 1.0}), MACHINE, tmp_path)
    for dtype in ("float64", "int8"):
        assert load_roofs(MACHINE, dtype=dtype, folder=tmp_path) is None


def test_a_peak_of_any_dtype_is_stored(tmp_path: Path) -> None:
    spread = dict.fromkeys((*DTYPE_NAMES, *MEMORY), 0.02)
    peaks = {name: 1.0 + place for place, name in enumerate(DTYPE_NAMES)}
    stored = replace(ROOFS, peak_by_dtype=peaks, spread=spread)
    store_roofs(stored, MACHINE, tmp_path)
    for name, peak in peaks.items():
        found = load_roofs(MACHINE, dtype=name, folder=tmp_path)
        assert found is not None
        assert (found.dtype, found.peak_gflops) == (name, peak)
    assert load_roofs(MACHINE, dtype=np.float16, folder=tmp_path) == stored.for_dtype("float16")


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^threads must be in"):
        load_roofs(MACHINE, threads=0, folder=tmp_path)
    with pytest.raises(ValueError, match="dtype"):
        load_roofs(MACHINE, dtype="int7", folder=tmp_path)
    with pytest.raises(RoofsError, match="host"):
        store_roofs(replace(ROOFS, fingerprint="00ff"), MACHINE, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_folder_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path / "chosen"))
    assert store_roofs(ROOFS, MACHINE).parent == tmp_path / "chosen"
    assert load_roofs(MACHINE) == ROOFS
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert roofs_path(MACHINE).parent == tmp_path / "user" / "brickprof"


def test_without_a_home_nothing_is_found_and_storing_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BRICKPROF_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/x"))
    assert load_roofs(MACHINE) is None
    with pytest.raises(RoofsError, match="BRICKPROF_CACHE_DIR"):
        store_roofs(ROOFS, MACHINE)


def test_missing_file_and_folder_are_none(tmp_path: Path) -> None:
    assert load_roofs(MACHINE, folder=tmp_path) is None
    assert load_roofs(MACHINE, folder=tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_file_cut_anywhere_is_none(tmp_path: Path) -> None:
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole.rstrip(b"\n"))):
        path.write_bytes(whole[:length])
        assert load_roofs(MACHINE, folder=tmp_path) is None
    path.write_bytes(whole)
    assert load_roofs(MACHINE, folder=tmp_path) == ROOFS


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"null", b"[]", b"7", b"[" * 100_000, b'{"schema": 1}', b"9" * 5000],
)
def test_junk_is_none_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    roofs_path(MACHINE, tmp_path).write_bytes(content)
    assert load_roofs(MACHINE, folder=tmp_path) is None
    store_roofs(ROOFS, MACHINE, tmp_path)
    assert load_roofs(MACHINE, folder=tmp_path) == ROOFS


@pytest.mark.parametrize(
    ("field", "value"),
    [("schema", 2), ("schema", "1"), ("schema", True), ("fingerprint", "0" * 16), ("roofs", {})],
)
def test_wrong_envelope_is_none(tmp_path: Path, field: str, value: object) -> None:
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert load_roofs(MACHINE, folder=tmp_path) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, value, _ in BAD_FIELDS] + [("fingerprint", "0" * 16)],
)
def test_a_bad_entry_is_none_and_costs_the_others_nothing(
    tmp_path: Path, field: str, value: object
) -> None:
    four = replace(ROOFS, threads=4)
    store_roofs(four, MACHINE, tmp_path)
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    content = json.loads(path.read_text())
    entry = next(one for one in content["roofs"] if one["threads"] == 1)
    entry[field] = dict(value) if isinstance(value, dict) else value
    path.write_text(json.dumps(content))
    assert load_roofs(MACHINE, folder=tmp_path) is None
    assert load_roofs(MACHINE, threads=4, folder=tmp_path) == four
    store_roofs(replace(ROOFS, threads=2), MACHINE, tmp_path)
    assert [one["threads"] for one in json.loads(path.read_text())["roofs"]] == [2, 4]


def test_another_hosts_file_under_this_hosts_name_is_none(tmp_path: Path) -> None:
    other = replace(MACHINE, cpu="Other CPU")
    path = store_roofs(replace(ROOFS, fingerprint=other.fingerprint()), other, tmp_path)
    path.rename(roofs_path(MACHINE, tmp_path))
    assert load_roofs(MACHINE, folder=tmp_path) is None


def test_unreadable_is_none_and_unwritable_says_where_and_why(tmp_path: Path) -> None:
    roofs_path(MACHINE, tmp_path).mkdir()
    assert load_roofs(MACHINE, folder=tmp_path) is None
    file = tmp_path / "file"
    file.write_text("in the way")
    assert load_roofs(MACHINE, folder=file) is None
    with pytest.raises(RoofsError, match=r"file.*(exists|directory)"):
        store_roofs(ROOFS, MACHINE, file)
    with pytest.raises(RoofsError, match="no regular file"):
        store_roofs(ROOFS, MACHINE, tmp_path)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["os.replace", "os.fsync"])
def test_a_crash_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    store_roofs(ROOFS, MACHINE, tmp_path)
    before = sorted(os.listdir(tmp_path))

    def crash(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(step, crash)
        with pytest.raises((RoofsError, KeyboardInterrupt)):
            store_roofs(replace(ROOFS, verdict="never"), MACHINE, tmp_path)
    assert sorted(os.listdir(tmp_path)) == before
    assert load_roofs(MACHINE, folder=tmp_path) == ROOFS


def store_several(folder: str, threads: list[int]) -> None:
    """Store roofs of several thread counts, one by one."""
    for count in threads:
        store_roofs(replace(ROOFS, threads=count), MACHINE, folder)


def run_in_threads(folder: str, parts: list[list[int]]) -> None:
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: store_several(folder, part), parts))


def run_in_processes(folder: str, parts: list[list[int]]) -> None:
    # Unlike a Pool it says so where a process ended before its work was done.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(parts), context) as pool:
        list(pool.map(store_several, [folder] * len(parts), parts))


@pytest.mark.parametrize("run", [run_in_threads, run_in_processes])
def test_storing_at_once_loses_nothing(
    tmp_path: Path, run: Callable[[str, list[list[int]]], None]
) -> None:
    parts = [list(range(first, 33, 3)) for first in (1, 2, 3)]
    run(str(tmp_path), parts)
    for count in range(1, 33):
        assert load_roofs(MACHINE, threads=count, folder=tmp_path) == replace(ROOFS, threads=count)


def test_files_of_others_count_as_none_and_are_not_replaced(tmp_path: Path) -> None:
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    assert load_roofs(MACHINE, folder=tmp_path) is not None
    path.chmod(0o666)
    assert load_roofs(MACHINE, folder=tmp_path) is None
    assert stored_roofs(MACHINE, tmp_path) == ()
    for store in (store_roofs, lambda *given: forget_roofs(given[1], given[2])):
        with pytest.raises(RoofsError, match="another user owns it, or may write to it"):
            store(ROOFS, MACHINE, tmp_path)
    path.chmod(0o600)
    assert load_roofs(MACHINE, folder=tmp_path) is not None


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_odd_files_are_neither_replaced_nor_removed(tmp_path: Path, kind: str) -> None:
    path = roofs_path(MACHINE, tmp_path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "elsewhere").write_text("mine")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
    for store in (store_roofs, lambda *given: forget_roofs(given[1], given[2])):
        with pytest.raises(RoofsError, match="a link, or no regular file"):
            store(ROOFS, MACHINE, tmp_path)
    assert load_roofs(MACHINE, folder=tmp_path) is None
    assert os.path.lexists(path)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_odd_locks_are_errors(tmp_path: Path, kind: str) -> None:
    lock = roofs_path(MACHINE, tmp_path).with_suffix(".lock")
    if kind == "fifo":
        os.mkfifo(lock)
    elif kind == "link":
        lock.symlink_to(tmp_path / "elsewhere")
    else:
        lock.mkdir()
    with pytest.raises(RoofsError, match="cannot store roofs in"):
        store_roofs(ROOFS, MACHINE, tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_is_never_let_go_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roofs_files, "PATIENCE_S", 0.05)
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    with locked(path), pytest.raises(RoofsError, match="another process holds its lock"):
        store_roofs(ROOFS, MACHINE, tmp_path)
    store_roofs(ROOFS, MACHINE, tmp_path)


@pytest.mark.parametrize(
    "absurd",
    [
        {"peak_by_dtype": {"float32": 1e-300, "float64": 40.0}},
        {"peak_by_dtype": {"float32": 1.1e7, "float64": 1.0}},
        {"bandwidth_gbs": dict.fromkeys(("L1", "L2", "L3", "DRAM"), 1e-300)},
        {"bandwidth_gbs": {**ROOFS.bandwidth_gbs, "L2": 1.1e6}},
        {"threads": 2**64},
        {"threads": 4097},
        {"traffic_gbs": {"L1 copy": 1e9}},
        {"ceilings_gflops": {"float32 scalar": 1e9}},
        {"latency_ns": {"L1": 1e-9}},
        {"latency_ns": {"L1": 1e12}},
        {"spread": {**ROOFS.spread, "L1": 1e7}},
        {"working_set_bytes": {**ROOFS.working_set_bytes, "L1": 2**41}},
        {"measured_at": "0001-01-01T00:00:00Z"},
        {"fingerprint": "zzz"},
        {"fingerprint": "0" * 65},
    ],
)
def test_what_no_machine_has_is_refused_and_not_loaded(
    tmp_path: Path, absurd: dict[str, Any]
) -> None:
    with pytest.raises(RoofsError, match=next(iter(absurd))):
        replace(ROOFS, **absurd)
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    content = json.loads(path.read_text())
    content["roofs"][0].update(absurd)
    path.write_text(json.dumps(content))
    assert stored_roofs(MACHINE, tmp_path) == ()


def test_a_file_of_thousands_of_entries_is_none(tmp_path: Path) -> None:
    path = store_roofs(ROOFS, MACHINE, tmp_path)
    content = json.loads(path.read_text())
    for entries, found in ((1024, (ROOFS,)), (1025, ())):
        path.write_text(json.dumps({**content, "roofs": content["roofs"] * entries}))
        assert stored_roofs(MACHINE, tmp_path) == found
