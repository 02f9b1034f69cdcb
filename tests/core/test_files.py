"""JSON files: replaced in one step, and nothing opened that is no regular file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brickprof.core import files
from brickprof.core.errors import RecordingError
from brickprof.core.files import is_private, read_json, read_regular, write_file, write_json


def left_in(folder: Path) -> list[str]:
    """Return the names of the temporary files in a folder."""
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


@pytest.mark.parametrize("kind", ["fifo", "device", "link", "folder"])
def test_what_is_no_regular_file_is_neither_read_nor_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "link":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    before = path.lstat()
    with pytest.raises(OSError, match=r"no regular file|[Ii]s a directory"):
        read_regular(path)
    with pytest.raises(OSError, match=r"no regular file|[Ii]s a directory"):
        write_json(path, [1])
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not left_in(tmp_path)


def test_what_stands_for_an_open_file_is_not_replaced(tmp_path: Path) -> None:
    code = (
        "import brickprof as bp, sys; prof = bp.BrickProfiler(clock='manual')\n"
        "try: prof.recording().save('/dev/stdout')\n"
        "except OSError as error: print('refused:', error.strerror)\n"
    )
    out = tmp_path / "out.txt"
    with out.open("wb") as stream:
        subprocess.run([sys.executable, "-c", code], stdout=stream, check=True, timeout=60)
    assert out.read_text() == "refused: no regular file\n"
    assert stat.S_ISLNK(os.lstat("/dev/stdout").st_mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "run.json"
    target.write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to(Path("there", "run.json"))
    assert write_json(link, [7]) == link
    assert link.is_symlink() and target.read_text() == "[7]\n"
    dangling = tmp_path / "dangling.json"
    dangling.symlink_to(tmp_path / "there" / "new.json")
    write_json(dangling, [8])
    assert dangling.is_symlink() and dangling.read_text() == "[8]\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    path.chmod(mode)
    write_json(path, [1])
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "[1]\n"


def test_the_owner_is_kept_where_the_system_lets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    asked = []

    def refuse(descriptor: int, user: int, group: int) -> None:
        asked.append((user, group))
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    write_json(path, [1])
    assert asked == [(path.stat().st_uid, path.stat().st_gid)]
    assert path.read_text() == "[1]\n"


def test_large_files_and_many_tiny_objects_are_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    for part in ("{}", "[]"):
        path.write_text("[" + f"{part}," * 40_000 + f"{part}]")
        with pytest.raises(RecordingError, match="full of tiny objects or lists"):
            read_json(path, RecordingError)
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(OSError, match="larger than 100 bytes"):
        read_json(path, RecordingError)
    path.write_text("[" + "7," * 40 + "7]")
    assert read_json(path, RecordingError) == [7] * 41


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"x": 1, "y": 2, "x": 1}}]'])
def test_keys_must_differ(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RecordingError, match="the same key twice"):
        read_json(path, RecordingError)


def test_whose_files_are_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roofs.json"
    path.write_text("[1]")
    for mode, trusted in ((0o600, True), (0o644, True), (0o664, False), (0o602, False)):
        path.chmod(mode)
        assert is_private(path.stat()) == trusted
        if trusted:
            assert read_regular(path, private=True) == b"[1]"
        else:
            with pytest.raises(PermissionError, match="another user owns it, or may write"):
                read_regular(path, private=True)
    path.chmod(0o600)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert is_private(path.stat()) == (owner == 0)
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    assert is_private(path.stat())


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    host, digits = files.host_digits(), "0" * 32
    dead = tmp_path / f".brickprof-{host}-{int(ended.stdout)}-{digits}.tmp"
    alive = tmp_path / f".brickprof-{host}-{os.getpid()}-{digits}.tmp"
    foreign = tmp_path / f".brickprof-{'f' * 8}-{int(ended.stdout)}-{digits}.tmp"
    other = tmp_path / ".brickprof-notes.tmp"
    for path in (dead, alive, foreign, other):
        path.write_text("half")
    write_json(tmp_path / "run.json", [1])
    assert sorted(left_in(tmp_path)) == sorted(path.name for path in (alive, foreign, other))


_SAVER = """
import itertools, sys
from pathlib import Path
from brickprof.core.files import write_json
print("begins", flush=True)
for number in itertools.count():
    write_json(Path(sys.argv[1]), [number] * 20_000)
"""


def test_savers_that_are_killed_leave_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json(path, [-1] * 20_000)
    for turn in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(path)], stdout=subprocess.PIPE
        ) as saver:
            assert saver.stdout is not None
            saver.stdout.readline()
            time.sleep(0.003 * turn)
            saver.send_signal(signal.SIGKILL)
        content = read_json(path, RecordingError)
        assert isinstance(content, list) and len(content) == 20_000 and len(set(content)) == 1
    write_json(path, [0])
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("way", ["//dev/stdout", "/dev/../dev/stdout", "link", "link to proc"])
def test_what_stands_for_an_open_file_is_not_replaced_by_any_name(tmp_path: Path, way: str) -> None:
    path = Path(way)
    if way.startswith("link"):
        path = tmp_path / "link.json"
        path.symlink_to("/dev/stdout" if way == "link" else "/proc/self/fd/1")
    with pytest.raises(OSError, match="no regular file"):
        write_json(path, {})


def test_links_of_other_users_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_bytes(b"old")
    link.symlink_to(precious)
    write_file(link, b"own")
    assert precious.read_bytes() == b"own"
    # The link is of the user who runs this, who is another one from here on.
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1000)
    if not user:
        os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(PermissionError, match="a link that another user made"):
        write_file(link, b"not mine")
    assert precious.read_bytes() == b"own"
