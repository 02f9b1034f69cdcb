"""A report as plain text of at most 100 columns: a table per brick, notes and findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from brickprof.core import units
from brickprof.diagnose import Finding
from brickprof.diagnose.summary import BrickSummary, LevelSummary, Summary, threads_text
from brickprof.recording import Recording
from brickprof.reports import layout
from brickprof.reports.base import Report
from brickprof.roofline import MEMORY, Roofs

_NAME_WIDTH = 48
_COUNT_WIDTH = 9
_FIGURE_WIDTH = 7

_EMPTY = (
    "Nothing was recorded yet: enable_tile_profiling(), then start_tile(...) and stop_tile(...) "
    "around the tiles of a kernel, or pass profiler= to gemm or attention."
)

_COLUMNS: layout.Columns = (
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
        The recording.
    roofs : Roofs, optional
        Roofs to compare with; by default the recording's own.

    Returns
    -------
    str
        Lines of at most `layout.WIDTH` columns, without escape sequences, with a newline at the
        end.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    return render_report(Report.of(recording, roofs))


def render_report(report: Report) -> str:
    """Render a report as `render` does a recording."""
    summary, console = report.summary, layout.plain_console()
    lines = [*layout.packed(_run_items(summary)), *_roof_lines(summary)]
    if not summary.bricks:
        lines += ["", *layout.hanging(console, "", _EMPTY)]
    for brick in summary.bricks:
        lines += ["", *layout.packed(_brick_items(brick))]
        if brick.levels:
            rows = map(_cells, brick.levels)
            lines += layout.table(console, _COLUMNS, rows, full_width=True)
    notes = [
        *(
            f"{_name(brick.info.name)}: {layout.printable(note)}"
            for brick in summary.bricks
            for note in brick.notes
        ),
        *map(layout.printable, summary.notes),
    ]
    if notes:
        lines += ["", *layout.bullets(console, "Notes", notes)]
    text = layout.text_of(lines)
    return f"{text}\n{render_findings(report.findings)}" if report.findings else text


def render_findings(findings: Iterable[Finding]) -> str:
    """Render findings, such as those of a sweep, as a bulleted list under their heading.

    Parameters
    ----------
    findings : iterable of Finding
        As `brickprof.diagnose.diagnose` and `diagnose_sweep` return them.

    Returns
    -------
    str
        Lines of at most `layout.WIDTH` columns, with a newline at the end; empty without findings.
    """
    paragraphs = map(_finding_text, findings)
    lines = layout.bullets(layout.plain_console(), "What to look at next", paragraphs)
    return layout.text_of(lines)


def _run_items(summary: Summary) -> Iterator[str]:
    """Yield the library, the machine, the clock and its overhead."""
    recording = summary.recording
    yield f"brickprof {recording.version}".strip()
    machine = recording.machine
    if machine is not None:
        cores = machine.usable_cores
        isa = " and ".join(recording.isas) or machine.isa
        yield f"{machine.cpu}, {cores} core{'' if cores == 1 else 's'}, {isa}"
    tick = recording.clock.ns_per_tick
    length = f" {units.format_number(tick)} ns/tick" if tick else ""
    yield f"clock {recording.clock.source}{length}"
    overhead = recording.overhead
    entry_points = ((overhead.c_pair, "nogil"), (overhead.python_pair, "Python"))
    pairs = [f"{units.format_ns(pair_ns)} {name}" for pair_ns, name in entry_points if pair_ns]
    if pairs:
        yield f"pair {', '.join(pairs)} (taken out)"


def _roof_lines(summary: Summary) -> list[str]:
    """Return the lines of the roofs that the bricks are compared with."""
    roofs = summary.roofs
    if roofs is None:
        return []
    used = {brick.dtype for brick in summary.bricks}
    dtypes = [dtype for dtype in roofs.peak_by_dtype if dtype in used] or [roofs.dtype]
    several = len(dtypes) > 1
    peaks = [
        units.format_number(roofs.peak_by_dtype[dtype]) + (f" {dtype}" if several else "")
        for dtype in dtypes
    ]
    memories = [f"{name} {units.format_number(roofs.bandwidth_gbs[name])}" for name in MEMORY]
    head = f"Roofs ({'' if several else f'{dtypes[0]}, '}{threads_text(roofs.threads)}, "
    head += f"measured {roofs.measured_at[:10]}): peak {', '.join(peaks)} GF/s"
    return layout.packed([head, f"{' · '.join(memories)} GB/s"])


def _brick_items(brick: BrickSummary) -> Iterator[str]:
    """Yield a brick's name and the figures of its whole run."""
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
    return f"{symptom} ({layout.printable(finding.evidence)}). {finding.cause} {finding.action}"


def _name(brick: str) -> str:
    """Return a brick's name literally, clipped if it is very long."""
    return layout.clipped(layout.printable(brick), _NAME_WIDTH)
