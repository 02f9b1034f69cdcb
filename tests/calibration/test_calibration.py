"""Calibration against probes and a clock that are made up, and once for real."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_recordings import MACHINE

import brickprof as bp
from brickprof.calibration import measurement as calibration
from brickprof.calibration.measurement import (
    FULL,
    QUICK,
    Effort,
    calibrate,
    measure_roofs,
    spread_of,
    working_sets,
)
from brickprof.calibration.probing import (
    Bytes,
    Figure,
    Probes,
    Rates,
    Team,
    interleaved_rates,
    round_of,
    steps_for,
    touched_buffers,
)
from brickprof.core.dtypes import KERNEL_DTYPES
from brickprof.core.errors import RoofsError
from brickprof.machine import Cache, Machine
from brickprof.roofline import MEMORY, load_roofs, roofs_path, store_roofs
from brickprof.roofline.model import CEILINGS

LATENCY_NS = 5
KIB, MIB, GIB = 1024, 1024**2, 1024**3
RATES = {"float32": 96, "float64": 48, "L1": 256, "L2": 128, "L3": 64, "DRAM": 16}
TINY = Effort("quick", 3, 20_000, 20_000, 2 * MIB)
SMALL = replace(
    MACHINE,
    isa="base",
    isas=("base",),
    caches=(
        Cache(1, 8 * KIB, 64, 1, 8),
        Cache(2, 32 * KIB, 64, 1, 8),
        Cache(3, 256 * KIB, 64, 2, 16),
    ),
)


class FakeProbes:
    """Probes of known rates on a clock of each thread's own, slowed down when output to."""

    def __init__(self, machine: Machine, threads: int = 1, rates: dict[str, int] = RATES) -> None:
        sets = working_sets(machine, threads, TINY, 1 << 30)
        self.rates = rates
        self.names = {size: name for name, size in sets.items()}
        self.slow: dict[str, Iterator[int]] = {}
        self.shared: set[str] = set()
        self.seen: dict[str, set[str]] = {}
        self.local = threading.local()

    def peak(self, dtype: str, steps: int, isa: str) -> int:
        self._pass(dtype, 1000 * steps)
        return 1000 * steps * self.rates[dtype]

    def load(self, buffer: Bytes, steps: int, isa: str) -> int:
        name = self.names[buffer.nbytes]
        self._pass(name, buffer.nbytes * steps // self.rates[name])
        return buffer.nbytes * steps

    def traffic(self, kind: str, buffer: Bytes, steps: int, isa: str) -> int:
        name = self.names[buffer.nbytes]
        self._pass(f"{name} {kind}", buffer.nbytes * steps // self.rates[name])
        return 2 * buffer.nbytes * steps

    def ceiling(self, name: str, dtype: str, steps: int, isa: str) -> int:
        self._pass(f"{dtype} {name}", 1000 * steps)
        return 1000 * steps * (CEILINGS.index(name) + 1)

    def has(self, name: str, dtype: str, isa: str) -> bool:
        if name == "peak":
            return dtype in self.rates
        return name not in ("nt-store", "quarter-width") and (name, dtype) != ("exp", "float64")

    def latency(self, buffer: Bytes, steps: int) -> int:
        self._pass("latency", LATENCY_NS * 100 * steps)
        return 100 * steps

    def clock(self) -> int:
        return int(getattr(self.local, "now", 0))

    def thread_clock(self) -> int:
        return self.clock() - int(getattr(self.local, "off", 0))

    def _pass(self, name: str, ns: int) -> None:
        self.seen.setdefault(name, set()).add(threading.current_thread().name)
        factor = next(self.slow.get(name, iter(())), 1)
        self.local.now = self.clock() + ns * factor
        if name in self.shared:
            self.local.off = int(getattr(self.local, "off", 0)) + ns * factor // 2

    @property
    def probes(self) -> Probes:
        return Probes(
            self.peak,
            self.load,
            self.traffic,
            self.ceiling,
            lambda buffer, order: None,
            self.latency,
            self.has,
            self.clock,
            self.thread_clock,
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeProbes:
    """Replace the machine, the probes and the cache folder."""
    made = FakeProbes(SMALL)
    monkeypatch.setattr(calibration, "Probes", lambda: made.probes)
    monkeypatch.setattr(calibration, "QUICK", TINY)
    monkeypatch.setattr(calibration, "detect_machine", lambda: SMALL)
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    return made


@pytest.mark.parametrize("threads", [1, 2])
def test_known_rates_come_out_exactly(threads: int) -> None:
    made = FakeProbes(SMALL, threads)
    roofs = measure_roofs(SMALL, threads, "float64", "base", TINY, probes=made.probes)
    assert roofs.peak_by_dtype == {name: RATES[name] * threads for name in KERNEL_DTYPES}
    assert roofs.bandwidth_gbs == {name: RATES[name] * threads for name in MEMORY}
    assert roofs.spread == dict.fromkeys((*KERNEL_DTYPES, *MEMORY), 0.0)
    assert (roofs.threads, roofs.dtype, roofs.isa) == (threads, "float64", "base")
    assert (roofs.cpu, roofs.fingerprint) == (SMALL.cpu, SMALL.fingerprint())
    assert (roofs.method, roofs.noisy, roofs.verdict) == ("quick", False, "steady")
    assert roofs.working_set_bytes["DRAM"] >= 4 * 256 * KIB
    assert all(len(names) == threads for names in made.seen.values())
    kinds = ("daxpy", "copy", "update", "store")
    assert roofs.traffic_gbs == {
        **{f"{name} {kind}": 2 * RATES[name] * threads for name in MEMORY for kind in kinds},
        "DRAM zero-store": 2 * RATES["DRAM"] * threads,
    }
    assert roofs.ceilings_gflops == {
        f"{dtype} {name}": (number + 1) * threads
        for dtype in KERNEL_DTYPES
        for number, name in enumerate(CEILINGS)
        if made.has(name, dtype, "base")
    }
    assert roofs.latency_ns == dict.fromkeys(MEMORY, LATENCY_NS)


def clocked(clock: Callable[[], int]) -> Probes:
    """Return probes with a clock, by which threads are on a processor all the time."""
    return Probes(clock=clock, thread_clock=clock)


def test_a_round_lasts_from_the_first_start_to_the_last_end() -> None:
    times = threading.local()

    def clock() -> int:
        return int(getattr(times, "now", 0))

    def work(rank: int, steps: int) -> int:
        times.now = clock() + (rank + 1) * 100 * steps
        return 10 * steps

    with Team(3) as team:
        done = round_of(team, clocked(clock), Figure("L1", work, 1), 7)
    assert done == (3 * 70, 300 + 2100 - 100, 700, 1.0)


def test_data_is_fetched_before_the_clock_starts() -> None:
    calls: list[int] = []

    def work(rank: int, steps: int) -> int:
        calls.append(steps)
        return steps

    with Team(1) as team:
        figure = Figure("L1", work, 3, prepare=lambda rank: calls.append(-1))
        assert round_of(team, clocked(lambda: len(calls)), figure, 7) == (7, 1, 1, 1.0)
    assert calls == [-1, 3, 7]


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_rounds_are_about_as_long_as_aimed(ns_per_step: int, aim: int) -> None:
    now = [0]

    def work(rank: int, steps: int) -> int:
        now[0] += ns_per_step * steps
        return steps

    with Team(1) as team:
        steps = steps_for(team, clocked(lambda: now[0]), Figure("L1", work), aim)
    assert aim <= steps * ns_per_step < aim + ns_per_step or steps == 1


@given(st.integers(0, 30), st.integers(1, 10**9))
def test_an_interruption_does_not_pass_for_work(pilot: int, late_ns: int) -> None:
    now, calls = [0], [0]

    def work(rank: int, steps: int) -> int:
        now[0] += 10 * steps + (late_ns if calls[0] == pilot else 0)
        calls[0] += 1
        return steps

    with Team(1) as team:
        assert steps_for(team, clocked(lambda: now[0]), Figure("L1", work), 80_000) == 8_000


def test_rounds_off_the_processor_are_repeated_and_told() -> None:
    def measured(off: list[int], repeats: int) -> Rates:
        """Measure where the thread is off the processor for so long in each round."""
        now, cpu, rounds = [0], [0], iter(off)

        def work(rank: int, steps: int) -> int:
            late = next(rounds)
            now[0] += 100 + late
            cpu[0] += 100
            return 100

        probes = Probes(clock=lambda: now[0], thread_clock=lambda: cpu[0])
        with Team(1) as team:
            figures = [Figure("L1", work)]
            return interleaved_rates(team, probes, figures, {"L1": 1}, repeats, lambda: None)["L1"]

    assert measured([0, 0], 2) == ([1.0, 1.0], False)
    assert measured([2, 2], 2) == ([100 / 102] * 2, False)
    assert measured([100, 0, 50, 0], 2) == ([1.0, 1.0], False)
    assert measured([100, 100, 100, 0], 2) == ([1.0], False)
    assert measured([100, 300, 100, 0, 0], 1) == ([0.5, 0.25], True)


def test_roofs_of_a_busy_machine_are_noisy(fake: FakeProbes) -> None:
    fake.shared = {"float32", "L3"}
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=fake.probes)
    assert roofs.noisy
    assert roofs.verdict.startswith("disturbed: something else ran during float32, L3; ")
    assert roofs.peak_by_dtype["float32"] == RATES["float32"]


def test_threads_that_do_not_scale_are_told(fake: FakeProbes, tmp_path: Path) -> None:
    calibrate(1)
    for rate, noisy in ((RATES["float32"] * 11 // 20, True), (RATES["float32"] * 12 // 20, False)):
        slow = FakeProbes(SMALL, 2, {**RATES, "float32": rate, "float64": 24})
        fake.rates, fake.names, fake.local = slow.rates, slow.names, slow.local
        roofs = calibrate(2, store=False)
        assert roofs.noisy == noisy
        assert ("2 threads reach" in roofs.verdict) == noisy


def test_a_float64_over_half_of_float32_is_told() -> None:
    made = FakeProbes(SMALL, rates={**RATES, "float64": 60})
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=made.probes)
    assert "implausible: float64 (60.0 GFLOP/s) seems faster than half" in roofs.verdict


def test_a_busy_machine_never_lowers_a_roof(fake: FakeProbes) -> None:
    before = calibrate(1, isa="base")
    fake.shared = {"float32"}
    fake.rates = {name: rate // 2 for name, rate in RATES.items()}
    assert calibrate(1, isa="base").noisy
    assert load_roofs(SMALL, isa="base") == before
    fake.shared = set()
    assert not calibrate(1, isa="base").noisy
    kept = load_roofs(SMALL, isa="base")
    assert kept is not None
    assert (kept.peak_by_dtype, kept.traffic_gbs) == (before.peak_by_dtype, before.traffic_gbs)
    lower = calibrate(1, isa="base", force=True)
    assert load_roofs(SMALL, isa="base") == lower != before


def test_roofs_from_before_ceilings_are_measured_again(fake: FakeProbes) -> None:
    older = replace(calibrate(1, store=False), traffic_gbs={}, ceilings_gflops={}, latency_ns={})
    store_roofs(older, SMALL)
    assert calibration.roofs(isa="base").traffic_gbs


def test_more_threads_than_cores_are_told() -> None:
    made = FakeProbes(SMALL, 5)
    roofs = measure_roofs(SMALL, 5, "float32", "base", TINY, probes=made.probes)
    assert roofs.noisy
    assert roofs.verdict == "crowded: 5 threads took turns on 2 usable cores"
    assert roofs.peak_gflops == 5 * RATES["float32"]
    assert all(len(names) == 5 for names in made.seen.values())


def test_best_repeat_is_the_roof_and_one_slow_one_is_no_noise(fake: FakeProbes) -> None:
    rounds = dict.fromkeys(RATES, 1)
    pilots = count_calls(fake, rounds)
    fake.slow["L3"] = iter([1] * (pilots["L3"] + 2 * (TINY.repeats - 1)) + [9, 9])
    roofs = calibrate(machine=SMALL, isa="base", store=False)
    assert roofs.bandwidth_gbs["L3"] == RATES["L3"]
    assert roofs.spread["L3"] == 0
    assert roofs.verdict == "steady"


def count_calls(fake: FakeProbes, names: dict[str, int]) -> dict[str, int]:
    """Return how often each probe is called before the repeats begin."""
    calls: dict[str, int] = {}
    original = fake._pass

    def counting(name: str, ns: int) -> None:
        calls[name] = calls.get(name, 0) + 1
        original(name, ns)

    fake._pass = counting  # type: ignore[method-assign]
    calibrate(machine=SMALL, isa="base", store=False)
    fake._pass = original  # type: ignore[method-assign]
    primed = {name: 1 if name in (*KERNEL_DTYPES, "DRAM") else 2 for name in names}
    return {name: calls[name] - primed[name] * TINY.repeats for name in names}


def test_noise_is_told_by_name(fake: FakeProbes) -> None:
    pilots = count_calls(fake, RATES)
    fake.slow["DRAM"] = iter([1] * pilots["DRAM"] + [1, 2, 2])
    roofs = calibrate(machine=SMALL, isa="base", store=False)
    assert roofs.bandwidth_gbs["DRAM"] == RATES["DRAM"]
    # Of 16, 8 and 8 GB/s one 8 is left out: (16 - 8) / 12.
    assert roofs.spread["DRAM"] == pytest.approx(8 / 12)
    assert roofs.noisy
    assert roofs.verdict == "noisy: DRAM spread 66.7 %; repeat on a quieter machine"


def test_an_outer_memory_faster_than_an_inner_one_is_told() -> None:
    made = FakeProbes(SMALL, rates={**RATES, "L3": 256})
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=made.probes)
    assert roofs.noisy
    assert roofs.verdict == "implausible: L3 (256 GB/s) seems faster than L2 (128 GB/s)"


def test_a_little_out_of_order_is_within_noise() -> None:
    made = FakeProbes(SMALL, rates={**RATES, "L2": 64, "L3": 68})
    assert measure_roofs(SMALL, 1, "float32", "base", TINY, probes=made.probes).verdict == "steady"


def test_shortage_of_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = FakeProbes(SMALL)
    made.names[384 * KIB] = "DRAM"
    monkeypatch.setattr(calibration, "available_memory", lambda: 4 * 384 * KIB)
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=made.probes)
    assert roofs.noisy
    output = "short of memory: DRAM was measured over 384 KiB, less than twice the L3"
    assert roofs.verdict == output
    made.names[512 * KIB] = "DRAM"
    monkeypatch.setattr(calibration, "available_memory", lambda: 4 * 512 * KIB)
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=made.probes)
    assert roofs.verdict == "steady"


def test_too_many_threads_for_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "available_memory", lambda: 400 * KIB)
    with pytest.raises(RoofsError, match=r"threads: 64 of them need .* MiB of buffers"):
        measure_roofs(SMALL, 64, "float32", "base", TINY, probes=FakeProbes(SMALL).probes)


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=20))
def test_spread_is_never_negative_and_blind_to_scale(rates: list[float]) -> None:
    spread = spread_of(rates)
    assert spread >= 0
    assert spread_of([rate * 4 for rate in rates]) == spread
    assert spread_of([rates[0]] * len(rates)) == 0
    if len(rates) > 1:
        assert spread_of([*rates, min(rates) / 1e3]) == pytest.approx(
            (max(rates) - min(rates)) / statistics.median(rates)
        )


@given(
    threads=st.integers(1, 64),
    shared=st.integers(1, 32),
    l1=st.sampled_from([16, 32, 48, 128]),
    l2=st.sampled_from([256, 512, 1024, 2048]),
    l3=st.sampled_from([2, 8, 32, 96]),
    effort=st.sampled_from([QUICK, FULL]),
)
def test_working_sets_keep_to_their_memory(
    threads: int, shared: int, l1: int, l2: int, l3: int, effort: Effort
) -> None:
    caches = (
        Cache(1, l1 * KIB, 64, 1, 8),
        Cache(2, l2 * KIB, 64, 1, 8),
        Cache(3, l3 * MIB, 64, shared, 16),
    )
    machine = replace(MACHINE, physical_cores=64, logical_cores=64, usable_cores=64, caches=caches)
    sets = working_sets(machine, threads, effort, 1000 * GIB)
    l3_count = min(threads, math.ceil(64 / shared))
    on_one_l3 = math.ceil(threads / math.ceil(64 / shared))
    assert sets["L1"] == l1 * KIB // 2
    assert 2 * l1 * KIB <= sets["L2"] <= max(l2 * KIB // 2, 2 * l1 * KIB)
    assert sets["L3"] >= 2 * l2 * KIB
    assert sets["L3"] * on_one_l3 <= l3 * MIB // 2 or sets["L3"] == 2 * l2 * KIB
    assert sets["DRAM"] * threads > 4 * l3_count * l3 * MIB - threads * 4 * KIB
    assert all(size % 4096 == 0 for size in sets.values())


def test_working_sets_of_a_known_machine() -> None:
    assert working_sets(MACHINE, 1, QUICK, GIB) == {
        "L1": 16 * KIB,
        "L2": 256 * KIB,
        "L3": 16 * MIB,
        "DRAM": 128 * MIB,
    }
    assert working_sets(MACHINE, 2, FULL, 2 * GIB)["L3"] == 8 * MIB
    assert working_sets(MACHINE, 2, FULL, 2 * GIB)["DRAM"] == 512 * MIB
    assert working_sets(MACHINE, 1, FULL, 100 * MIB)["DRAM"] == 100 * MIB


def test_buffers_are_aligned_and_one_for_each_thread() -> None:
    with Team(3) as team:
        buffers = touched_buffers(team, 64 * KIB)
    assert [buffer.nbytes for buffer in buffers] == [64 * KIB] * 3
    assert all(buffer.ctypes.data % (2 * MIB) == 0 for buffer in buffers)
    assert len({buffer.ctypes.data for buffer in buffers}) == 3
    assert all((buffer[::4096] == 1).all() for buffer in buffers)


def test_progress_rises_from_0_to_1(fake: FakeProbes) -> None:
    output: list[float] = []
    calibrate(machine=SMALL, progress=lambda fraction, what: output.append(fraction), isa="base")
    assert output == sorted(output)
    assert (output[0], output[-1]) == (0.0, 1.0)
    assert len(output) > TINY.repeats * len(RATES)


def test_calibrate_stores_and_roofs_does_not_measure_again(fake: FakeProbes) -> None:
    measured = calibrate(machine=SMALL, isa="base")
    assert load_roofs(SMALL, 1) == measured
    fake.rates = {}
    assert calibration.roofs(isa="base") == measured
    assert calibration.roofs(dtype="float64", isa="base").peak_gflops == RATES["float64"]


def test_calibrate_leaves_the_store_alone_when_told(fake: FakeProbes, tmp_path: Path) -> None:
    calibrate(machine=SMALL, isa="base", store=False)
    assert list(tmp_path.iterdir()) == []


def test_roofs_measures_once_where_none_are_stored(fake: FakeProbes) -> None:
    first = calibration.roofs(isa="base")
    assert first.peak_gflops == RATES["float32"]
    assert load_roofs(SMALL, 1) == first


def test_noisy_roofs_are_measured_again_once(fake: FakeProbes) -> None:
    noisy = replace(calibrate(machine=SMALL, isa="base", store=False), noisy=True)
    store_roofs(noisy, SMALL)
    steady = calibration.roofs(isa="base")
    assert not steady.noisy
    assert load_roofs(SMALL, isa="base") == steady


def test_roofs_that_stay_noisy_are_not_measured_at_each_call(fake: FakeProbes) -> None:
    fake.rates = {**RATES, "L3": 2 * RATES["L2"]}
    full = replace(calibrate(machine=SMALL, isa="base", store=False), method="full")
    store_roofs(full, SMALL)
    assert full.noisy
    assert calibration.roofs(isa="base") == full
    fake.rates = {}
    assert calibration.roofs(isa="base") == full
    assert calibration.roofs(dtype="float64", isa="base") == full.for_dtype("float64")


def test_numpy_thread_counts(fake: FakeProbes) -> None:
    assert type(calibrate(np.int64(1), machine=SMALL, isa="base").threads) is int  # type: ignore[arg-type]


def test_a_damaged_file_is_measured_anew(fake: FakeProbes) -> None:
    calibrate(machine=SMALL, isa="base")
    path = roofs_path(SMALL)
    path.write_bytes(path.read_bytes()[:100])
    assert calibration.roofs(isa="base").peak_gflops == RATES["float32"]
    assert load_roofs(SMALL, 1) is not None


def test_a_folder_that_cannot_be_written(
    fake: FakeProbes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(blocked / "folder"))
    assert calibration.roofs(isa="base").peak_gflops == RATES["float32"]
    with pytest.raises(RoofsError, match="cannot store roofs"):
        calibrate(machine=SMALL, isa="base")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"threads": 0}, ValueError, "threads"),
        ({"threads": 4097}, ValueError, "threads"),
        ({"threads": 1.0}, TypeError, "threads"),
        ({"threads": True}, TypeError, "threads"),
        ({"dtype": "float16"}, ValueError, "dtype"),
        ({"dtype": np.int8}, ValueError, "dtype must be 'float32' or 'float64'"),
        ({"dtype": 4}, TypeError, "dtype must be 'float32' or 'float64'"),
        ({"isa": "mmx"}, ValueError, "isa"),
    ],
)
def test_bad_arguments_are_named_before_measuring(
    fake: FakeProbes, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    for function in (calibrate, calibration.roofs):
        with pytest.raises(error, match=message):
            function(**given)
    assert fake.seen == {}


def test_an_interrupt_stores_nothing_and_ends_the_threads(fake: FakeProbes, tmp_path: Path) -> None:
    def interrupted(dtype: str, steps: int, isa: str) -> int:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return 1

    fake.peak = interrupted  # type: ignore[method-assign]
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        calibrate(3, machine=SMALL, isa="base")
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_a_thread_reaches_the_caller() -> None:
    def work(rank: int) -> None:
        if rank == 2:
            raise ZeroDivisionError("on thread 2")
        team.meet(rank)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="on thread 2"), Team(4) as team:
        team.run(work)
    assert threading.active_count() == before


def test_threads_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    original = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        original(self)
        started.append(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RoofsError, match="threads: cannot start 9"), Team(9):
        pass
    assert not any(thread.is_alive() for thread in started)


def test_a_clock_that_stands_still_is_an_error() -> None:
    probes = replace(FakeProbes(SMALL).probes, clock=lambda: 0)
    with pytest.raises(RoofsError, match="clock hardly moves while float32"):
        measure_roofs(SMALL, 1, "float32", "base", TINY, probes=probes)


@pytest.mark.parametrize("threads", [1, 2])
def test_real_probes_on_a_small_scale(threads: int) -> None:
    roofs = measure_roofs(bp.detect_machine(), threads, "float32", "base", TINY_REAL)
    figures = [*roofs.peak_by_dtype.values(), *roofs.bandwidth_gbs.values()]
    assert len(figures) == 6
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    assert roofs.isa == "base"


TINY_REAL = Effort("quick", 2, 50_000, 50_000, 1 * MIB, least_l3=1)


def test_peaks_of_other_types_are_measured_where_the_cpu_multiplies_in_them() -> None:
    fake = FakeProbes(SMALL, rates={**RATES, "bfloat16": 192, "int8": 384})
    roofs = measure_roofs(SMALL, 1, "float32", "base", TINY, probes=fake.probes)
    assert list(roofs.peak_by_dtype.items()) == [
        ("float32", 96.0),
        ("float64", 48.0),
        ("bfloat16", 192.0),
        ("int8", 384.0),
    ]
    assert roofs.for_dtype("bfloat16").peak_gflops == 192.0
    assert (roofs.spread["bfloat16"], roofs.verdict) == (0.0, "steady")
