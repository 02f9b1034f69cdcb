"""``brickprof merge``, and recordings given by their folder or a list."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from support.sample_recording import SAMPLE

import brickprof as bp
from brickprof.cli import main
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.reports import render


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three recordings, beside which lies what is none of them."""
    runs = tmp_path / "runs"
    runs.mkdir()
    for number in range(3):
        SAMPLE.save(runs / f"rank {number}.json")
    (runs / "log.txt").write_text("not a recording")
    (runs / ".brickprof-0-1-2.json").write_text("half of one")
    return runs


def test_a_folder_is_merged(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "all.json"
    assert main(["merge", str(folder), "-o", str(target)]) == 0
    assert bp.load_recording(target) == bp.merge_recordings([SAMPLE] * 3)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"saved {target}: the sum of 3 recordings\n")


@pytest.mark.parametrize("standard_input", [False, True])
def test_a_list_names_more_files_than_a_command_line_takes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standard_input: bool
) -> None:
    count = 400
    saved = (folder / "rank 0.json").read_bytes()
    for number in range(count):
        (folder / f"rank {number}.json").write_bytes(saved)
    names = [f"{folder}/{'./' * 150}rank {number}.json" for number in range(count)]
    text = "\n".join([*names, "", ""])
    listed = tmp_path / "files.txt"
    listed.write_text(text)
    if standard_input:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    argument = "@-" if standard_input else f"@{listed}"
    assert main(["merge", argument, "-o", str(tmp_path / "all.json")]) == 0
    merged = bp.load_recording(tmp_path / "all.json")
    assert merged.brick_info("gemm").calls == count * SAMPLE.brick_info("gemm").calls


def test_a_file_whose_name_begins_so_is_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SAMPLE.save("@run.json")
    assert main(["merge", "@run.json", "-o", "all.json"]) == 0
    assert bp.load_recording("all.json") == SAMPLE


def test_reports_take_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == render("text", bp.merge_recordings([SAMPLE] * 3))


def test_damaged_files_are_all_named_and_nothing_is_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rank 1.json").write_text("{")
    (folder / "rank 3.json").write_text('{"schema": "something else", "version": 1}')
    (folder / "rank 4.json").mkdir()
    target = tmp_path / "all.json"
    assert main(["merge", str(folder), "-o", str(target)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"brickprof: {folder}/rank 1.json: not a JSON text")
    assert lines[1].startswith(f"brickprof: {folder}/rank 3.json: schema: expected")
    assert lines[2] == f"brickprof: {folder}/rank 4.json: Is a directory"
    assert lines[3] == "brickprof: 3 of 5 files cannot be read"
    assert not target.exists()


def test_damaged_files_can_be_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20, 40):
        (folder / f"rank {number}.json").write_text("[]")
    target = tmp_path / "all.json"
    assert main(["merge", str(folder), "-o", str(target), "--skip-damaged"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": recording:")[0] for line in lines[:-2]] == [
        f"brickprof: {folder}/rank {number}.json" for number in range(20, 30)
    ]
    assert lines[-2] == "brickprof: 20 of 23 files cannot be read, and are left out"
    assert lines[-1] == f"saved {target}: the sum of 3 recordings"
    assert bp.load_recording(target) == bp.merge_recordings([SAMPLE] * 3)


def test_if_all_are_damaged_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    arguments = ["merge", str(tmp_path), "-o", str(tmp_path / "all"), "--skip-damaged"]
    assert main(arguments) == 1
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("name", ["", "@list"])
def test_what_names_no_recordings_is_an_error(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_text("\n")
    argument = f"@{tmp_path / 'list'}" if name else str(tmp_path)
    assert main(["merge", argument, "-o", str(tmp_path / "all.json")]) == 1
    assert capsys.readouterr().err == f"brickprof: {argument}: names no recordings\n"


def test_the_sum_of_last_time_is_not_added_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["merge", str(folder), "-o", str(folder / "all.json")]
    assert main(arguments) == 0
    before = (folder / "all.json").read_bytes()
    assert main(arguments) == 2
    assert "is one of the recordings" in capsys.readouterr().err
    assert (folder / "all.json").read_bytes() == before


def test_where_nothing_can_be_written_nothing_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "missing" / "all.json"
    assert main(["merge", "no such file", "-o", str(target)]) == 1
    assert capsys.readouterr().err == f"brickprof: {target}: No such file or directory\n"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Return a folder with one of each of two hosts."""
    for host in ("node1", "node2"):
        (tmp_path / "hosts" / host).mkdir(parents=True)
        for rank in range(2):
            SAMPLE.save(tmp_path / "hosts" / host / f"{rank}.json")
    return tmp_path / "hosts"


def test_files_are_shown_by_the_folder_that_they_are_in(
    hosts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hosts / "node2" / "1.json").write_text("{")
    assert main(["report", "--by-host", str(hosts / "node1"), str(hosts / "node2")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("4 processes on 2 hosts · 1 incomplete · none seen to be slow\n")
    assert " - node2, 1: its file cannot be read:" in text
    assert "node1          2     40" in text
    assert "node2     1 of 2     20" in text
    (hosts / "node2" / "0.json").write_text("{")
    assert main(["report", "--by-host", str(hosts / "node2")]) == 1
    assert "brickprof: none of 2 files can be read: " in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["nod1.json", "node1/2.json", "node1/0.json/x"])
def test_a_path_that_does_not_exist_is_no_process(
    hosts: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--by-host", str(hosts / "node1"), str(hosts / wrong)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"brickprof: {hosts / wrong}: No")


@pytest.mark.parametrize("verb", ["merge", "report", "by host"])
def test_the_same_file_given_again_is_counted_once(
    folder: Path, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.json").symlink_to(folder / "rank 2.json")
    again = [str(folder / ".." / "runs" / "rank 1.json"), str(tmp_path / "link.json")]
    target = str(tmp_path / "all.json")
    options = {"merge": ["merge", "-o", target], "report": ["report", "--json", "-o", target]}
    options["by host"] = ["report", "--by-host", "--json", "-o", target]
    results = []
    for files in ([str(folder)], [str(folder), *again]):
        assert main([*options[verb], *files]) == 0
        results.append(json.loads(Path(target).read_text()))
        Path(target).unlink()
    assert results[0] == results[1]
    said = f"brickprof: {again[0]} and 1 more are files given before: each is counted once\n"
    assert capsys.readouterr().err.count(said) == 1


def test_what_a_cluster_saved_is_a_recording_too(
    hosts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [Member("node1", "0", SAMPLE), Member("node2", "1", None, "it was killed")]
    path = str(ClusterRecording((members[0], *members)).save(tmp_path / "all.json"))
    assert main(["report", "--by-host", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["incomplete"][0]["host"] == "node2"
    assert main(["report", path]) == 0
    assert capsys.readouterr().out == render("text", bp.merge_recordings([SAMPLE] * 2))
    assert main(["report", "--by-host", path, "-o", str(tmp_path / "out.txt")]) == 0
    assert (tmp_path / "out.txt").read_text().startswith("3 processes on 2 hosts")
    ClusterRecording(tuple(members[1:])).save(tmp_path / "none.json")
    assert main(["report", str(tmp_path / "none.json")]) == 1
    assert "none.json: no process sent a recording: it was killed" in capsys.readouterr().err


def test_reports_by_host_are_text_or_json(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by-host", str(hosts / "node1"), "--format", "csv"]) == 2
    assert "argument --by-host: it is for text and json" in capsys.readouterr().err
