"""``brickprof watch``: a process's levels, live."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.made_recordings import made

from brickprof.cli import main, watch
from brickprof.cli.watch import Source, recordings
from brickprof.core.errors import RecordingError
from brickprof.profiler.brick_profiler import BrickProfiler
from brickprof.profiler.live_writer import LiveWriter
from brickprof.recording import Recording
from brickprof.recording.live import Writer, announce, look_at, read_writer, request_path

CHILD = """
import sys, brickprof as bp
prof = bp.BrickProfiler(live=sys.argv[1] if sys.argv[1:] else True)
prof.enable_tile_profiling()
print("ready", flush=True)
while True:
    with prof.brick("sum\\x1b[2J"):
        with prof.tile(bp.TileLevel.MICRO, 0, 0, elements=9, flops=9, nbytes=9):
            sum(range(1000))
"""


class Clock:
    """A clock that moves when somebody sleeps, and what else happens then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events: dict[float, list[object]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert self.now < 200.0, "nothing happens any more"
        self.now = round(self.now + seconds, 6)  # tenths of a second, exactly
        for at in sorted(self.events):
            if at <= self.now:
                for event in self.events.pop(at):
                    event()  # type: ignore[operator]

    def at(self, seconds: float, event: object) -> None:
        """Let something happen so many seconds after the start."""
        self.events.setdefault(round(100.0 + seconds, 6), []).append(event)


def save(path: Path, version: int) -> None:
    """Save a version of a recording, so that its time tells which."""
    made(steal_ns=version).save(path)
    os.utime(path, ns=(version, version))


def seen(source: Source, interval: float, clock: Clock) -> Iterator[tuple[int, float]]:
    """Yield the versions that are seen, each with the seconds since the start."""
    for recording, at_ns in recordings(source, interval, clock, clock.sleep):
        assert recording.steal_ns == at_ns
        yield at_ns, round(clock.now - 100, 1)


class Asked:
    """A process that answers each request after a while."""

    def __init__(self, path: Path, clock: Clock, delay: float) -> None:
        self.requests: list[float] = []
        self.path, self.clock, self.delay = path, clock, delay

    def ask(self, path: Path) -> None:
        """Answer a request."""
        self.requests.append(round(self.clock.now - 100, 1))
        version = len(self.requests)
        after = self.clock.now - 100 + self.delay
        self.clock.at(after, lambda: save(self.path, version))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def test_a_process_is_asked_before_each_look(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, clock, 0.5)
    monkeypatch.setattr(watch, "ask", asked.ask)
    looks = seen(Source(path, announce(path)), 10.0, clock)
    assert [next(looks) for _ in range(3)] == [(1, 0.5), (2, 10.5), (3, 20.5)]
    assert asked.requests == [0.0, 9.5, 19.5]


def test_a_request_that_was_lost_is_made_again(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, clock, 2.4)
    monkeypatch.setattr(watch, "ask", asked.ask)
    assert next(seen(Source(path, announce(path)), 1.0, clock))[0] == 1
    assert len(asked.requests) == 2


def test_a_process_that_never_answers_is_an_error(path: Path, clock: Clock) -> None:
    source = Source(path, announce(path))
    with pytest.raises(RecordingError, match=r"^process \d+ did not answer within 10.0 s$"):
        next(seen(source, 1.0, clock))
    assert clock.now > 110.0


def test_the_last_version_is_shown_before_its_time(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, clock, 0.5)
    monkeypatch.setattr(watch, "ask", asked.ask)

    def end() -> None:
        save(path, 7)
        request_path(path).unlink()

    clock.at(2.0, end)
    assert list(seen(Source(path, announce(path)), 60.0, clock)) == [(1, 0.5), (7, 2.0)]


def test_a_killed_process_ends_it(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ask", Asked(path, clock, 0.5).ask)
    started: list[int | None] = [1]
    monkeypatch.setattr("brickprof.recording.live.start_of", lambda pid: started[0])
    clock.at(2.0, lambda: started.__setitem__(0, None))
    writer = announce(path)
    assert list(seen(Source(path, writer), 60.0, clock)) == [(1, 0.5)]


def test_a_file_that_is_saved_again(path: Path, clock: Clock) -> None:
    save(path, 1)
    clock.at(3.0, lambda: save(path, 2))
    clock.at(3.2, lambda: save(path, 3))
    clock.at(9.0, path.unlink)
    assert list(seen(Source(path, None), 1.0, clock)) == [(1, 0.0), (2, 3.0), (3, 4.0)]


def test_a_version_that_is_replaced_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(path, 1)
    load = watch.load_recording

    def replaced(one: Path) -> Recording:
        monkeypatch.setattr(watch, "load_recording", load)
        recording = load(one)
        save(path, 2)
        return recording

    monkeypatch.setattr(watch, "load_recording", replaced)
    recording, at_ns = Source(path, None).read()
    assert (recording.steal_ns, at_ns) == (2, 2)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("999999999999999999999999", "there is no process 999999999999999999999999"),
        ("4194305", "there is no process 4194305"),
        ("none.json", "none.json: No such file or directory"),
    ],
)
def test_there_is_no_such_thing(source: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", source]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"brickprof: {said}\n")


def test_a_process_without_a_live_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    assert main(["watch", str(os.getpid())]) == 1
    said = capsys.readouterr().err
    assert "has no BrickProfiler(live=True)" in said and said.count("\n") == 1
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert main(["watch", str(os.getpid())]) == 1
    assert capsys.readouterr().err == f"brickprof: process {os.getpid()} is another user's\n"


def test_another_users_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(path)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert main(["watch", str(path)]) == 1
    assert capsys.readouterr().err == f"brickprof: {path}: another user's process writes it\n"


def test_a_process_that_has_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(path, 1)
    writer = announce(path)
    monkeypatch.setattr("brickprof.recording.live.start_of", lambda pid: None)
    assert main(["watch", str(path)]) == 1
    said = f"brickprof: {path}: process {writer.pid}, which wrote it, has ended\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("options", [["--interval", "0"], ["--interval", "inf"], ["--count", "0"]])
def test_wrong_options(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "1", *options]) == 2
    assert f"argument {options[0]}: must be " in capsys.readouterr().err


def test_a_file_that_is_damaged_is_one_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("{")
    assert main(["watch", str(path), "--count", "1"]) == 1
    assert capsys.readouterr().err.startswith(f"brickprof: {path}: not a JSON text")


def test_control_c_is_the_usual_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, 1)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.recordings, "__defaults__", (lambda: 0.0, interrupted))
    assert main(["watch", str(path)]) == 0


def test_the_writer_and_the_reader_agree(
    path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    prof = BrickProfiler(clock="manual")
    writer = LiveWriter(path, prof)
    found = watch.source_of(str(path))
    assert found.writer == read_writer(path) and found.title == f"process {os.getpid()}"
    clock.at(0.5, writer.look)
    looks = recordings(found, 1.0, clock, clock.sleep)
    assert next(looks)[0].tiles == ()
    clock.at(1.0, writer.stop)
    assert [recording.tiles for recording, _ in looks] == [()]


def test_nobody_is_a_writer_of_a_bare_file(path: Path) -> None:
    save(path, 1)
    assert not Source(path, None).ended and Source(path, None).changed
    assert Source(path, Writer(os.getpid(), None, "token")).ended
    assert look_at(path) is not None


# End to end, in processes of their own.


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of processes that find each other."""
    folder = str(Path(watch.__file__).parents[2])
    return {**os.environ, "BRICKPROF_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": folder}


@pytest.fixture
def child(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Return a process that profiles itself until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_watching_a_process(
    child: subprocess.Popen[str], environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "brickprof", "watch", str(child.pid), "--count", "2"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.split("process ")[1:]
    assert "rates of the last" not in first and "rates of the last" in second
    assert r"sum\x1b[2J" in second and "  Micro" in second
    assert os.listdir(tmp_path / "cache" / "live") != []


@pytest.mark.slow
def test_a_terminal_is_refreshed_in_place_until_the_process_ends(
    child: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "brickprof", "watch", str(child.pid)]
    environment |= {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as watching:
        os.close(terminal)
        shown = b""
        until = time.monotonic() + 60
        while time.monotonic() < until and select.select([controller], [], [], 60)[0]:
            try:
                shown += os.read(controller, 65536)
            except OSError:  # closed on the other side
                break
            if b"rates of the last" in shown and child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
        assert watching.wait(60) == 0
    os.close(controller)
    assert b"\x1b[1A" in shown and b"\x1b[2J" not in shown
