"""The tree of bricks as text, DOT and JSON: every call once, whatever the bricks are called."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from support.made_recordings import made
from support.report_cases import RECORDINGS
from support.strategies import recordings

from brickprof.core.errors import RecordingError
from brickprof.core.plain_text import printable
from brickprof.diagnose.brick_tree import brick_tree
from brickprof.recording import BrickInfo, BrickPath, Recording
from brickprof.reports import render

OUTPUTS = ("tree", "dot", "tree_json")


def lines(output: str, recording: Recording) -> list[str]:
    """Return the lines of an output."""
    text = render(output, recording)
    assert isinstance(text, str)
    return text.splitlines()


def flattened(bricks: list[dict[str, Any]], path: tuple[str, ...] = ()) -> list[Any]:
    """Return (path, calls, total, self) of all bricks of the JSON output."""
    found = []
    for one in bricks:
        place = (*path, one["name"])
        found.append((place, one["calls"], one["total_ns"], one["self_ns"]))
        found += flattened(one["bricks"], place)
    return found


def test_the_text_is_a_tree() -> None:
    assert lines("tree", RECORDINGS["budgets"]) == [
        "Brick         Calls    Total    Self   Share   Category",
        "────────────────────────────────────────────────────────",
        "[bold]step|       1  1.50 ms  100 µs   100 %",
        "├─ attention      4   600 µs  200 µs  40.0 %   attention",
        "│  └─ gemm        2   400 µs  400 µs  26.7 %   attention",
        "└─ gemm           1   400 µs  400 µs  26.7 %   FFN",
    ]


def test_the_graph_has_a_node_a_brick_and_an_edge_to_each_inside() -> None:
    text = lines("dot", RECORDINGS["budgets"])
    assert text[0] == "digraph bricks {" and text[-1] == "}"
    assert r'b1 [label="attention\n[attention]\n4 calls\n600 µs, self 200 µs"' in text[3]
    edges = [re.findall(r"b\d+", line) for line in text if "->" in line]
    assert edges == [["b0", "b1"], ["b0", "b3"], ["b1", "b2"]]


@given(recordings())
def test_every_call_is_in_the_tree_once(recording: Recording) -> None:
    content = json.loads("\n".join(lines("tree_json", recording)))
    found = {path: figures for path, *figures in flattened(content["bricks"])}
    expected: dict[tuple[str, ...], list[int]] = {}
    for one in recording.brick_paths:
        sums = expected.setdefault(one.path, [0, 0, 0])
        expected[one.path] = [
            sums[0] + one.calls,
            sums[1] + one.total_ns,
            sums[2] + one.self_ns,
        ]
    assert expected.items() <= found.items()
    assert {path[-1] for path in found} >= set(recording.bricks)
    for path, (calls, *_) in found.items():
        assert path in expected or not calls or len(path) == 1
    for output in OUTPUTS:
        assert lines(output, recording)


def test_recordings_without_paths_have_their_bricks_side_by_side() -> None:
    roots = brick_tree(RECORDINGS["many-bricks"])
    assert [root.name for root in roots] == [f"kernel {number}" for number in range(9)]
    assert sum(root.share for root in roots) == pytest.approx(1)
    assert all(root.calls == 3 and not root.inside for root in roots)


def test_nothing_recorded() -> None:
    assert lines("tree", RECORDINGS["empty"]) == ["Nothing was recorded."]
    assert 'label="Nothing was recorded."' in "\n".join(lines("dot", RECORDINGS["empty"]))
    assert json.loads("\n".join(lines("tree_json", RECORDINGS["empty"])))["bricks"] == []


def deep(depth: int) -> Recording:
    """Return a recording of a path of so many bricks."""
    names = tuple("ab"[number % 2] for number in range(depth))
    infos = (BrickInfo("a", 1, 9, 1), BrickInfo("b", 1, 9, 1))
    return made((), brick_infos=infos, brick_paths=(BrickPath(names, "", 1, 9, 9),))


def test_paths_are_as_deep_as_can_be_drawn() -> None:
    recording = deep(256)
    assert Recording.from_json(recording.to_json()) == recording
    for output in OUTPUTS:
        assert lines(output, recording)
    with pytest.raises(RecordingError, match=r"brick_paths\[0\]\.path: expected at most 256 names"):
        Recording.from_json(deep(257).to_json())


def test_of_many_bricks_those_of_little_time_are_left_out() -> None:
    infos = tuple(
        BrickInfo(f"brick {number:03}", 1, 10 if number else 10**6, 1) for number in range(300)
    )
    shown = lines("tree", made((), brick_infos=infos))
    assert len(shown) == 4
    assert shown[-1] == "and 299 more of little time (--format tree_json has them)"


NAMES = [
    *('a"b', "back\\slash\\", r"\N\G\l", "<b>x</b>", "&lt;"),
    *("line\nbreak", "é🧱", "}", "a\0b", "|{}"),
]


@pytest.mark.parametrize("name", NAMES)
def test_graphviz_draws_names_as_they_are(name: str) -> None:
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed: no dot on the PATH")
    recording = made((), brick_infos=(BrickInfo(name, 1, 9, 1),))
    recording = replace(recording, brick_paths=(BrickPath((name,), name, 1, 9, 9),))
    done = subprocess.run(
        ["dot", "-Tsvg"], input="\n".join(lines("dot", recording)).encode(), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    texts = [node.text for node in ElementTree.fromstring(done.stdout).iter() if node.text]
    shown = printable(name)
    assert shown in texts and f"[{shown}]" in texts
