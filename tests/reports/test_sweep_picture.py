"""The picture of a sweep holds what was measured and the fitted law, and parses."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from brickprof.reports.pictures.sweep import sweep
from brickprof.reports.pictures.vega import described, to_svg
from brickprof.tuning.scalability import Scalability
from brickprof.tuning.sweep import Sweep, SweepPoint

LAW = Scalability(gamma=100.0, alpha=0.05, beta=0.02, r_squared=0.98, counts=(1, 2, 4, 8))
PEAKS = Sweep(
    points=tuple(
        SweepPoint(threads, (ns, ns + 9, ns + 20))
        for threads, ns in ((1, 1000), (8, 420), (2, 530), (4, 300))
    ),
    work=2.0,
    unit="tokens",
    rule=4,
    budget=8,
    scalability=LAW,
)


def layers(picture: dict[str, Any], kind: str) -> list[list[dict[str, Any]]]:
    """Return the rows of the layers whose marks are of a kind."""
    return [layer["data"]["values"] for layer in picture["layer"] if layer["mark"]["type"] == kind]


def test_points_and_intervals_are_those_that_were_measured() -> None:
    (points,) = layers(sweep(PEAKS, "gemm"), "point")
    assert [row["threads"] for row in points] == [point.threads for point in PEAKS]
    for row, point in zip(points, PEAKS, strict=True):
        assert row["rate"] == PEAKS.throughput(point)
        assert (row["low"], row["high"]) == PEAKS.throughput_interval(point)
        assert f"{point.threads} thread" in row["description"]
    assert [row["threads"] for row in points if row["what"] == "fastest measured"] == [4]


def test_the_law_is_drawn_as_it_was_fitted_with_its_optimum() -> None:
    picture = sweep(PEAKS, "gemm")
    (curve,) = layers(picture, "line")
    assert (curve[0]["threads"], curve[-1]["threads"]) == (1, 8)
    assert all(row["rate"] == LAW.predict(row["threads"]) for row in curve)
    optimum, _ = layers(picture, "rule")
    assert optimum[0]["threads"] == LAW.optimum
    said = " ".join(picture["title"]["subtitle"])
    assert "4 threads" in said and "contention 0.0500, coherency 0.0200, R² 0.980" in said


@pytest.mark.parametrize("times", [(0,), (1,), (10**12,)])
def test_a_single_count_has_a_point_and_no_law(times: tuple[int, ...]) -> None:
    picture = sweep(Sweep((SweepPoint(3, times),), 1.0, "calls", 1, 1, None), "a")
    assert [len(rows) for rows in layers(picture, "point")] == [1]
    assert not layers(picture, "line")
    assert picture["encoding"]["x"]["scale"]["domain"] == [3, 4]
    ElementTree.fromstring(to_svg(described(picture, "light")))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_parse_and_hold_their_texts(theme: Any) -> None:
    root = ElementTree.fromstring(to_svg(described(sweep(PEAKS, "a<b & c"), theme)))
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    wanted = {"a<b & c", "tokens/s", "threads", "fitted law", "fastest measured"}
    assert wanted <= texts
