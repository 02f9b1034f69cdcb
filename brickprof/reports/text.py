"""The report for people: plain text of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.diagnose import Finding, diagnose
from brickprof.diagnose.summary import BrickSummary, LevelSummary, Summary, summarize, threads_text
from brickprof.recording import Recording
from brickprof.roofline import MEMORY, Roofs

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns that no line exceeds."""

_NAME_WIDTH = 48
_ITEM_WIDTH = WIDTH - 8
_COUNT_WIDTH = 9
_FIGURE_WIDTH = 7

_EMPTY = (
    "Nothing was recorded yet: enable_tile_profiling(), then start_tile(...) and stop_tile(...) "
    "around the tiles of a kernel, or pass profiler= to gemm or attention."
)

_COLUMNS = (
    ("Level", "left"),
    ("Tiles", "right"),
    ("Avg", "right"),
    ("p50", "right"),
    ("p99", "right"),
    ("Self", "right"),
    ("GFLOP/s", "right"),
    ("flop/B", "right"),
    ("Attainable", "right"),
    ("Efficiency", "right"),
    (" Bound by", "left"),
)


def render(recording: Recording, roofs: Roofs | None = None) -> str:
    """Render a recording as a table per brick, notes and findings.

    Parameters
    ----------
    recording : Recording
        What a profiler saw.
    roofs : Roofs, optional
        What to hold it against; by default the recording's own.

    Returns
    -------
    str
        Lines of at most `WIDTH` columns, without escape sequences, with a newline at the end.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    summary = summarize(recording, roofs)
    console = _console()
    lines = [*_packed(_run_items(summary)), *_roof_lines(summary)]
    if not summary.bricks:
        lines += ["", *_wrapped(console, "", _EMPTY)]
    for brick in summary.bricks:
        lines += ["", *_packed(_brick_items(brick))]
        if brick.levels:
            lines += _table(console, brick.levels)
    notes = [
        *(f"{_name(b.info.name)}: {_plain(note)}" for b in summary.bricks for note in b.notes),
        *(_plain(note) for note in summary.notes),
    ]
    lines += _bullets(console, "Notes", notes)
    lines += _bullets(console, "What to look at next", map(_finding_text, diagnose(summary)))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def render_findings(findings: Iterable[Finding]) -> str:
    """Render findings, of a sweep for one, as a report shows them: none gives no text.

    Parameters
    ----------
    findings : iterable of Finding
        As `brickprof.diagnose.diagnose_sweep` returns them.

    Returns
    -------
    str
        A heading and lines of at most `WIDTH` columns, with a newline at the end.
    """
    lines = _bullets(_console(), "What to look at next", map(_finding_text, findings))
    return "\n".join(line.rstrip() for line in lines[1:]) + "\n" if lines else ""


def _console() -> Console:
    """Return a console that only lays out: no colour, the same in every terminal."""
    from rich.console import Console

    return Console(
        file=StringIO(),
        width=WIDTH,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
        _environ={},
    )


def _run_items(summary: Summary) -> Iterator[str]:
    """Name the library, the machine, the clock and its cost."""
    recording = summary.recording
    yield f"brickprof {recording.version}".strip()
    machine = recording.machine
    if machine is not None:
        cores = machine.usable_cores
        isa = recording.isas[0] if len(recording.isas) == 1 else machine.isa
        yield f"{machine.cpu}, {cores} core{'' if cores == 1 else 's'}, {isa}"
    tick = recording.clock.ns_per_tick
    length = f" {units.format_number(tick)} ns/tick" if tick else ""
    yield f"clock {recording.clock.source}{length}"
    doors = ((recording.overhead.c_pair, "nogil"), (recording.overhead.python_pair, "Python"))
    pairs = [f"{units.format_ns(pair)} {door}" for pair, door in doors if pair]
    if pairs:
        yield f"pair {', '.join(pairs)} (taken out)"


def _roof_lines(summary: Summary) -> list[str]:
    """Show the roofs that the bricks are held against."""
    roofs = summary.roofs
    if roofs is None:
        return []
    used = [dtype for dtype in roofs.peak_by_dtype if any(dtype == b.dtype for b in summary.bricks)]
    shown = used or [roofs.dtype]
    many = len(shown) > 1
    peaks = [
        units.format_number(roofs.peak_by_dtype[dtype]) + (f" {dtype}" if many else "")
        for dtype in shown
    ]
    memories = [f"{name} {units.format_number(roofs.bandwidth_gbs[name])}" for name in MEMORY]
    head = f"Roofs ({'' if many else f'{shown[0]}, '}{threads_text(roofs.threads)}, "
    head += f"measured {roofs.measured_at[:10]}): peak {', '.join(peaks)} GF/s"
    return _packed([head, f"{' · '.join(memories)} GB/s"])


def _brick_items(brick: BrickSummary) -> Iterator[str]:
    """Name a brick and show its whole run."""
    info = brick.info
    yield _name(info.name)
    yield brick.dtype
    yield threads_text(info.threads)
    if info.calls:
        yield f"{units.format_count(info.calls)} call{'' if info.calls == 1 else 's'}"
    yield f"{units.format_ns(info.wall_ns)} wall"
    if any(row.stats.flops for row in brick.levels):
        share = brick.peak_share
        of_peak = "" if share is None else f" ({units.format_percent(share)} of peak)"
        yield f"{units.format_number(brick.run_gflops)} GFLOP/s{of_peak}"


def _table(console: Console, rows: Iterable[LevelSummary]) -> list[str]:
    """Lay out the levels of a brick."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False, expand=True)
    for heading, justify in _COLUMNS:
        table.add_column(heading, justify="left" if justify == "left" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


def _cells(row: LevelSummary) -> tuple[str, ...]:
    """Return the cells of a level, each within its width."""
    bound = "-" if row.bound == "unknown" else row.bound
    doubt = "?" if row.bound_basis == "rule of thumb" and row.bound != "unknown" else ""
    assumed = "~" if row.bytes_basis == "assumed" else ""
    known = row.stats.flops and row.stats.nbytes
    return (
        f"{row.level.label:5} {row.level.cache}",
        _fit(units.format_count(row.stats.count), row.stats.count, "", _COUNT_WIDTH),
        *(_time(ns) for ns in (row.avg_ns, row.p50_ns, row.p99_ns)),
        _percent(row.self_share),
        _fit(units.format_number(row.gflops), row.gflops) if row.stats.flops else "-",
        assumed + _fit(units.format_number(row.intensity), row.intensity) if known else "-",
        _optional(row.attainable_gflops),
        "-" if row.efficiency is None else _percent(row.efficiency),
        f" {bound}{doubt}",
    )


def _optional(value: float | None) -> str:
    """Return a figure, or a dash where it is unknown."""
    return "-" if value is None else _fit(units.format_number(value), value)


def _time(ns: float) -> str:
    """Return a time that fits a column."""
    return "<1 ns" if 0 < ns < 1 else _fit(units.format_ns(ns), ns / 1e9, " s")


def _percent(fraction: float) -> str:
    """Return a share in percent that fits a column."""
    if 0 < fraction < 0.001:
        return "<0.1 %"
    return _fit(units.format_percent(fraction), fraction * 100, " %")


def _fit(text: str, value: float, unit: str = "", width: int = _FIGURE_WIDTH) -> str:
    """Return a figure as it is or, where that is too wide for its column, in powers of ten."""
    if len(text) <= width:
        return text
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}{unit}"


def _finding_text(finding: Finding) -> str:
    """Return a finding as one paragraph."""
    place = [_name(finding.brick)] if finding.brick is not None else []
    place += [finding.level.label] if finding.level is not None else []
    head = " ".join(place)
    symptom = f"{head}: {finding.symptom}" if head else finding.symptom.capitalize()
    return f"{symptom} ({_plain(finding.evidence)}). {finding.cause} {finding.action}"


def _bullets(console: Console, heading: str, paragraphs: Iterable[str]) -> list[str]:
    """Lay out a list under a heading; nothing without paragraphs."""
    lines = [line for one in paragraphs for line in _wrapped(console, " - ", one)]
    return ["", heading, *lines] if lines else []


def _wrapped(console: Console, bullet: str, paragraph: str) -> list[str]:
    """Break a paragraph into lines that hang behind its bullet."""
    from rich.text import Text

    lines = [line.plain for line in Text(paragraph).wrap(console, WIDTH - len(bullet))]
    return [(bullet if not i else " " * len(bullet)) + line for i, line in enumerate(lines)]


def _packed(items: Iterable[str]) -> list[str]:
    """Join items with dots, breaking lines between items only."""
    from rich.cells import cell_len

    lines: list[str] = []
    for item in items:
        item = _clipped(_plain(item), _ITEM_WIDTH)
        longer = f"{lines[-1]} · {item}" if lines else item
        if lines and cell_len(longer) > WIDTH:
            lines.append(f"  {item}")
        else:
            lines[-1:] = [longer]
    return lines


def _name(brick: str) -> str:
    """Return a brick's name as it is shown: literally, and clipped if it is very long."""
    return _clipped(_plain(brick), _NAME_WIDTH)


def _plain(text: str) -> str:
    """Return text with control and other invisible characters spelled out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _clipped(text: str, width: int) -> str:
    """Return text cut to a width in columns, with an ellipsis where something was cut off."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"
