"""The flat table as a data frame of pandas or Polars or a table of Arrow, imported when used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from brickprof.core.errors import MissingPackageError
from brickprof.core.importing import IMPORTING
from brickprof.diagnose.summary import Summary
from brickprof.reports.flat_table import COLUMNS, Cell, columns

_LARGEST = 2**63 - 1

_PANDAS = {str: "object", bool: "boolean", int: "Int64", float: "float64"}
"""Types of columns by that of their cells; integers and truth values may be missing."""

_POLARS = {str: "String", bool: "Boolean", int: "Int64", float: "Float64"}
_ARROW = {str: "string", bool: "bool_", int: "int64", float: "float64"}


def to_dataframe(summary: Summary, library: str) -> Any:
    """Return the flat table as a data frame; see `brickprof.reports.base.Report.to_dataframe`."""
    if library not in ("pandas", "polars"):
        raise ValueError(f"library must be pandas or polars, got {library!r}")
    package = _package(library)
    if library == "polars":
        return package.DataFrame(
            [
                package.Series(name, cells, dtype=getattr(package, _POLARS[kind]))
                for name, kind, cells in typed(summary)
            ]
        )
    return package.DataFrame(
        {name: package.Series(cells, dtype=_PANDAS[kind]) for name, kind, cells in typed(summary)}
    )


def to_arrow(summary: Summary) -> Any:
    """Return the flat table as Arrow's; see `brickprof.reports.base.Report.to_arrow`."""
    arrow = _package("pyarrow")
    return arrow.table(
        {
            name: arrow.array(cells, type=getattr(arrow, _ARROW[kind])())
            for name, kind, cells in typed(summary)
        }
    )


def typed(summary: Summary) -> list[tuple[str, type, list[Cell]]]:
    """Return name, type and cells of each column; integers beyond 64 bits make it one of floats."""
    typed: list[tuple[str, type, list[Cell]]] = []
    for name, cells in columns(summary).items():
        kind = COLUMNS[name]
        numbers = [cell for cell in cells if isinstance(cell, (int, float))]
        if kind is float or (kind is int and any(cell > _LARGEST for cell in numbers)):
            floats: list[Cell] = [
                float(cell) if isinstance(cell, (int, float)) else None for cell in cells
            ]
            typed.append((name, float, floats))
        else:
            typed.append((name, kind, cells))
    return typed


def _package(name: str) -> Any:
    """Import a package."""
    try:
        with IMPORTING:
            return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"tables for {name} are made by {name}: pip install {name}"
        ) from error
