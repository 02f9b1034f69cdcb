"""ClusterRecording: what many processes on several hosts recorded, process by process.

In JSON, schema version 1 is an object with ``schema``, ``version`` and ``members``, a list of the
fields of `Member` under their own names; a recording is as in its own schema. Unknown fields are
ignored.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from brickprof.core import units
from brickprof.core.checks import check_integer_field, checked_items, checked_path, short_repr
from brickprof.core.errors import RecordingError
from brickprof.core.files import read_json, write_json
from brickprof.core.json_reader import JsonValue
from brickprof.core.plain_text import one_line
from brickprof.recording.merge import RunningMerge, merge_recordings
from brickprof.recording.recording import Recording

SCHEMA = "brickprof-cluster"
"""What the field ``schema`` of every saved cluster recording says."""

VERSION = 1
"""The newest schema version that this library writes and reads."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a run on several, such as a Dask worker or an MPI rank.

    Parameters
    ----------
    host : str
        Name of the machine that it ran on.
    name : str
        Its own name, such as ``"rank 3"``.
    recording : Recording or None
        What it recorded, as far as that is known; None where nothing is.
    missing : str
        What is not in the recording and why, as a clause; empty where all is there.
    available_ns : int
        Time in nanoseconds that its threads had for tiles, all added up: how long it was profiled,
        times the threads that it runs tasks on. 0 where that is unknown.

    Raises
    ------
    TypeError
        If a field is of another type.
    ValueError
        If there is no recording and nothing says why, or the time is negative.
    """

    host: str
    name: str
    recording: Recording | None
    missing: str = ""
    available_ns: int = 0

    def __post_init__(self) -> None:
        for field in ("host", "name", "missing"):
            if not isinstance(getattr(self, field), str):
                raise TypeError(f"{field} must be a string, got {short_repr(getattr(self, field))}")
        if not (self.recording is None or isinstance(self.recording, Recording)):
            raise TypeError(
                f"recording must be a Recording or None, got {short_repr(self.recording)}"
            )
        check_integer_field(self, "available_ns", 0)
        if self.recording is None and not self.missing:
            raise ValueError("missing must say why there is no recording")

    def _rank(self) -> tuple[object, ...]:
        """Return what to sort by: numbers in names, such as those of ranks, by their value."""
        parts = re.split("([0-9]{1,18})", self.name)
        numbers = tuple((not one.isdigit(), int(one) if one.isdigit() else 0, one) for one in parts)
        created = "" if self.recording is None else self.recording.created
        return self.host, numbers, self.name, created, self.missing, self.available_ns


@dataclass(frozen=True, slots=True, repr=False)
class ClusterRecording:
    """What many processes on several hosts recorded, compared by value.

    Parameters
    ----------
    members : tuple of Member
        The processes, sorted by host and name; given in any order.

    Raises
    ------
    TypeError
        If one is no Member.
    """

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        members = tuple(checked_items("members", self.members))
        for member in members:
            if not isinstance(member, Member):
                raise TypeError(f"members must be of Member, got {short_repr(member)}")
        object.__setattr__(self, "members", tuple(sorted(members, key=Member._rank)))

    def __repr__(self) -> str:
        """Return how many processes on how many hosts it is of, and how many are incomplete."""
        missing = sum(bool(member.missing) for member in self.members)
        lost = f", {missing} incomplete" if missing else ""
        processes = "1 process" if len(self.members) == 1 else f"{len(self.members)} processes"
        of = f"{processes} on {units.format_counted(len(self.hosts), 'host')}"
        return f"<ClusterRecording of {of}{lost}>"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts, sorted."""
        return tuple(dict.fromkeys(member.host for member in self.members))

    @property
    def recording(self) -> Recording:
        """The sum of all that was recorded; see `brickprof.merge_recordings`.

        Raises
        ------
        RecordingError
            If none of the processes sent a recording.
        """
        found = [one.recording for one in self.members if one.recording is not None]
        if not found:
            reasons = "; ".join(dict.fromkeys(one.missing for one in self.members))
            raise RecordingError(one_line(f"no process sent a recording: {reasons or 'none ran'}"))
        return merge_recordings(found)

    @property
    def by_host(self) -> dict[str, Recording]:
        """The sum of each host's recordings; hosts that sent none are left out."""
        sums: dict[str, RunningMerge] = {}
        for one in self.members:
            if one.recording is not None:
                sums.setdefault(one.host, RunningMerge()).add(one.recording)
        return {host: total.recording() for host, total in sums.items()}

    @classmethod
    def merge(cls, parts: Iterable[ClusterRecording]) -> ClusterRecording:
        """Return the members of all together; associative and commutative.

        Raises
        ------
        TypeError
            If one is no ClusterRecording.
        """
        members: list[Member] = []
        for part in checked_items("parts", parts):
            if not isinstance(part, ClusterRecording):
                raise TypeError(f"parts must be of ClusterRecording, got {short_repr(part)}")
            members += part.members
        return cls(tuple(members))

    def with_hosts_summed(self) -> ClusterRecording:
        """Return the same with the complete processes of each host as one, for large runs.

        What is incomplete stays apart. Slow hosts can still be told, but not slow processes.
        """
        complete: dict[str, list[Recording]] = {}
        available: Counter[str] = Counter()
        others: list[Member] = []
        for one in self.members:
            if one.recording is None or one.missing:
                others.append(one)
            else:
                complete.setdefault(one.host, []).append(one.recording)
                available[one.host] += one.available_ns
        sums = [
            Member(host, "", merge_recordings(parts), "", available[host])
            for host, parts in complete.items()
        ]
        return ClusterRecording((*sums, *others))

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict of JSON values."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "members": [
                {
                    "host": one.host,
                    "name": one.name,
                    "recording": one.recording and one.recording.to_json(),
                    "missing": one.missing,
                    "available_ns": one.available_ns,
                }
                for one in self.members
            ],
        }

    @classmethod
    def from_json(cls, data: object) -> ClusterRecording:
        """Return what `to_json` described.

        Raises
        ------
        RecordingError
            If a field is missing or damaged; the message names it.
        """
        root = JsonValue.of(data, "cluster recording", RecordingError)
        root.check_schema(SCHEMA, VERSION)
        return cls(tuple(map(_read_member, root["members"].items())))

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it as JSON in one step.

        Parameters
        ----------
        path : str or PathLike
            The file; its folder must exist.

        Raises
        ------
        OSError
            If the file cannot be written; an older one is left as it was.
        """
        return write_json(checked_path("path", path), self.to_json())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ClusterRecording:
        """Load what was saved by `save`, or by `Recording.save`, which is of one process.

        The host of the latter is said to be the folder that the file is in.

        Raises
        ------
        RecordingError
            If the file is damaged; the message names the file and the field.
        OSError
            If it cannot be read.
        """
        file = checked_path("path", path)
        try:
            data = read_json(file, RecordingError)
            if isinstance(data, Mapping) and data.get("schema") == SCHEMA:
                return cls.from_json(data)
            host = file.absolute().parent.name
            return cls((Member(host, file.stem, Recording.from_json(data)),))
        except RecordingError as error:
            raise RecordingError(one_line(f"{os.fspath(path)}: {error}")) from error


def _read_member(value: JsonValue) -> Member:
    """Read what one process recorded."""
    written = value["recording"]
    missing = value["missing"].text(empty=True)
    if written.value is None and not missing:
        value["missing"].fail("why there is no recording")
    return Member(
        host=value["host"].text(empty=True),
        name=value["name"].text(empty=True),
        recording=None if written.value is None else Recording.from_json(written),
        missing=missing,
        available_ns=value.optional("available_ns", 0).integer(),
    )
