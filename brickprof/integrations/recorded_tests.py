"""Hooks around tests of pytest: records them, stores recordings, and compares with stored ones."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import pytest

from brickprof.core import units
from brickprof.core.checks import checked_integer
from brickprof.core.errors import RecordingError
from brickprof.core.plain_text import neutral, one_line, printable
from brickprof.diagnose.change import Verdict
from brickprof.diagnose.comparison import Comparison, compare_recordings
from brickprof.diagnose.comparison_rows import brick_side
from brickprof.diagnose.headline import short_name
from brickprof.diagnose.summary import summarize
from brickprof.integrations.stored_recordings import load_runs, store_run
from brickprof.recording import Recording
from brickprof.reports.comparison_rows import Line, limit_of
from brickprof.reports.comparisons import render_comparison

if TYPE_CHECKING:
    from brickprof.profiler.brick_profiler import BrickProfiler

WHOLE_TEST = "test"
"""The brick of a test that is recorded as a whole."""

MAX_REPEAT = 1_000_000

_OUTCOME: pytest.StashKey[Outcome] = pytest.StashKey()
_PLACE_WIDTH = 13
_NOTHING = "nothing seen"
_OPEN = "never stopped"
_WORKERS = "PYTEST_XDIST_WORKER_COUNT"


@dataclass
class Outcome:
    """What is told of one test: plain values, which processes of pytest-xdist send.

    Parameters
    ----------
    word : str
        A verdict, or what else came of it, such as ``"stored"``.
    text : str
        The same as a sentence.
    notes : list of str
        What is wrong with stored recordings.
    details : str
        The comparison as ``brickprof compare`` prints it; empty where there is none.
    failure : str
        What fails the test; empty where nothing does.
    whole : bool
        Whether the test was recorded as a whole.
    processes : int
        Processes that ran tests at once.
    """

    word: str
    text: str
    notes: list[str] = field(default_factory=list)
    details: str = ""
    failure: str = ""
    whole: bool = False
    processes: int = 1


class RecordedTests:
    """Records tests, and stores or compares what was recorded.

    Parameters
    ----------
    config : pytest.Config
        With the options of `brickprof.integrations.pytest`; folders are absolute.
    new_profiler : callable
        Makes a BrickProfiler.
    profiler : StashKey
        Where a test keeps that of the fixture.
    """

    def __init__(
        self,
        config: pytest.Config,
        new_profiler: Callable[..., BrickProfiler],
        profiler: pytest.StashKey[BrickProfiler],
    ) -> None:
        option = config.option
        self._new_profiler, self._profiler = new_profiler, profiler
        self._root = str(config.rootpath)
        self._every: bool = option.brickprof_all
        self._stores: bool = option.brickprof_save or option.brickprof_append
        self._replaces: bool = option.brickprof_save
        self._folder: str = option.brickprof_dir
        self._more: str | None = option.brickprof_more
        self._limit: float | None = option.brickprof_fail_above
        self._outcomes: list[tuple[str, Outcome]] = []

    def pytest_report_header(self) -> str:
        """Return what is done with recordings, and where."""
        if self._stores:
            return f"brickprof: stores recordings in {self._folder}"
        limit = "" if self._limit is None else f", fails above {self._limit * 100:g} %"
        return f"brickprof: compares with recordings in {self._folder}{limit}"

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse markers whose arguments are wrong: an error of their test alone."""
        for marker in item.iter_markers("brickprof"):
            try:
                repeat = _repeat_of(marker)
            except (TypeError, ValueError) as error:
                pytest.fail(f"{item.nodeid}: marker brickprof: {error}", pytrace=False)
            if repeat > 1 and not is_plain(item):
                pytest.fail(
                    f"{item.nodeid}: marker brickprof: plain test functions alone can be "
                    "repeated, no coroutines and no methods of unittest",
                    pytrace=False,
                )

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test; where it passes, store or compare what it recorded."""
        profiler = item.stash.get(self._profiler, None)
        marker = item.get_closest_marker("brickprof")
        if marker is not None or (self._every and profiler is None):
            from brickprof.integrations.whole_tests import recorded  # imports NumPy

            profiler = self._new_profiler() if profiler is None else profiler
            repeat = _repeat_of(marker) if is_plain(item) else None
            with recorded(item, profiler, WHOLE_TEST, repeat, self._root) as seen:
                result = yield
            outcome = self._outcome(item, profiler.recording() if seen else None, whole=True)
        else:
            result = yield
            profiler = item.stash.get(self._profiler, None)  # a test may ask for fixtures by name
            if profiler is None:
                return result
            outcome = self._outcome(item, profiler.recording(), whole=False)
        item.stash[_OUTCOME] = outcome
        if outcome.failure:
            pytest.fail(outcome.failure, pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the outcome into the report, which pytest-xdist sends to the process that prints."""
        report = yield
        outcome = item.stash.get(_OUTCOME, None)
        if call.when == "call" and outcome is not None:
            report.brickprof = asdict(outcome)  # type: ignore[attr-defined]
            del item.stash[_OUTCOME]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome for the summary."""
        values = getattr(report, "brickprof", None)
        if values is not None:
            self._outcomes.append((report.nodeid, Outcome(**values)))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line for each test."""
        if terminalreporter.config.option.collectonly:
            return
        terminalreporter.section("brickprof")
        if self._stores and self._limit is not None:
            terminalreporter.line(
                "Warning: recordings are stored, not compared, so that --brickprof-fail-above "
                "fails no test: compare in a run without --brickprof-save and --brickprof-append.",
                yellow=True,
            )
        for line in summary_lines(self._outcomes, verbose=terminalreporter.verbosity > 0):
            terminalreporter.line(line)

    def _outcome(self, item: pytest.Item, recording: Recording | None, *, whole: bool) -> Outcome:
        """Store or compare a recording; None is of a test that could not be recorded."""
        processes = int(os.environ.get(_WORKERS, "1"))
        if recording is None:
            outcome = Outcome("not recorded", "calls are recorded already, by auto_instrument")
        elif not recording.tiles and (recording.open_tiles or recording.abandoned_tiles):
            outcome = Outcome(_OPEN, "a tile was started and never stopped")
        elif not recording.tiles:
            outcome = Outcome(_NOTHING, "no tile was recorded")
        else:
            item.user_properties.extend(figures_of(recording, whole=whole))
            outcome = (
                self._stored(item, recording)
                if self._stores
                else self._compared(item, recording, whole=whole)
            )
        outcome.whole, outcome.processes = whole, processes
        item.user_properties.append(("brickprof_verdict", outcome.word))
        return outcome

    def _stored(self, item: pytest.Item, recording: Recording) -> Outcome:
        """Store a recording."""
        try:
            count = store_run(self._folder, item.nodeid, recording, replace=self._replaces)
        except (OSError, RecordingError) as error:
            text = one_line(f"the recording cannot be stored: {error}")
            return Outcome("not stored", text, failure=f"brickprof: {text}")
        text = units.format_counted(count, "recording")
        if self._limit is not None:
            text += " (stored, not compared)"
        return Outcome("stored", text)

    def _compared(self, item: pytest.Item, recording: Recording, *, whole: bool) -> Outcome:
        """Compare a recording with those that are stored."""
        before = load_runs(self._folder, item.nodeid)
        notes = list(before.faults)
        if not before.runs:
            if not notes:
                return Outcome("new", "nothing is stored to compare with (--brickprof-save)")
            text = f"no stored recording can be read: {notes[0]}"
            failure = "" if self._limit is None else f"brickprof: {text}"
            return Outcome("not compared", text, notes[1:], failure=failure)
        after = [(recording, "this run")]
        if self._more is not None:
            more = load_runs(self._more, item.nodeid)
            notes += more.faults
            after = [run for run in more.of_machine(recording).runs if run[0] != recording] + after
        sides = (before.of_machine(recording).runs, after)
        comparison = compare_recordings(*([one for one, _ in side] for side in sides))
        item.user_properties.extend(_changes_of(comparison))
        names = [[name for _, name in side] for side in sides]
        rendered = render_comparison("text", comparison, *names, fail_above=self._limit)
        assert isinstance(rendered, str)
        details = neutral(rendered)
        outcome = Outcome(comparison.verdict.value, _sentence(comparison), notes, details)
        # Lines of a whole test come and go as its code changes: its own brick tells.
        gone = comparison.gone if not whole else ()
        if self._limit is not None and (comparison.slower_than(self._limit) or gone):
            limit = printable(limit_of(comparison, self._limit) or "")
            outcome.failure = f"brickprof: {limit}\n\n{details}"
        return outcome


def is_plain(item: pytest.Item) -> bool:
    """Tell whether a test is a function that another one can call."""
    return type(item) is pytest.Function and not inspect.iscoroutinefunction(item.obj)


def _repeat_of(marker: pytest.Mark | None) -> int:
    """Return how often a marker says that its test is run."""
    if marker is None:
        return 1
    unknown = [repr(one) for one in marker.args] + sorted(set(marker.kwargs) - {"repeat"})
    if unknown:
        raise TypeError(f"it takes repeat=, got {unknown[0]}")
    return checked_integer("repeat", marker.kwargs.get("repeat", 1), 1, MAX_REPEAT)


def figures_of(recording: Recording, *, whole: bool) -> Iterator[tuple[str, str | float]]:
    """Yield key figures of a recording, of the brick that took longest, as properties of a test.

    Parameters
    ----------
    recording : Recording
        With tiles.
    whole : bool
        Whether the brick of the whole test is meant.
    """
    bricks = summarize(recording).bricks
    named = [one for one in bricks if (one.info.name == WHOLE_TEST) == whole]
    brick = max(named or bricks, key=lambda one: one.info.wall_ns)
    side = brick_side(brick)
    assert side is not None
    yield "brickprof_brick", printable(brick.info.name)
    yield "brickprof_ns", side.time_ns
    if side.gflops:
        yield "brickprof_gflops", side.gflops
    if side.efficiency:
        yield "brickprof_efficiency", side.efficiency


def _changes_of(comparison: Comparison) -> Iterator[tuple[str, float]]:
    """Yield the change of the first brick as properties of a test."""
    change = comparison.rows[0].change
    for name in ("ratio", "low", "high"):
        value = getattr(change, name)
        if value is not None:
            yield f"brickprof_{name}", value


def _sentence(comparison: Comparison) -> str:
    """Return the headline of a comparison, with the interval where nothing has changed."""
    if comparison.verdict is not Verdict.NO_DIFFERENCE:
        return comparison.headline
    row = comparison.rows[0]
    line = Line(row, row.change)
    if row.change.ratio is None:
        return comparison.headline
    return f"{short_name(row.brick)} {line.ratio} ({line.interval}). {comparison.headline}"


def summary_lines(outcomes: list[tuple[str, Outcome]], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of the summary.

    Parameters
    ----------
    outcomes : list of (str, Outcome)
        Node ids with what is told of them.
    verbose : bool
        Whether whole comparisons are shown.
    """
    if not outcomes:
        yield "No test used tile_profiler, or was marked with @pytest.mark.brickprof."
        return
    silent = 0
    for test, outcome in sorted(outcomes, key=lambda pair: pair[0]):
        if outcome.word == _NOTHING and outcome.whole:
            silent += 1
            continue
        yield printable(f"{outcome.word:<{_PLACE_WIDTH}} {test}  {outcome.text}")
        for note in outcome.notes:
            yield printable(f"{'':<{_PLACE_WIDTH}} left out: {note}")
        if verbose and outcome.details:
            yield from ("", *outcome.details.splitlines(), "")
    if silent:
        yield (
            f"In {units.format_counted(silent, 'test')} no call of NumPy, SciPy or PyTorch had "
            "operands large enough to be timed."
        )
    processes = max(outcome.processes for _, outcome in outcomes)
    if processes > 1:
        yield (
            f"{processes} processes ran tests at once and disturb each other: "
            "-n 0 shows smaller changes."
        )
