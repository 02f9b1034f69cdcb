"""What a notebook shows of a value; the table is drawn by the reports, which are imported then."""

from __future__ import annotations

from importlib import import_module

from brickprof.core.importing import IMPORTING


class ShownInNotebooks:
    """A value that a notebook shows as HTML, by a function of `brickprof.reports.notebook`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        with IMPORTING:
            module = import_module("brickprof.reports.notebook")
        shown: str = module.html_of(self)
        return shown
