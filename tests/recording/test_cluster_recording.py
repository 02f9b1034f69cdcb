"""ClusterRecording: members in order, sums by host, and files."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from support.sample_recording import SAMPLE

from brickprof.core.errors import RecordingError
from brickprof.recording import merge_recordings
from brickprof.recording.cluster import ClusterRecording, Member

MEMBERS = (
    Member("a", "rank 2", SAMPLE),
    Member("a", "rank 10", replace(SAMPLE, steal_ns=9), "killed"),
    Member("b", "rank 1", None, "it raised ValueError"),
    Member("b", "rank 3", replace(SAMPLE, steal_ns=1)),
)
CLUSTER = ClusterRecording(MEMBERS)


def test_members_are_in_one_order_however_they_come() -> None:
    for members in permutations(MEMBERS):
        assert ClusterRecording(members) == CLUSTER
    assert CLUSTER.members == MEMBERS
    assert CLUSTER.hosts == ("a", "b")
    assert repr(CLUSTER) == "<ClusterRecording of 4 processes on 2 hosts, 2 incomplete>"


def test_parts_merge_in_any_order() -> None:
    parts = [ClusterRecording((member,)) for member in MEMBERS]
    left = ClusterRecording.merge([ClusterRecording.merge(parts[:3]), parts[3]])
    right = ClusterRecording.merge([parts[3], ClusterRecording.merge(parts[2::-1])])
    assert left == right == CLUSTER


def test_sums_are_those_of_all_recordings() -> None:
    found = [one.recording for one in MEMBERS if one.recording]
    assert CLUSTER.recording == merge_recordings(found)
    assert CLUSTER.by_host == {"a": merge_recordings(found[:2]), "b": found[2]}


def test_hosts_can_be_summed_without_hiding_what_is_incomplete() -> None:
    summed = ClusterRecording.merge([CLUSTER, CLUSTER]).with_hosts_summed()
    assert [(one.host, one.name) for one in summed.members] == [
        ("a", ""), ("a", "rank 10"), ("a", "rank 10"), ("b", ""), ("b", "rank 1"), ("b", "rank 1"),
    ]  # fmt: skip
    assert summed.recording == ClusterRecording.merge([CLUSTER, CLUSTER]).recording


def test_without_any_recording_the_sum_says_why() -> None:
    with pytest.raises(RecordingError, match="no process sent a recording: it raised ValueError"):
        ClusterRecording(MEMBERS[2:3]).recording  # noqa: B018
    with pytest.raises(RecordingError, match="no process sent a recording: none ran"):
        ClusterRecording(()).recording  # noqa: B018


def test_what_was_saved_loads_back(tmp_path: Path) -> None:
    assert ClusterRecording.load(CLUSTER.save(tmp_path / "all.json")) == CLUSTER


def test_a_recording_of_one_process_is_of_the_folder_that_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "node7").mkdir()
    path = SAMPLE.save(tmp_path / "node7" / "rank 3.json")
    assert ClusterRecording.load(path).members == (Member("node7", "rank 3", SAMPLE),)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("host", 5, r"members\[0\].host: expected a string"),
        ("missing", None, r"members\[0\].missing: expected a string"),
        ("recording", {}, r"members\[0\].recording.schema: missing"),
        ("recording", None, r"members\[0\].missing: expected why there is no recording"),
    ],
)
def test_damaged_files_name_the_file_and_the_field(
    tmp_path: Path, field: str, value: object, said: str
) -> None:
    data = json.loads(json.dumps(CLUSTER.to_json()))
    data["members"][0][field] = value
    path = tmp_path / "all.json"
    path.write_text(json.dumps(data))
    with pytest.raises(RecordingError, match=f"all.json: {said}"):
        ClusterRecording.load(path)


def test_fields_are_checked() -> None:
    with pytest.raises(TypeError, match="host must be a string, got 5"):
        Member(5, "", SAMPLE)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="recording must be a Recording or None, got 'x'"):
        Member("", "", "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="missing must say why"):
        Member("", "", None)
    with pytest.raises(TypeError, match="members must be of Member, got 3"):
        ClusterRecording((3,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="parts must be of ClusterRecording"):
        ClusterRecording.merge([MEMBERS[0]])  # type: ignore[list-item]
