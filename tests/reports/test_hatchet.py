"""The tree for hatchet: its times add up, its metrics are the summary's, and hatchet takes it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from support.report_cases import RECORDINGS
from support.strategies import recordings

from brickprof.core.plain_text import printable
from brickprof.recording import Recording
from brickprof.reports import Report, render
from brickprof.reports.level_figures import level_figures

Node = dict[str, Any]


def literal(recording: Recording) -> list[Node]:
    """Return what the output parses as."""
    found: list[Node] = json.loads(render("hatchet", recording))
    return found


def chain(node: Node) -> list[Node]:
    """Return a node and those inside it, of which each has at most one."""
    assert len(node["children"]) <= 1
    return [node, *(one for child in node["children"] for one in chain(child))]


@given(recordings())
def test_bricks_hold_their_levels_with_the_metrics_of_the_summary(recording: Recording) -> None:
    summary = Report.of(recording).summary
    found = literal(recording)
    if not summary.bricks:
        assert [one["frame"]["name"] for one in found] == ["nothing recorded"]
        return
    for node, brick in zip(found, summary.bricks, strict=True):
        root, *levels = chain(node)
        assert root["frame"] == {"name": printable(brick.info.name), "type": "brick"}
        assert root["metrics"]["wall_ns"] == brick.info.wall_ns
        for level, row in zip(levels, brick.levels, strict=True):
            assert level["frame"] == {"name": row.level.label, "type": "tile level"}
            metrics, figures = level["metrics"], level_figures(row)
            assert metrics["time"] == row.stats.self_ns / 1e9
            for name, figure in figures.items():
                is_number = isinstance(figure, (int, float)) and not isinstance(figure, bool)
                if is_number:
                    assert metrics[name] == figure
                else:
                    assert metrics.get(name) is None


@given(recordings())
def test_times_add_up_and_all_nodes_have_all_metrics(recording: Recording) -> None:
    nodes = [one for root in literal(recording) for one in chain(root)]
    assert len({tuple(one["metrics"]) for one in nodes}) == 1
    for one in nodes:
        inside = sum(child["metrics"]["time (inc)"] for child in one["children"])
        whole = one["metrics"]["time"] + inside
        assert math.isclose(one["metrics"]["time (inc)"], whole, abs_tol=1e-12)
    for name in nodes[0]["metrics"].keys() - {"calls", "threads", "wall_ns", "run_gflops"}:
        known = any(one["metrics"][name] is not None for one in nodes)
        assert known


@pytest.mark.parametrize("name", RECORDINGS)
def test_hatchet_takes_it(name: str) -> None:
    hatchet = pytest.importorskip("hatchet")
    recording = RECORDINGS[name]
    nodes = [one for root in literal(recording) for one in chain(root)]
    graph = hatchet.GraphFrame.from_literal(literal(recording))
    assert graph.inc_metrics == ["time (inc)"] and "time" in graph.exc_metrics
    frame = graph.dataframe
    assert sorted(frame["name"]) == sorted(one["frame"]["name"] for one in nodes)
    assert math.isclose(frame["time"].sum(), sum(one["metrics"]["time"] for one in nodes))
    roots = [root["frame"]["name"] for root in literal(recording)]
    assert sorted(one.frame["name"] for one in graph.graph.roots) == sorted(roots)
    tree = graph.tree()
    assert all(one.level.label in tree for one in recording.tiles)
