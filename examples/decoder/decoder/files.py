"""Files of a checkpoint: regular ones alone, since a FIFO or a device may never end."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from decoder.errors import CheckpointError

MAX_JSON_BYTES = 64 * 1024**2
"""An index of a million tensors is as large."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    CheckpointError
        If it cannot be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CheckpointError(f"{path}: cannot be read: no regular file")
    return open(descriptor, "rb")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Parameters
    ----------
    path : Path
        The file, of at most `MAX_JSON_BYTES`.

    Returns
    -------
    dict

    Raises
    ------
    CheckpointError
        If there is no such file, it cannot be read, it is too large, or it is no JSON object.
    """
    with open_regular(path) as file:
        text = file.read(MAX_JSON_BYTES + 1)
    if len(text) > MAX_JSON_BYTES:
        raise CheckpointError(f"{path}: cannot be read: larger than {MAX_JSON_BYTES} bytes")
    try:
        loaded = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: must be a JSON object, got {short_repr(loaded)}")
    return loaded


def reason(error: Exception) -> str:
    """Return why a file cannot be read, without the file's name."""
    return getattr(error, "strerror", None) or str(error)


def short_repr(value: Any) -> str:
    """Return a value for a message of one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
