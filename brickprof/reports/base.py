"""Report, which every output of a recording is made from, and Renderer, which describes one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from brickprof.core.importing import IMPORTING
from brickprof.core.notebook import ShownInNotebooks
from brickprof.diagnose import Finding, diagnose
from brickprof.diagnose.budgets import BudgetResult, check_budgets
from brickprof.diagnose.summary import Summary, summarize
from brickprof.recording import Recording
from brickprof.reports.data_frames import to_arrow, to_dataframe
from brickprof.roofline import Roofs


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(ShownInNotebooks):
    """A recording with all that outputs show of it, computed once by `of`.

    Parameters
    ----------
    recording : Recording
        The recording.
    roofs : Roofs or None
        The roofs that it is compared with.
    summary : Summary
        Every figure, by brick and level.
    findings : tuple of Finding
        What limits the bricks, most important first.
    budgets : tuple of BudgetResult
        Whether each limit of the recording's budgets was kept.
    """

    recording: Recording
    roofs: Roofs | None
    summary: Summary
    findings: tuple[Finding, ...]
    budgets: tuple[BudgetResult, ...] = ()

    def __repr__(self) -> str:
        """Return what it is of, and how many findings there are."""
        findings = len(self.findings)
        return f"<Report of {self.recording!r}: {findings} finding{'' if findings == 1 else 's'}>"

    @classmethod
    def of(cls, recording: Recording, roofs: Roofs | None = None) -> Report:
        """Summarize and diagnose a recording.

        Parameters
        ----------
        recording : Recording
            The recording.
        roofs : Roofs, optional
            Roofs to compare with; by default the recording's own.

        Returns
        -------
        Report

        Raises
        ------
        TypeError
            If an argument is of another type.
        """
        summary = summarize(recording, roofs)
        return cls(
            recording=recording,
            roofs=summary.roofs,
            summary=summary,
            findings=diagnose(summary),
            budgets=check_budgets(summary),
        )

    def to_dataframe(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return every figure of each brick and level as a data frame.

        Parameters
        ----------
        library : {"pandas", "polars"}
            Whose data frame, imported now.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `brickprof.reports.flat_table.COLUMNS`, a row for each brick and level,
            longest wall time first. What is unknown is missing. Integers are 64-bit; a column with
            a larger one is of floats.

        Raises
        ------
        ValueError
            If `library` is another.
        MissingPackageError
            If it is not installed.
        """
        return to_dataframe(self.summary, library)

    def to_arrow(self) -> Any:
        """Return the table of `to_dataframe` as Apache Arrow's.

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        MissingPackageError
            If pyarrow is not installed.
        """
        return to_arrow(self.summary)


@dataclass(frozen=True, slots=True)
class Renderer:
    """One output of a report.

    Its code is the function ``render_report(report)`` of the module ``brickprof.reports.NAME``,
    which is imported at the first use: an output that needs an optional library costs others
    nothing.

    Parameters
    ----------
    name : str
        Name of the output and of its module.
    extension : str
        End of the names of its files, in lower case and with the dot, such as ``".txt"``.
    binary : bool
        Whether it gives bytes rather than text.
    options : tuple of str
        Keyword arguments of ``render_report`` besides the report.
    """

    name: str
    extension: str
    binary: bool = False
    options: tuple[str, ...] = ()

    def render(self, report: Report, **options: object) -> str | bytes:
        """Render a report.

        Parameters
        ----------
        report : Report
            The report.
        **options
            Some of `Renderer.options`.

        Returns
        -------
        str or bytes
            Bytes if `binary`, else text with a newline at its end.

        Raises
        ------
        TypeError, ValueError
            If it has no such option, or an option no such value.
        """
        for option in options:
            if option not in self.options:
                raise TypeError(f"the output {self.name} has no option {option}")
        with IMPORTING:
            module = import_module(f"brickprof.reports.{self.name}")
        output: str | bytes = module.render_report(report, **options)
        return output
