"""Recordings of tests in a folder: one folder a test, one file a run."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brickprof.core.errors import RecordingError
from brickprof.core.plain_text import one_line
from brickprof.recording import Recording, load_recording

_MAX_NAME = 100
"""Characters of a test's name in that of its folder: names of files may have 255 bytes."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]+")


@dataclass(frozen=True)
class StoredRuns:
    """What is stored of a test.

    Parameters
    ----------
    runs : tuple of (Recording, str)
        Its runs, by the seconds in which they began, each once, with their files.
    faults : tuple of str
        What is wrong with files that cannot be read, a sentence each.
    """

    runs: tuple[tuple[Recording, str], ...] = ()
    faults: tuple[str, ...] = ()

    def of_machine(self, recording: Recording) -> StoredRuns:
        """Return the runs on the machine of a recording; all of them where none is."""
        wanted = recording.machine and recording.machine.fingerprint()
        kept = tuple(
            run for run in self.runs if run[0].machine and run[0].machine.fingerprint() == wanted
        )
        return StoredRuns(kept or self.runs, self.faults)


def folder_of(test: str) -> str:
    """Return the name of the folder of a test: what is safe of its node id, and a hash of it.

    Parameters
    ----------
    test : str
        The node id: parameters may have any characters, and any length.
    """
    digits = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = _UNSAFE.sub("_", test.replace("::", ".").replace("/", "."))
    return f"{readable.strip('.')[:_MAX_NAME]}-{digits}"


def load_runs(folder: str | os.PathLike[str], test: str) -> StoredRuns:
    """Load what is stored of a test; what cannot be read is told and left out."""
    place = Path(folder, folder_of(test))
    try:
        files = sorted(entry for entry in os.listdir(place) if entry.endswith(".json"))
    except FileNotFoundError:
        return StoredRuns()
    except OSError as error:
        return StoredRuns(faults=(one_line(f"{place}: {error.strerror or error}"),))
    found: list[tuple[Recording, str]] = []
    faults = []
    for file in files:
        path = place / file
        try:
            recording = load_recording(path)
        except RecordingError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(one_line(f"{path}: {error.strerror or error}"))
        else:
            if all(recording != one for one, _ in found):
                found.append((recording, str(path)))
    return StoredRuns(tuple(found), tuple(faults))


def store_run(
    folder: str | os.PathLike[str], test: str, recording: Recording, *, replace: bool
) -> int:
    """Store a run of a test; return how many are there.

    Parameters
    ----------
    folder : str or PathLike
        The folder of all tests; it is made where there is none.
    test : str
        The node id.
    recording : Recording
        The run.
    replace : bool
        Whether it takes the place of those that are there, which are removed once it is written.

    Raises
    ------
    OSError
        If it cannot be written; what was there is left as it was.
    """
    place = Path(folder, folder_of(test))
    place.mkdir(parents=True, exist_ok=True)
    older = sorted(place.glob("*.json"))
    moment = re.sub(r"\D", "", recording.created[:19]) or "run"
    recording.save(place / f"{moment}-{uuid.uuid4().hex[:8]}.json")
    if replace:
        _remove(older)
        return 1
    return len(older) + 1


def _remove(files: Sequence[Path]) -> None:
    """Remove files, whoever else does so too."""
    for file in files:
        with suppress(FileNotFoundError):
            file.unlink()
