"""Files of recordings that verbs are given: a few by name, thousands by their folder or a list."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from brickprof.cli._output import progress_bar, say
from brickprof.core import units
from brickprof.core.errors import RecordingError
from brickprof.core.files import read_regular
from brickprof.core.plain_text import one_line
from brickprof.recording import Recording
from brickprof.recording.cluster import ClusterRecording, Member
from brickprof.recording.merge import RunningMerge

FILES_HELP = (
    "what --save or save() wrote; of a folder all *.json in it, and of @LIST the files that LIST "
    "names, one a line (@- reads standard input)"
)
"""Help of the argument for files."""

_MAX_NAMED = 10
"""Damaged files that are named."""


def named_files(arguments: Sequence[str]) -> list[str]:
    """Return the files that arguments stand for, in their order, each once.

    A note on standard error says so where the same file is given again, by whatever path.

    Parameters
    ----------
    arguments : sequence of str
        Files, folders and lists, as `FILES_HELP` says. A file of such a name goes before a list.

    Raises
    ------
    RecordingError
        If a folder has no file that ends in .json, or a list none at all.
    OSError
        If a folder or a list cannot be read.
    """
    files: list[str] = []
    for argument in arguments:
        if argument.startswith("@") and not os.path.exists(argument):
            found = _listed(argument[1:])
        elif os.path.isdir(argument):
            with os.scandir(argument) as entries:
                # What is written at this moment has a name that begins with a dot.
                names = [one.name for one in entries if not one.name.startswith(".")]
            found = sorted(os.path.join(argument, name) for name in names if name.endswith(".json"))
        else:
            found = [argument]
        if not found:
            raise RecordingError(f"{argument}: names no recordings")
        files += found
    return _distinct(files)


def _distinct(files: Sequence[str]) -> list[str]:
    """Return files without those that are the same as one before, of which a note is made."""
    first: dict[object, str] = {}
    again: list[str] = []
    for path in files:
        key: object = os.path.realpath(path)
        with suppress(OSError):
            status = os.stat(path)
            key = status.st_dev, status.st_ino
        if key in first:
            again.append(path)
        else:
            first[key] = path
    if again:
        more = f" and {units.format_count(len(again) - 1)} more" if len(again) > 1 else ""
        are = "are files" if more else "is a file"
        say(one_line(f"brickprof: {again[0]}{more} {are} given before: each is counted once"))
    return list(first.values())


def _listed(path: str) -> list[str]:
    """Return the files that a list names, one a line; ``-`` is standard input."""
    if path == "-":
        text = "" if sys.stdin is None else sys.stdin.read()
    else:
        text = os.fsdecode(read_regular(Path(path)))
    return [line for line in text.splitlines() if line.strip()]


def merged(files: Sequence[str], *, skip_damaged: bool = False) -> tuple[Recording, int]:
    """Return the sum of the recordings of files, and of how many; they are read one by one.

    Parameters
    ----------
    files : sequence of str
        At least one.
    skip_damaged : bool
        Name files that cannot be read on standard error, and merge the others.

    Raises
    ------
    RecordingError
        If files are damaged, with the names of the first of them; or all are.
    OSError
        If the only one cannot be read.
    """
    if len(files) == 1 and not skip_damaged:
        return _recording_of(files[0]), 1
    total, damaged = RunningMerge(), 0
    with progress_bar("merging") as progress:
        tell: Callable[[float, str], None] = progress or (lambda fraction, what: None)
        for number, path in enumerate(files):
            tell(number / len(files), f"{number + 1} of {len(files)}")
            try:
                total.add(_recording_of(path))
            except (RecordingError, OSError, ValueError) as error:
                damaged += 1
                if damaged <= _MAX_NAMED:
                    say(one_line(f"brickprof: {_described(path, error)}"))
    if not damaged:
        return total.recording(), total.count
    count = f"{units.format_count(damaged)} of {units.format_count(len(files))} files"
    if not skip_damaged or not total.count:
        raise RecordingError(f"{count} cannot be read")
    say(f"brickprof: {count} cannot be read, and are left out")
    return total.recording(), total.count


def _recording_of(path: str) -> Recording:
    """Return the recording of a file, or of one by ClusterRecording.save() the sum."""
    cluster = ClusterRecording.load(path)
    if len(cluster.members) == 1 and cluster.members[0].recording is not None:
        return cluster.members[0].recording
    try:
        return cluster.recording
    except RecordingError as error:
        raise RecordingError(_described(path, error)) from error


def cluster_of(files: Sequence[str]) -> ClusterRecording:
    """Return what the processes of files recorded; of a damaged file, that it is.

    Raises
    ------
    RecordingError
        If none of the files can be read.
    OSError
        If the only file cannot be read, or one does not exist.
    """
    if len(files) == 1:
        return ClusterRecording.load(files[0])
    parts, damaged = [], 0
    for path in files:
        try:
            parts.append(ClusterRecording.load(path))
        except (FileNotFoundError, NotADirectoryError):
            raise  # a mistyped path is no process
        except (RecordingError, OSError, ValueError) as error:
            file = Path(path)
            why = one_line(f"its file cannot be read: {_described(path, error)}")
            member = Member(file.absolute().parent.name, file.stem, None, why)
            parts.append(ClusterRecording((member,)))
            damaged += 1
            if damaged == len(files):
                raise RecordingError(
                    f"none of {units.format_count(damaged)} files can be read: "
                    f"{_described(path, error)}"
                ) from error
    return ClusterRecording.merge(parts)


def _described(path: str, error: Exception) -> str:
    """Return what an error says, with the file."""
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}"
    return str(error) if path in str(error) else f"{path}: {error}"


def check_output(
    parser: argparse.ArgumentParser, output: Path | None, files: Sequence[str]
) -> None:
    """Exit with a usage error where the file to write is one of those to read."""
    if output is not None and any(_same(output, Path(file)) for file in files):
        parser.error(f"argument -o/--output: {output} is one of the recordings")


def _same(output: Path, file: Path) -> bool:
    """Tell whether two paths are of one file, by whatever links."""
    with suppress(OSError):
        return output.samefile(file)
    return output.resolve() == file.resolve()
