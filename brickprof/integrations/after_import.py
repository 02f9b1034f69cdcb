"""Something to do once a module was imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class AfterImport(MetaPathFinder):
    """A finder for `sys.meta_path` that finds nothing itself, and calls back after some imports.

    Parameters
    ----------
    callbacks : mapping of str to callable
        By full name of a module, what to call with that name once its code has run.
    """

    def __init__(self, callbacks: Mapping[str, Callable[[str], None]]) -> None:
        self._callbacks = dict(callbacks)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what other finders find, with a loader that calls back."""
        callback = self._callbacks.pop(fullname, None)
        if callback is None:
            return None
        spec = importlib.util.find_spec(fullname)
        loader = None if spec is None else spec.loader
        if loader is None:
            return spec
        run = loader.exec_module

        def run_and_call_back(module: ModuleType) -> None:
            run(module)
            if self in sys.meta_path:
                callback(fullname)

        with suppress(AttributeError):  # of a loader that takes no attributes nothing is told
            loader.exec_module = run_and_call_back  # type: ignore[method-assign]
        return spec
