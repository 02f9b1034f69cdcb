"""Functions of the user's own, named as FILE:FUNCTION on the command line."""

from __future__ import annotations

import argparse
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import walk_tb

from brickprof.core.checks import short_repr
from brickprof.core.errors import UserCodeError
from brickprof.core.files import read_regular


def target(text: str) -> tuple[Path, str]:
    """Read ``FILE:FUNCTION``."""
    file, separator, name = text.rpartition(":")
    if not separator or not file or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be FILE:FUNCTION, got {short_repr(text)}")
    return Path(file), name


@dataclass(slots=True)
class UserFunction:
    """A function of a Python file that can be pickled: it is loaded anew where it is called.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The function.
    takes : str
        What it is called with, for the error where it is missing.
    """

    path: Path
    name: str
    takes: str = "what is tried"
    _loaded: Callable[..., object] | None = field(default=None, repr=False, compare=False)
    _raised: Exception | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[UserFunction], tuple[Path, str, str]]:
        return UserFunction, (self.path.resolve(), self.name, self.takes)

    @property
    def function(self) -> Callable[..., object]:
        """The function itself."""
        if self._loaded is None:
            self._loaded = _load(self.path, self.name, self.takes)
        return self._loaded

    def loaded(self) -> UserFunction:
        """Return this after its file was run; a ValueError where it has no such function."""
        self._loaded = self.function
        return self

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def __call__(self, *args: object, **arguments: object) -> object:
        function = self.function
        try:
            return function(*args, **arguments)
        except Exception as error:
            self._raised = error
            raise

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Make what a call raised, and nobody caught, an error that names the file and its line."""
        try:
            yield
        except Exception as error:
            if error is not self._raised:
                raise
            what = _described(error, self.path)
            raise UserCodeError(f"{self.path}:{self.name}: {what}") from error


class _Loader(SourceFileLoader):
    """Loads a module from a regular file alone, without waiting for anything."""

    def get_data(self, path: str) -> bytes:
        """Return what is in a file."""
        return read_regular(Path(path))


def _spec(module_name: str, path: Path) -> ModuleSpec | None:
    """Return how a Python file is imported, or None if it is none by its name."""
    spec = spec_from_file_location(module_name, path)
    if spec is not None and type(spec.loader) is SourceFileLoader:
        spec.loader = _Loader(module_name, str(path))
    return spec


def _load(path: Path, name: str, takes: str) -> Callable[..., object]:
    """Run a Python file and return one of its functions; a ValueError if there is none.

    Modules in the folder of the file can be imported, as if Python ran it.
    """
    # Data classes, pickles and others look a class's module up by its name.
    module_name = path.stem.replace(".", "_")
    if module_name in sys.modules:
        module_name += f"_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:8]}"
    spec = _spec(module_name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} must be a Python file (.py)")
    module = sys.modules[module_name] = module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[module_name]
        if isinstance(error, OSError) and error.filename == str(path):
            raise
        if isinstance(error, Exception):
            raise ValueError(f"{path} cannot be imported: {_described(error, path)}") from error
        raise
    function: object = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{path} must have a function {name!r} that takes {takes}")
    return function


def _described(error: Exception, path: Path) -> str:
    """Return an error of a file's code with the line of the file that it is of."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    for frame, number in walk_tb(error.__traceback__):
        if Path(frame.f_code.co_filename) == path:
            line = number
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    place = f", line {line}" if line else ""
    return f"{text} ({type(error).__name__}{place})"
