"""JSON files: replaced in one step, and read strictly."""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from brickprof.core.errors import RecordingError


def write_json(path: Path, data: object) -> Path:
    """Write JSON values to a file, so that a reader sees the old one or the new; return the path.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is left as it was.
    """
    content = json.dumps(data, allow_nan=False).encode() + b"\n"
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


def read_json(path: Path) -> object:
    """Return the JSON values in a file.

    Raises
    ------
    RecordingError
        If the file holds no JSON text.
    OSError
        If it cannot be read.
    """
    content = path.read_bytes()
    try:
        values: object = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"not a JSON text: {error}") from error
    return values


def _refuse_constant(literal: str) -> NoReturn:
    """Refuse the literals NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{literal} is no JSON number")
