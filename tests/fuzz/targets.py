"""What is fuzzed: a function for each that takes an input and raises where something is wrong.

An input is JSON: what is in a file, or the number that calls are drawn from. Errors that a user is
to see are no findings; anything else is, and so is a call of more than a second.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.calls import check_calls
from fuzz.checkpoints import check_config, check_weights, draw_config, draw_weights
from fuzz.mutate import mutated, text_of
from support.made_recordings import ROOFS, made
from support.report_cases import RECORDINGS

import brickprof as bp
from brickprof.kernels.gemm.spec import GemmProblem
from brickprof.machine import Machine
from brickprof.recording import Recording, load_recording, merge_recordings
from brickprof.reports import RENDERERS, Report, render
from brickprof.reports.pictures import PICTURES, draw
from brickprof.roofline import load_roofs, roofs_path, store_roofs, stored_roofs
from brickprof.tuning.kernel_task import KernelTask
from brickprof.tuning.tuned_blocks import load_tuned, store_tuned, tuned_path


@dataclass(frozen=True)
class Target:
    """Something that is fuzzed.

    Parameters
    ----------
    draw : callable
        ``draw(rng)`` returns an input.
    check : callable
        ``check(input)`` raises where the library does wrong.
    """

    draw: Callable[[random.Random], bytes]
    check: Callable[[bytes], None]


@cache
def recordings() -> tuple[dict[str, Any], ...]:
    """Return the JSON values of recordings of all sorts."""
    return tuple(json.loads(json.dumps(case.to_json())) for case in (made(), *RECORDINGS.values()))


def draw_recording(rng: random.Random) -> bytes:
    return text_of(mutated(rng.choice(recordings()), rng), rng)


def check_recording(content: bytes) -> None:
    """A file is refused in one short line, or all outputs show it and it survives a round trip."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.json")
        path.write_bytes(content)
        try:
            recording = load_recording(path)
        except bp.RecordingError as refused:
            message = str(refused)
        else:
            message = ""
    assert len(message) <= 300 and "\n" not in message
    if message:
        return
    # To draw them takes half a second each: what they say is enough here.
    report = Report.of(recording)
    for picture in PICTURES:
        json.dumps(draw(report, picture, "dark"), allow_nan=False)
    for name in RENDERERS:
        if name in ("html", "svg", "png"):
            continue
        shown = render(name, recording)
        if isinstance(shown, str):
            assert all(char == "\n" or char.isprintable() for char in shown)
    assert Recording.from_json(json.loads(json.dumps(recording.to_json()))) == recording
    twice = merge_recordings([recording, recording])
    assert Recording.from_json(twice.to_json()) == twice


@cache
def machine() -> Machine:
    return bp.detect_machine()


@cache
def roofs_file() -> dict[str, Any]:
    """Return the JSON value of a file of roofs of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        ours = {**ROOFS.to_json(), "fingerprint": machine().fingerprint(), "isa": machine().isa}
        for threads in (1, 2):
            store_roofs(bp.Roofs.from_json({**ours, "threads": threads}), machine(), folder)
        data: dict[str, Any] = json.loads(roofs_path(machine(), folder).read_text())
        return data


def draw_roofs(rng: random.Random) -> bytes:
    return text_of(mutated(roofs_file(), rng), rng)


def check_roofs(content: bytes) -> None:
    """A file of roofs is never an error; what is taken from it is within bounds and can be kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = roofs_path(machine(), folder)
        path.write_bytes(content)
        path.chmod(0o600)
        for roofs in stored_roofs(machine(), folder):
            assert 1 <= roofs.threads <= 4096
            assert all(1e-3 < peak < 1e7 for peak in roofs.peak_by_dtype.values())
            render("text", made(roofs=roofs))
            store_roofs(roofs, machine(), folder)
        load_roofs(machine(), folder=folder)


TASK = KernelTask("gemm", GemmProblem(64, 64, 64), 1, None)


@contextmanager
def cache_home(folder: str) -> Iterator[None]:
    """Let files of roofs and tuned blocks lie in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRICKPROF_CACHE_DIR", folder)
        yield


@cache
def tuned_file() -> dict[str, Any]:
    """Return the JSON value of a file of tuned blocks."""
    with tempfile.TemporaryDirectory() as folder, cache_home(folder):
        path = store_tuned(TASK, {"mc": 56, "kc": 64, "nc": 64}, 1.2)
        data: dict[str, Any] = json.loads(path.read_text())
        return data


def draw_tuned(rng: random.Random) -> bytes:
    return text_of(mutated(tuned_file(), rng), rng)


def check_tuned(content: bytes) -> None:
    """A file of tuned blocks is never an error, and what is taken from it can be run."""
    with tempfile.TemporaryDirectory() as folder, cache_home(folder):
        path = tuned_path(machine())
        path.write_bytes(content)
        path.chmod(0o600)
        blocks = load_tuned(TASK)
        if blocks is not None:
            plan = bp.plan_gemm(64, 64, 64, threads=1, blocks=blocks)
            ones = np.ones((64, 64), "float32")
            assert (bp.gemm(ones, ones, threads=1, plan=plan) == 64).all()
        store_tuned(TASK, {"mc": 56, "kc": 64, "nc": 64}, 1.2)
        assert load_tuned(TASK) is not None


def draw_seed(rng: random.Random) -> bytes:
    return str(rng.randrange(2**48)).encode()


def check_profiler_calls(content: bytes) -> None:
    """Random calls leave a recording whose figures agree, and raise documented errors alone."""
    rng = random.Random(int(content))
    prof = bp.BrickProfiler(
        clock=rng.choice(("manual", "auto")),
        sample_every=rng.choice((1, 1, 2, 5)),
        events=rng.choice((0, 3)),
    )
    prof.enable_tile_profiling()
    timers: list[Any] = []
    blocks: list[Any] = []
    for _ in range(rng.randint(5, 60)):
        with suppress(bp.TileNestingError, TypeError, ValueError, KeyError):
            _call(prof, rng, timers, blocks)
    recording = prof.recording()
    for tile in recording.tiles:
        assert sum(count for _, count in tile.histogram) == tile.timed <= tile.count
        assert tile.self_ns <= tile.total_ns
    assert Recording.from_json(json.loads(json.dumps(recording.to_json()))) == recording
    prof.tile_summary()


_LEVELS = tuple(bp.TileLevel)
_ODD_COUNTS = (0, 1, 7, 2**63, 2**64 - 1, 2**64, -1, 1.0, 1.5, None, "x", np.int32(3), True)


def _call(prof: Any, rng: random.Random, timers: list[Any], blocks: list[Any]) -> None:
    """Make one call of a profiler."""

    def count() -> Any:
        return rng.choice(_ODD_COUNTS) if rng.random() < 0.2 else rng.randrange(1000)

    what = rng.randrange(12)
    if what < 3:
        timers.append(prof.start_tile(rng.choice(_LEVELS), count(), count()))
    elif what < 6 and timers:
        last = -1 if rng.random() < 0.9 else rng.randrange(len(timers))
        prof.stop_tile(timers[last], count(), count(), rng.choice((None, count())))
        timers.pop(last)
    elif what == 6:
        block = rng.choice(
            (
                lambda: prof.tile(rng.choice(_LEVELS), 0, 0, flops=count(), nbytes=count()),
                lambda: prof.brick(rng.choice("abc")),
                lambda: prof.recorders("team", rng.randint(1, 3)),
            )
        )()
        block.__enter__()
        blocks.append(block)
    elif what == 7 and blocks:
        failed = rng.random() < 0.2
        error = ZeroDivisionError if failed else None
        blocks.pop(-1 if rng.random() < 0.9 else 0).__exit__(error, None, None)
    elif what == 8 and prof.recording().clock.source == "manual":
        prof.advance(count())
    elif what == 9:
        rng.choice((prof.reset_tile_stats, prof.recording, prof.all_tile_stats))()
    elif what == 10:
        rng.choice((prof.enable_tile_profiling, prof.disable_tile_profiling))()
    elif what == 11:
        timers.clear()


def check_kernels(content: bytes) -> None:
    """Products and attention of any shapes and strides agree with NumPy in float64."""
    rng = random.Random(int(content))
    values = np.random.default_rng(int(content))
    isa = rng.choice(bp.isas())
    threads = rng.choice((1, 1, 2))
    if rng.random() < 0.6:
        m, n, k = (rng.choice((0, 1, 2, 3, 7, 16, 33, 100, 257)) for _ in range(3))
        dtype = rng.choice((np.float32, np.float64))
        a, b = _strided(values, (m, k), dtype, rng), _strided(values, (k, n), dtype, rng)
        packed = rng.random() < 0.2
        right: Any = bp.pack(b, isa=isa) if packed else b
        out = _strided(values, (m, n), dtype, rng) if rng.random() < 0.5 else None
        got = bp.gemm(a, right, out=out, threads=threads, isa=isa)
        wanted = a.astype(np.float64) @ b.astype(np.float64)
        bound = (k + 8) * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b) + 1e-30)
        assert got.shape == wanted.shape and (np.abs(got - wanted) <= bound).all()
        return
    heads, rows, keys, dim = (rng.choice((1, 2, 3, 5, 17, 64, 130)) for _ in range(4))
    q = _strided(values, (heads, rows, dim), np.float32, rng)
    k_, v = (_strided(values, (heads, rows + keys, dim), np.float32, rng) for _ in range(2))
    causal = rng.random() < 0.5
    got = bp.attention(q, k_, v, causal=causal, threads=threads, isa=isa)
    scores = q.astype(np.float64) @ k_.astype(np.float64).swapaxes(1, 2) / np.sqrt(dim)
    if causal:
        hidden = np.arange(rows + keys)[None, :] > np.arange(rows)[:, None] + keys
        scores = np.where(hidden, -np.inf, scores)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = shares @ v.astype(np.float64) / shares.sum(-1, keepdims=True)
    assert np.allclose(got, wanted, atol=2e-5)


def _strided(
    values: np.random.Generator, shape: tuple[int, ...], dtype: Any, rng: random.Random
) -> np.ndarray[Any, Any]:
    """Return random numbers in an array that may be transposed, sliced or reversed."""
    steps = [rng.choice((1, 1, 2, -1)) for _ in shape]
    whole = values.standard_normal(
        tuple(size * abs(step) for size, step in zip(shape, steps, strict=True))
    ).astype(dtype)
    array = whole[tuple(slice(None, None, step) for step in steps)]
    if rng.random() < 0.3:
        turned = np.ascontiguousarray(np.moveaxis(array, -1, -2))
        array = np.moveaxis(turned, -1, -2)
    return array


TARGETS = {
    "recordings": Target(draw_recording, check_recording),
    "roofs": Target(draw_roofs, check_roofs),
    "tuned": Target(draw_tuned, check_tuned),
    "configs": Target(draw_config, check_config),
    "weights": Target(draw_weights, check_weights),
    "calls": Target(draw_seed, check_calls),
    "profiler": Target(draw_seed, check_profiler_calls),
    "kernels": Target(draw_seed, check_kernels),
}
"""All targets by name; each has a folder of inputs in tests/corpus."""
