"""Whatever profilers record, of any mix of what they offer and merged, saves and loads."""

from __future__ import annotations

import json
import random
import threading
from contextlib import suppress

import numpy as np
import pytest

import brickprof as bp
from brickprof.recording import Overhead, Recording, merge_recordings

LEVELS = list(bp.TileLevel)
MOST = 2**64 - 1


class Worker:
    """Does random things with a profiler, some of them refused, and keeps what was recorded."""

    def __init__(self, prof: bp.BrickProfiler, manual: bool, seed: int) -> None:
        self.prof, self.manual, self.rng = prof, manual, random.Random(seed)
        self.recorded: list[Recording] = []

    def work(self, steps: int) -> None:
        """Do some things one after the other, with others inside."""
        for _ in range(steps):
            choices = (
                self.tile,
                self.tile,
                self.brick,
                self.lose,
                self.gemm,
                self.reset,
                self.read,
            )
            with suppress(bp.TileNestingError):
                self.rng.choice(choices)()

    def tile(self) -> None:
        """Time a tile that declares some of its work, whose clock may step back."""
        rng = self.rng
        work = {"elements": rng.choice([0, 1, MOST]), "flops": rng.choice([0, 5, MOST])}
        declared = rng.choice([{}, {"nbytes": 8}, {"loaded_bytes": 2**62, "stored_bytes": 4}])
        place = rng.choice([0, 5, MOST])
        with self.prof.tile(rng.choice(LEVELS), place, 0, **work, **declared):
            if self.manual:
                self.prof.advance(rng.choice([0, 1, 50, MOST - 30]))
            self.work(rng.choice([0, 0, 2]))

    def brick(self) -> None:
        """Enter a brick of some name, element type and instruction set."""
        rng = self.rng
        name = rng.choice(["x", "y\n\x1b", "default", "weiß"])
        with self.prof.brick(
            name, dtype=rng.choice(["float32", "int8"]), isa=rng.choice([None, "avx2", "own"])
        ):
            self.work(3)

    def lose(self) -> None:
        """Start a tile that is not always stopped."""
        timer = self.prof.start_tile(self.rng.choice(LEVELS), 0, 0)
        if self.rng.random() < 0.7:
            self.prof.stop_tile(timer, 7, 3)

    def gemm(self) -> None:
        """Record one of the library's kernels."""
        a = np.ones((self.rng.choice([1, 20, 70]), 33), np.float32)
        bp.gemm(a, a.T.copy(), profiler=self.prof, threads=self.rng.choice([1, 2]))

    def reset(self) -> None:
        """Forget all so far."""
        self.prof.reset_tile_stats()

    def read(self) -> None:
        """Keep what was recorded so far."""
        self.recorded.append(self.prof.recording())


def recorded_by(seed: int) -> list[Recording]:
    """Return recordings of a profiler that threads used at random."""
    rng = random.Random(seed)
    clock = rng.choice(["manual", "auto", "clock_gettime"])
    prof = bp.BrickProfiler(
        clock=clock,
        sample_every=rng.choice([1, 1, 2, 7, 100]),
        events=rng.choice([0, 5, 1000]),
        grid=rng.choice([0, 2, 5, 64]),
        overhead=rng.choice([None, Overhead(*[3.0] * 12)]),
    )
    prof.enable_tile_profiling()
    workers = [Worker(prof, clock == "manual", rng.randrange(10**9)) for _ in range(4)]
    threads = [
        threading.Thread(target=worker.work, args=(rng.randrange(12),))
        for worker in workers[: rng.choice([0, 1, 3])]
    ]
    for thread in threads:
        thread.start()
    workers[-1].work(rng.randrange(25))
    for thread in threads:
        thread.join()
    workers[-1].read()
    return [recording for worker in workers for recording in worker.recorded]


@pytest.mark.filterwarnings("ignore:thread .* ended with tiles open:RuntimeWarning")
def test_what_profilers_record_and_merges_of_it_load() -> None:
    pool: list[Recording] = []
    for seed in range(150):
        found = recorded_by(seed)
        pool = [*pool, *found][-60:]
        merged = merge_recordings(random.Random(seed).choices(pool, k=4))
        for recording in (*found, merged):
            data = json.loads(json.dumps(recording.to_json()))
            assert Recording.from_json(data) == recording, seed
