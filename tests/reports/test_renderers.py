"""The map of outputs, and the report that they are made from."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from importlib import import_module

import pytest
from support.made_recordings import ROOFS, healthy_tiles, made

from brickprof.diagnose import diagnose
from brickprof.diagnose.summary import summarize
from brickprof.reports import RENDERERS, Report, json, render, renderer_for, text


def test_a_report_holds_what_was_computed_once() -> None:
    recording = made(healthy_tiles(3.0))
    report = Report.of(recording)
    assert (report.recording, report.roofs) == (recording, ROOFS)
    assert report.summary == summarize(recording)
    assert report.findings == diagnose(recording) != ()
    with pytest.raises(FrozenInstanceError):
        report.roofs = None  # type: ignore[misc]


def test_a_report_is_compared_with_the_roofs_that_are_given() -> None:
    faster = replace(ROOFS, peak_by_dtype={"float32": 8000.0})
    report = Report.of(made(roofs=None), faster)
    assert report.roofs == report.summary.roofs == faster
    assert report.findings == diagnose(made(), faster) != diagnose(made())
    assert Report.of(made(roofs=None)).roofs is None


@pytest.mark.parametrize("name", RENDERERS)
def test_every_renderer_has_a_module_and_gives_what_it_declares(name: str) -> None:
    renderer = RENDERERS[name]
    assert renderer.name == name
    assert callable(import_module(f"brickprof.reports.{name}").render_report)
    output = renderer.render(Report.of(made()))
    assert isinstance(output, bytes if renderer.binary else str)
    assert output == render(name, made())


def test_extensions_are_distinct_and_begin_with_a_dot() -> None:
    extensions = [renderer.extension for renderer in RENDERERS.values()]
    assert len(set(extensions)) == len(extensions)
    assert all(one == one.lower() and one.startswith(".") for one in extensions)


def test_the_longest_extension_counts() -> None:
    names = {
        "a.json": "json",
        "a.trace.json": "trace",
        "A.TXT": "text",
        "b.speedscope.json": "speedscope",
        "trace.json": "json",
        "c.hatchet.json": "hatchet",
        "d.md": "markdown",
        "e.CSV": "csv",
        "f.tree.txt": "tree",
        "g.dot": "dot",
        "h.tree.json": "tree_json",
    }
    assert {path: renderer_for(path).name for path in names} == names
    with pytest.raises(ValueError, match=r"path must end in one of \.txt, \.json, .*\.trace\.json"):
        renderer_for("json")


def test_modules_render_a_recording_alone() -> None:
    faster = replace(ROOFS, peak_by_dtype={"float32": 8000.0})
    assert text.render(made()) == render("text", made())
    assert text.render(made(), faster) == render("text", made(), faster)
    assert json.render(made(), faster) == render("json", made(), faster)
