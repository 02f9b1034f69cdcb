"""A run on several hosts: who is slow and why, what is missing, and each host's own roofs."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from support.made_roofs import MACHINE, ROOFS

from brickprof.core.histograms import bucket_of, merge_histograms
from brickprof.core.levels import TileLevel
from brickprof.diagnose.cluster import MAX_COMPARED, ClusterSummary, summarize_cluster
from brickprof.diagnose.slow_members import MIN_CALLS
from brickprof.recording import (
    BrickInfo,
    CallTimes,
    ClockInfo,
    Overhead,
    Recording,
    ThreadUsage,
    merge_recordings,
)
from brickprof.recording.call_times import log_bucket
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.recording.tile_stats import TileStats
from brickprof.reports.cluster import ClusterReport

CALL_NS = 1_000_000
FLOPS = 10_000_000


def ran(
    slower: float = 1.0,
    *,
    calls: int = 100,
    seed: int = 0,
    flops: int = FLOPS,
    usage: tuple[ThreadUsage, ...] = (),
    reference: float = 0.0,
    **changes: object,
) -> Recording:
    """Return what a process recorded whose calls took so much longer, with a spread of 5 %."""
    rng = random.Random(seed)
    times = [round(slower * CALL_NS * rng.uniform(0.95, 1.05)) for _ in range(calls)]
    paces = merge_histograms(((bucket_of(round(ns * 1e9 / flops)), 1),) for ns in times)
    parts = (CallTimes("reference", ((log_bucket(reference), 1),), 0),) if reference else ()
    tiles = TileStats(
        level=TileLevel.MIDI,
        brick="kernel",
        count=calls,
        timed=calls,
        total_ns=sum(times),
        self_ns=sum(times),
        raw_total_ns=sum(times),
        raw_self_ns=sum(times),
        min_ns=min(times),
        max_ns=max(times),
        flops=flops * calls,
        nbytes=flops * calls // 10,
        min_work=flops,
        max_work=flops,
        histogram=merge_histograms(((bucket_of(ns), 1),) for ns in times),
    )
    info = BrickInfo(
        "kernel",
        calls,
        sum(times),
        1,
        ("float32",),
        usage=usage,
        call_times=tiles.histogram,
        call_paces=paces,
        parts_of_calls=parts,
    )
    return replace(
        Recording(
            tiles=(tiles,),
            brick_infos=(info,),
            clock=ClockInfo("tsc", 0.4, "invariant TSC"),
            overhead=Overhead(),
            machine=MACHINE,
            roofs=ROOFS,
            created="2024-05-01T12:00:00+00:00",
        ),
        **changes,  # type: ignore[arg-type]
    )


def of(*recordings: Recording, hosts: int = 1) -> ClusterSummary:
    members = [
        Member(f"node{number % hosts}", f"rank {number}", recording)
        for number, recording in enumerate(recordings)
    ]
    return summarize_cluster(ClusterRecording(tuple(members)))


def test_a_slow_process_is_named_with_how_much_slower_it_is() -> None:
    summary = of(*(ran(seed=seed) for seed in range(3)), ran(1.5, seed=3))
    assert [(one.host, one.name, one.brick) for one in summary.slow] == [
        ("node0", "rank 3", "kernel")
    ]
    change = summary.slow[0].change
    assert change.ratio == pytest.approx(1.5, rel=0.03)
    assert change.low is not None and change.high is not None
    assert 1.1 < change.low < 1.5 < change.high
    assert summary.slow[0].lost_ns == pytest.approx(50 * CALL_NS, rel=0.1)
    assert summary.slow[0].causes == ()


@pytest.mark.parametrize("slower", [1.0, 1.05])
def test_what_differs_as_runs_do_is_not_slow(slower: float) -> None:
    assert of(*(ran(seed=seed) for seed in range(7)), ran(slower, seed=8)).slow == ()


def test_a_slow_host_is_named_once_and_not_each_of_its_processes() -> None:
    fast = [ran(seed=seed) for seed in range(6)]
    slow = [ran(2.0, seed=seed) for seed in range(6, 9)]
    mixed = [one for three in zip(fast[:3], fast[3:], slow, strict=True) for one in three]
    summary = of(*mixed, hosts=3)
    assert [(one.host, one.name) for one in summary.slow] == [("node2", "")]


def test_a_slow_process_of_a_fast_host_is_named_where_hosts_differ_little() -> None:
    parts = [ran(seed=seed) for seed in range(11)]
    summary = of(*parts, ran(1.6, calls=30, seed=20), hosts=2)
    assert ("node1", "rank 11") in [(one.host, one.name) for one in summary.slow]


def test_few_calls_and_other_work_are_not_compared() -> None:
    assert of(ran(), ran(seed=1), ran(3.0, calls=MIN_CALLS - 1, seed=2)).slow == ()
    assert of(ran(), ran(seed=1), ran(3.0, flops=2 * FLOPS, seed=2)).slow == ()


def test_other_processors_are_compared_with_their_own_kind() -> None:
    other = replace(MACHINE, cpu="Slower CPU")
    third = {dtype: peak / 3 for dtype, peak in ROOFS.peak_by_dtype.items()}
    facts = {"cpu": other.cpu, "fingerprint": other.fingerprint(), "peak_by_dtype": third}
    roofs = replace(ROOFS, **facts)  # type: ignore[arg-type]
    old = [ran(3.0, seed=seed, machine=other, roofs=roofs) for seed in (1, 2)]
    summary = of(ran(seed=3), old[0], ran(seed=4), old[1], hosts=2)
    assert summary.slow == ()
    assert any("processors of 2 kinds" in note for note in summary.notes)
    # Each is held against its own host's roofs: 10 of 116 GFLOP/s, and a third of it of a third.
    for host in summary.hosts:
        brick = host.brick("kernel")
        assert brick is not None
        assert brick.levels[0].efficiency == pytest.approx(10 / 116, rel=0.02)


def waiting(share: float) -> tuple[ThreadUsage, ...]:
    wall = 100 * CALL_NS
    return (ThreadUsage(wall, round(wall * (1 - share)), involuntary_switches=1000),)


@pytest.mark.parametrize(
    ("slow", "cause"),
    [
        (ran(2.0, seed=9, usage=waiting(0.5)), "its threads waited for a processor in 50.0 %"),
        (
            ran(2.0, seed=9, throttled_ns=90_000_000),
            "its control group's quota stopped its",
        ),
        (
            ran(2.0, seed=9, steal_ns=90_000_000),
            "its virtual machine's host gave to others",
        ),
        (ran(2.0, seed=9, reference=200.0), "a fixed piece of work between its calls took 2.00x"),
    ],
)
def test_causes_are_told_where_the_recordings_show_them(slow: Recording, cause: str) -> None:
    others = [ran(seed=seed, usage=waiting(0.0), reference=100.0) for seed in range(3)]
    summary = of(*others, slow)
    assert [one.name for one in summary.slow] == ["rank 3"]
    assert [one[: len(cause)] for one in summary.slow[0].causes] == [cause]
    assert cause in " ".join(str(ClusterReport(summary)).split())


def test_hosts_without_roofs_are_named() -> None:
    summary = of(ran(), ran(seed=1, roofs=None), hosts=2)
    assert summary.notes[0].startswith("No roofs of node1 were measured: shares of a roof are")
    text = str(ClusterReport(summary))
    assert "node1          1    100" in text
    assert "unknown" in text


def test_what_is_missing_is_said_and_nothing_else_is_lost() -> None:
    members = (
        Member("node0", "rank 0", ran()),
        Member("node0", "rank 1", ran(seed=1), "it was killed"),
        Member("node1", "rank 2", None, "it passed None"),
    )
    cluster = ClusterRecording(members)
    report = ClusterReport.of(cluster)
    text = str(report)
    assert text.startswith("3 processes on 2 hosts · 2 incomplete · none seen to be slow\n")
    assert " - node0, rank 1: it was killed.\n" in text
    assert " - node1, rank 2: it passed None (nothing of it is in this report).\n" in text
    data = json.loads(report.to_json())
    assert data["hosts"][0]["bricks"][0]["calls"] == 200
    assert data["hosts"][1]["bricks"] == []
    assert [one["recorded"] for one in data["incomplete"]] == [True, False]


def test_a_run_without_any_recording_has_a_report() -> None:
    cluster = ClusterRecording((Member("node0", "rank 0", None, "it was killed"),))
    assert "Nothing was recorded." in str(ClusterReport.of(cluster))
    assert "Nothing was recorded." in str(ClusterReport.of(ClusterRecording(())))


def test_the_share_of_the_time_in_tiles_is_that_of_all_threads() -> None:
    busy = ran()  # for 0.1 s
    idle = replace(busy, created="2024-05-02T12:00:00+00:00")
    cluster = ClusterRecording(
        (
            Member("node0", "rank 0", busy, "", 200 * CALL_NS),
            Member("node1", "rank 1", idle, "", 1000 * CALL_NS),
            Member("node1", "rank 2", None, "it was killed"),
        )
    )
    report = ClusterReport.of(cluster)
    data = json.loads(report.to_json())
    shares = [one["busy_share"] for one in (data, *data["hosts"], data["hosts"][1]["bricks"][0])]
    assert shares == pytest.approx([200 / 1200, 0.5, 0.1, 0.1], rel=0.02)
    text = " ".join(str(report).split())
    assert "in tiles for 16." in text
    assert "a faster kernel saves no more than that" in text
    unknown = replace(cluster.members[0], available_ns=0)
    report = ClusterReport.of(ClusterRecording((unknown, *cluster.members[1:])))
    assert json.loads(report.to_json())["busy_share"] is None
    assert "of their time" not in str(report)


def test_of_very_many_processes_hosts_are_compared() -> None:
    one = ran(calls=20)
    members = [Member(f"node{n % 4}", f"rank {n}", one) for n in range(MAX_COMPARED + 1)]
    summary = summarize_cluster(ClusterRecording(tuple(members)))
    assert any("too many to compare" in note for note in summary.notes)


def test_processes_of_one_name_are_kept_apart() -> None:
    slow = ran(2.0, seed=4)
    members = [Member("node0", "worker", one) for one in (ran(), ran(seed=1), slow)]
    summary = summarize_cluster(ClusterRecording(tuple(members)))
    assert len(summary.slow) == 1
    assert summary.hosts[0].processes == 3


def test_names_from_outside_cannot_move_the_cursor() -> None:
    member = Member("node\x1b[2J", "rank\n1", ran(), "killed\r")
    text = str(ClusterReport.of(ClusterRecording((member,))))
    assert "\x1b" not in text and "\r" not in text and "rank\n1" not in text


def test_only_cluster_recordings_are_summarized() -> None:
    with pytest.raises(TypeError, match="cluster must be a ClusterRecording, got Recording"):
        ClusterReport.of(ran())  # type: ignore[arg-type]


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    cluster = of(ran(), ran(1.5, seed=2)).cluster
    assert ClusterRecording.load(cluster.save(tmp_path / "all.json")) == cluster
    assert cluster.recording == merge_recordings([ran(), ran(1.5, seed=2)])
