"""A run on several hosts as text: slow and incomplete processes, and each brick host by host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof.core import metrics, units
from brickprof.core.plain_text import printable
from brickprof.diagnose import diagnose
from brickprof.diagnose.cluster import ClusterSummary, HostSummary
from brickprof.diagnose.slow_members import Slow
from brickprof.diagnose.summary import BrickSummary
from brickprof.recording.cluster import Member
from brickprof.reports import layout
from brickprof.reports.findings_text import render_findings

if TYPE_CHECKING:
    from rich.console import Console

MAX_BRICKS = 4
"""Bricks that have a table, those of most wall time."""

MAX_HOSTS = 16
"""Hosts in a table: those whose rate is lowest, as a share of their roofs."""

MAX_MEMBERS = 12
"""Slow, and incomplete, processes that are named."""

MIN_BUSY = 0.5
"""Share of the time in tiles below which a note says that the rest is not theirs."""

_COLUMNS: layout.Columns = (
    ("Host", "left"),
    ("Processes", "right"),
    ("Calls", "right"),
    ("Wall time", "right"),
    ("GFLOP/s", "right"),
    ("GB/s", "right"),
    ("Of the time", "right"),
    ("Of its roof", "right"),
    ("Bound by", "left"),
)


def render(summary: ClusterSummary, *, console: Console | None = None) -> str:
    """Render a run on several hosts as text.

    Parameters
    ----------
    summary : ClusterSummary
        The run.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    lines = layout.packed(console, _heads(summary))
    for text in _idle(summary):
        lines += ["", *layout.paragraphs(console, text)]
    for heading, texts in (
        ("Slow", [_slow(one) for one in summary.slow]),
        ("Incomplete", [_incomplete(one) for host in summary.hosts for one in host.incomplete]),
    ):
        shown = texts[:MAX_MEMBERS]
        if len(texts) > len(shown):
            shown.append(
                f"and {units.format_count(len(texts) - len(shown))} more (--json has them)"
            )
        lines += ["", *layout.bullets(console, heading, shown)] if shown else []
    for brick in summary.bricks[:MAX_BRICKS]:
        lines += ["", *_brick_lines(console, summary, brick)]
    if not summary.bricks:
        lines += ["", "Nothing was recorded."]
    if len(summary.bricks) > MAX_BRICKS:
        more = units.format_counted(len(summary.bricks) - MAX_BRICKS, "more brick")
        lines += ["", f"and {more} (--json has them)"]
    if summary.notes:
        lines += ["", *layout.bullets(console, "Notes", summary.notes)]
    return layout.text_of(lines) + _findings(console, summary)


def _heads(summary: ClusterSummary) -> Iterator[str]:
    """Yield what ran, and how much of it is slow or incomplete."""
    members = summary.cluster.members
    processes = (
        "1 process" if len(members) == 1 else f"{units.format_count(len(members))} processes"
    )
    yield f"{processes} on {units.format_counted(len(summary.hosts), 'host')}"
    missing = sum(bool(member.missing) for member in members)
    yield f"{units.format_count(missing)} incomplete" if missing else "all complete"
    if summary.busy is not None:
        yield f"in tiles for {units.format_percent(summary.busy)} of their time"
    slow = len({(one.host, one.name) for one in summary.slow})
    yield f"{units.format_count(slow)} slow" if slow else "none seen to be slow"


def _idle(summary: ClusterSummary) -> Iterator[str]:
    """Yield what to do where little of the time was in tiles."""
    if summary.busy is None or summary.busy >= MIN_BUSY or not summary.bricks:
        return
    yield (
        f"Threads were in recorded tiles for {units.format_percent(summary.busy)} of their time: "
        "a faster kernel saves no more than that. The rest is scheduling, transfers and other "
        "communication, Python between calls, calls too small to be recorded, or waiting for work. "
        "Fewer and longer tasks (larger chunks) have less of all of these."
    )


def _slow(one: Slow) -> str:
    """Return the sentence that names what is slow, with its causes."""
    change = one.change
    assert change.ratio is not None
    assert change.low is not None
    assert change.high is not None
    where = one.host if not one.name else f"{one.host}, {one.name}"
    per = "for its flops" if change.basis == "time per flop" else "for a call"
    why = "; ".join(one.causes) or "nothing that was recorded tells why"
    return (
        f"{printable(where)}: {printable(one.brick)} takes {units.format_ratio(change.ratio)} as "
        f"long {per} as elsewhere ({units.format_ratio(change.low)} to "
        f"{units.format_ratio(change.high)}), {units.format_ns(one.lost_ns)} in all: {why}."
    )


def _incomplete(member: Member) -> str:
    """Return the sentence that says what of a process is missing."""
    where = member.host if not member.name else f"{member.host}, {member.name}"
    nothing = "" if member.recording is not None else " (nothing of it is in this report)"
    return f"{printable(where)}: {printable(member.missing)}{nothing}."


def _brick_lines(console: Console, summary: ClusterSummary, name: str) -> list[str]:
    """Return the heading and the table of a brick."""
    found = [(host, host.brick(name)) for host in summary.hosts]
    known = [(host, brick) for host, brick in found if brick is not None]
    wall = sum(brick.info.wall_ns for _, brick in known)
    whole = sum(
        brick.info.wall_ns
        for host in summary.hosts
        if host.summary is not None
        for brick in host.summary.bricks
    )
    share = units.format_percent(metrics.share(wall, whole))
    head = layout.packed(console, [printable(name), f"{share} of the wall time of all processes"])
    shown = sorted(known, key=lambda one: (share_of(one[1]) is None, share_of(one[1]) or 0.0))
    shown = shown[:MAX_HOSTS] if len(known) > MAX_HOSTS else known
    lines = [*head, *layout.table(console, _COLUMNS, (_cells(*one) for one in shown))]
    if len(known) > len(shown):
        more = units.format_counted(len(known) - len(shown), "host")
        lines.append(f"and {more} nearer to their roofs (--json has them)")
    return lines


def share_of(brick: BrickSummary) -> float | None:
    """Return a brick's rate as a share of what the host's roofs allow; None without any.

    It is that of the level in whose tiles most time was spent: of what is attainable, or of the
    bandwidth where no flops were declared.
    """
    row = max(brick.levels, key=lambda one: one.stats.total_ns, default=None)
    if row is None:
        return None
    return row.efficiency if row.efficiency is not None else row.bandwidth_share


def _cells(host: HostSummary, brick: BrickSummary) -> tuple[str, ...]:
    """Return the cells of a brick on a host."""
    row = max(brick.levels, key=lambda one: one.stats.total_ns, default=None)
    share, busy = share_of(brick), host.busy(brick.info.name)
    bound = "" if row is None or row.bound == "unknown" else row.bound
    processes = units.format_count(host.processes)
    if host.recorded < host.processes:
        processes = f"{units.format_count(host.recorded)} of {processes}"
    return (
        layout.clipped(printable(host.host), 30),
        processes,
        units.format_count(brick.info.calls),
        units.format_ns(brick.info.wall_ns),
        units.format_number(row.gflops) if row is not None and row.stats.flops else "-",
        units.format_number(row.bandwidth_gbs) if row is not None and row.stats.nbytes else "-",
        "unknown" if busy is None else units.format_percent(busy),
        "unknown" if share is None else units.format_percent(share),
        f"{row.memory}" if row is not None and bound == "memory" else bound,
    )


def _findings(console: Console, summary: ClusterSummary) -> str:
    """Return the findings of the host with most wall time."""
    known = [one for one in summary.hosts if one.summary is not None and one.summary.bricks]
    if not known:
        return ""
    busiest = max(
        known, key=lambda one: sum(b.info.wall_ns for b in one.summary.bricks) if one.summary else 0
    )
    assert busiest.summary is not None
    findings = diagnose(busiest.summary)
    if not findings:
        return ""
    head = f"On {printable(busiest.host)}"
    if len(known) > 1:
        head += ", which has most wall time"
    busy = busiest.busy()
    if busy is not None:
        head += f", in tiles ({units.format_percent(busy)} of the time)"
    text = layout.text_of(["", *layout.paragraphs(console, f"{head}:")])
    return f"{text}{render_findings(findings, console=console)}"
