"""``BrickProfiler(live=...)``: a file that is written when it is asked for, and only then."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.children import child_succeeds, settles

from brickprof import BrickProfiler, TileLevel, load_recording
from brickprof.core.errors import RecordingError
from brickprof.core.files import host_digits
from brickprof.profiler.brick_profiler import slow_path_calls
from brickprof.profiler.live_writer import LiveWriter
from brickprof.recording import Recording
from brickprof.recording.live import announce, ask, look_at, read_writer, request_path


class Profiled:
    """A profiler that counts how often it is read."""

    def __init__(self) -> None:
        self.prof = BrickProfiler(clock="manual")
        self.prof.enable_tile_profiling()
        self.reads = 0

    def add_tile(self) -> None:
        """Record one more tile."""
        self.prof.stop_tile(self.prof.start_tile(TileLevel.MICRO, 0, 0), 1, 2, 3)

    def _levels(self) -> Recording:
        self.reads += 1
        return self.prof.recording()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a path for a live recording."""
    return tmp_path / "run.json"


def count_in(path: Path) -> int:
    """Return the Micro tiles of a saved recording."""
    return load_recording(path).tile_stats(TileLevel.MICRO).count


def live_threads() -> int:
    """Return how many threads write live recordings."""
    return sum(thread.name == "brickprof live" for thread in threading.enumerate())


def test_nothing_is_read_or_written_unless_somebody_asks(path: Path) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    for _ in range(9):
        assert writer.look()
    assert profiled.reads == 0 and not path.exists()


def test_each_request_is_answered_once(path: Path) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    for count in (1, 2):
        profiled.add_tile()
        ask(path)
        assert writer.look() and writer.look()
        assert (profiled.reads, count_in(path)) == (count, count)


def test_the_last_of_two_writers_writes(path: Path) -> None:
    first, second = Profiled(), Profiled()
    former, later = LiveWriter(path, first), LiveWriter(path, second)
    second.add_tile()
    ask(path)
    assert not former.look() and later.look()
    assert (first.reads, count_in(path)) == (0, 1)
    former.stop()
    assert read_writer(path) is not None


def test_a_request_file_that_is_gone_ends_the_writer(path: Path) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    request_path(path).unlink()
    assert not writer.look()


def test_a_writer_ends_with_its_profiler(path: Path) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    del profiled
    gc.collect()
    ask(path)
    assert not writer.look() and not path.exists()


def test_a_file_that_cannot_be_written_stops_nothing(path: Path) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    path.mkdir()
    ask(path)
    assert writer.look()
    path.rmdir()
    ask(path)
    assert writer.look() and path.is_file()


@pytest.mark.parametrize(("looks", "count"), [(5, 2), (6, 1)])
def test_the_end_is_written_for_those_who_watch(path: Path, looks: int, count: int) -> None:
    profiled = Profiled()
    writer = LiveWriter(path, profiled)
    profiled.add_tile()
    ask(path)
    for _ in range(1 + looks):
        writer.look()
    profiled.add_tile()
    writer.stop()
    assert count_in(path) == count
    assert not request_path(path).exists()
    writer.stop()
    assert count_in(path) == count


def test_a_profiler_answers_from_a_thread_of_its_own(path: Path) -> None:
    prof = BrickProfiler(live=str(path), events=10, grid=4)
    assert prof.live == path
    prof.enable_tile_profiling()
    prof.stop_tile(prof.start_tile(TileLevel.MICRO, 0, 0), 1, 2, 3)
    ask(path)
    assert settles(path.exists)
    saved = load_recording(path)
    assert saved.tile_stats(TileLevel.MICRO).count == 1
    # What is large is left out.
    assert not saved.events and saved.tiles[0].grid is None
    assert prof.recording().events and prof.recording().tiles[0].grid is not None
    before = live_threads()
    del prof
    gc.collect()
    assert not request_path(path).exists()
    assert settles(lambda: live_threads() < before)


def test_tiles_take_the_same_path(path: Path) -> None:
    prof = BrickProfiler(live=path)
    prof.enable_tile_profiling()
    prof.stop_tile(prof.start_tile(TileLevel.MICRO, 0, 0), 1, 2, 3)
    before = slow_path_calls()
    for _ in range(100):
        prof.stop_tile(prof.start_tile(TileLevel.MICRO, 0, 0), 1, 2, 3)
    assert slow_path_calls() == before


@pytest.mark.parametrize("live", [None, False])
def test_no_file_is_the_default(live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    before = live_threads()
    assert BrickProfiler(live=live).live is None
    assert live_threads() == before and not list(tmp_path.iterdir())


def test_a_child_of_a_fork_writes_nothing(path: Path) -> None:
    prof = BrickProfiler(live=path)
    said = request_path(path).read_bytes()

    def work() -> bool:
        nonlocal prof
        ask(path)
        del prof
        gc.collect()
        # The parent's thread is not here, and the parent is stopped at waiting for this process.
        return live_threads() == 0 and request_path(path).read_bytes() == said

    assert child_succeeds(work)
    assert prof.live == path and request_path(path).read_bytes() == said


def test_the_file_of_a_process_is_its_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "other"))
    prof = BrickProfiler(live=True)
    assert prof.live == tmp_path / "live" / f"{host_digits()}-{os.getpid()}.json"
    assert prof.live.parent.stat().st_mode & 0o777 == 0o700
    prof.live.parent.chmod(0o777)
    with pytest.raises(PermissionError, match="another user owns it"):
        BrickProfiler(live=True)


def test_what_ended_processes_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    folder = tmp_path / "live"
    folder.mkdir(mode=0o700)
    here, ended = host_digits(), f"-{child.pid}.json"
    names = [f"{here}{ended}", f"{here}{ended}.ask", f"{here}-{os.getppid()}.json", f"0000{ended}"]
    names += ["other.json", f"{int(here, 16) ^ 1:08x}{ended}"]
    for name in names:
        (folder / name).write_text("{}")
    prof = BrickProfiler(live=True)
    assert prof.live is not None
    kept = {*names[2:], f"{here}-{os.getpid()}.json.ask"}
    assert {one.name for one in folder.iterdir()} == kept


@pytest.mark.parametrize(
    ("live", "error", "message"),
    [
        (3, TypeError, "live must be a path, True or None, got 3"),
        (b"run.json", TypeError, "live must be a path, True or None, got b'run.json'"),
        (["run.json"], TypeError, "live must be a path, True or None"),
        ("a\0b", ValueError, "live must be the name of a file"),
        ("", ValueError, "live must be a file, got the folder"),
        ("/", ValueError, "live must be a file, got the folder '/'"),
    ],
)
def test_wrong_paths(live: Any, error: type[Exception], message: str) -> None:
    before = live_threads()
    with pytest.raises(error, match=f"^{message}"):
        BrickProfiler(live=live)
    assert live_threads() == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    before = live_threads()
    with pytest.raises(FileNotFoundError):
        BrickProfiler(live=tmp_path / "none" / "run.json")
    assert live_threads() == before


def test_no_folder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brickprof.recording.live.live_folders", lambda: [])
    with pytest.raises(RecordingError, match="^live needs a path"):
        BrickProfiler(live=True)


def test_a_process_that_ends_takes_its_request_file_along(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    code = (
        "import sys, brickprof\n"
        "prof = brickprof.BrickProfiler(live=sys.argv[1])\n"
        "from brickprof.recording.live import request_path\n"
        "assert request_path(prof.live).exists()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
    assert not list(tmp_path.iterdir())


def test_a_request_says_which_process_writes(path: Path) -> None:
    writer = announce(path)
    assert read_writer(path) == writer and writer.pid == os.getpid() and writer.runs
    said = json.loads(request_path(path).read_text())
    for changed in ({"schema": "other"}, {"pid": 0}, {"pid": "1"}, {"token": 5}):
        request_path(path).write_text(json.dumps(said | changed))
        assert read_writer(path) is None
    request_path(path).write_text("[")
    assert read_writer(path) is None
    # Another process has the number by now.
    request_path(path).write_text(json.dumps(said | {"start": 1}))
    other = read_writer(path)
    assert other is not None and not other.runs
    assert look_at(path) is None


def test_another_users_request_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(path)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError, match="another user's process"):
        read_writer(path)


def test_requests_follow_no_links(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("")
    request_path(path).symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        ask(path)
