"""Draw the gallery from recordings that are kept beside it: ``make gallery``.

`drawn` returns every file by name; a test compares them with those that are there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from brickprof.diagnose.comparison import compare_recordings
from brickprof.recording import load_recording
from brickprof.reports import Report
from brickprof.reports.pictures import PICTURES, draw
from brickprof.reports.pictures.changes import changes
from brickprof.reports.pictures.sweep import sweep
from brickprof.reports.pictures.vega import THEMES, described, to_svg
from brickprof.tuning.sweep import Sweep

FOLDER = Path(__file__).parent

CAPTIONS = {
    "roofline": "What each brick and level reaches over its arithmetic intensity, below measured "
    "roofs.",
    "times": "Self time by brick and level, of all threads.",
    "histograms": "How long tiles took, by brick and level.",
    "grids": "Mean times of tiles by row and column, the slowest circled: "
    "`BrickProfiler(grid=64)`.",
    "thread-times": "Self time of each thread by brick and level.",
    "threads": "For how much of the calls each thread of a team was busy.",
    "sweep": "Throughput over thread counts with the fitted law: `brickprof sweep --plot`.",
    "changes": "How much slower each brick and level of a second build is: `brickprof compare`.",
}


def drawn() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file of the gallery."""
    report = Report.of(load_recording(FOLDER / "recording.json"))
    before, after = (load_recording(FOLDER / f"{name}.json") for name in ("before", "after"))
    comparison = compare_recordings(before, after)
    swept = Sweep.from_json(json.loads((FOLDER / "sweep.json").read_text(encoding="utf-8")))
    for theme in THEMES:
        for picture in PICTURES:
            yield f"{picture}-{theme}.svg", to_svg(draw(report, picture, theme))
        yield f"sweep-{theme}.svg", to_svg(described(sweep(swept, "gemm 512x512x512"), theme))
        yield f"changes-{theme}.svg", to_svg(described(changes(comparison), theme))
    yield "README.md", _page()


def _page() -> str:
    """Return the page that shows all pictures."""
    parts = [
        "# Gallery",
        "Every picture is drawn from the recordings in this folder by `make gallery`. Draw yours:",
        "    brickprof report run.json -o roofline.svg\n"
        "    brickprof report run.json -o tiles.png --picture grids --theme dark\n"
        "    brickprof report run.json -o run.html\n"
        "    brickprof compare before.json after.json -o changes.svg\n"
        "    brickprof sweep gemm 256 256 256 --plot sweep.svg",
        "The page (`.html`) holds all of them, with the time line of single tiles, the findings "
        "and the tables.",
    ]
    for name, caption in CAPTIONS.items():
        light, dark = (f"{name}-{theme}.svg" for theme in THEMES)
        parts += [
            f"## {name.capitalize()}",
            caption,
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img src="{light}" alt="{caption.replace("`", "")}"></picture>',
        ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write all files."""
    for name, text in drawn():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
