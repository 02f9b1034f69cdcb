"""JSON files: replaced in one step, and read strictly."""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from brickprof.core.errors import BrickprofError


def write_json(path: Path, data: object, indent: int | None = None) -> Path:
    """Write JSON values to a file, so that a reader sees the old one or the new; return the path.

    Parameters
    ----------
    path : Path
        The file, made with the permissions of any new one; its folder must exist.
    data : object
        What JSON can hold: no NaN and no infinity.
    indent : int, optional
        Spaces to indent by; all on one line when None.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is left as it was.
    ValueError
        If a number is not finite.
    """
    content = json.dumps(data, indent=indent, allow_nan=False).encode() + b"\n"
    temporary = path.parent / f".brickprof-{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            # The caller knows the path, not the temporary file beside it.
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    return path


def read_json(path: Path, error: type[BrickprofError], nan: bool = False) -> object:
    """Return the JSON values in a file.

    Parameters
    ----------
    path : Path
        The file.
    error : type of BrickprofError
        What to raise where it holds something else.
    nan : bool
        Let NaN and Infinity pass, for a caller who refuses them part by part.

    Raises
    ------
    BrickprofError
        The given `error`, if the file holds no JSON text.
    OSError
        If it cannot be read.
    """
    content = path.read_bytes()
    try:
        refuse = None if nan else _refuse_constant
        values: object = json.loads(content.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as cause:
        raise error(f"not a JSON text: {cause}") from cause
    return values


def _refuse_constant(literal: str) -> NoReturn:
    """Refuse the literals NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{literal} is no JSON number")
