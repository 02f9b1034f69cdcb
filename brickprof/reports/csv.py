"""The CSV output: the flat table of a report, a row for each brick and level."""

from __future__ import annotations

import csv
import io

from brickprof.core.plain_text import printable
from brickprof.reports.base import Report
from brickprof.reports.flat_table import COLUMNS, Cell, rows

_FORMULA = ("=", "+", "-", "@")
"""What a cell begins with that a spreadsheet would compute."""


def render_report(report: Report) -> str:
    """Render the flat table of a report as comma-separated values.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        A line of names, those of `flat_table.COLUMNS`, and a line for each brick and level (RFC
        4180, with newlines alone). Numbers are unrounded, what is unknown is empty, truth values
        are ``true`` and ``false``. Text is printable: what is not seen as itself is escaped, and
        text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_text, row.values()) for row in rows(report.summary))
    return file.getvalue()


def _text(cell: Cell) -> str:
    """Return a cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str):
        return repr(cell)
    text = printable(cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
