"""Thicket composes the hosts of a run, and its figures are those of the recordings."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
from support.made_recordings import healthy_tiles, made

from brickprof.recording import Recording, merge_recordings
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.reports import render

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # those of its own code and of what it imports
    thicket = pytest.importorskip("thicket", reason="pip install llnl-thicket")

CLUSTER = ClusterRecording(
    tuple(
        Member(f"node{number % 2}", f"rank {number}", made(healthy_tiles(30.0 + number)))
        for number in range(4)
    )
)


def thicket_of(recording: Recording) -> Any:
    return thicket.Thicket.from_literal(json.loads(render("hatchet", recording)))


def self_seconds(recording: Recording) -> float:
    return sum(tile.self_ns for tile in recording.tiles) / 1e9


@pytest.mark.filterwarnings("ignore")
def test_thicket_takes_the_sum_of_all_processes() -> None:
    whole = thicket_of(CLUSTER.recording)
    assert list(whole.dataframe["name"]) == ["gemm", "Macro", "Midi", "Micro"]
    assert math.isclose(whole.dataframe["time"].sum(), self_seconds(CLUSTER.recording))
    assert "Micro" in whole.tree(metric_column="time (inc)")


@pytest.mark.filterwarnings("ignore")
def test_thicket_composes_hosts_as_profiles() -> None:
    hosts = CLUSTER.by_host
    composed = thicket.Thicket.concat_thickets([thicket_of(one) for one in hosts.values()])
    assert len(composed.profile) == len(hosts)
    times = composed.dataframe.groupby("profile")["time"].sum()
    assert sorted(times) == pytest.approx(sorted(map(self_seconds, hosts.values())))
    assert composed.dataframe["time"].sum() == pytest.approx(
        self_seconds(merge_recordings(hosts.values()))
    )
