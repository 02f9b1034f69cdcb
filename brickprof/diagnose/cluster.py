"""ClusterSummary: a run on several hosts, host by host, and which of them are slow."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core import metrics, units
from brickprof.diagnose.slow_members import Slow, slow_groups
from brickprof.diagnose.summary import BrickSummary, Summary, summarize
from brickprof.recording import Recording
from brickprof.recording.cluster import ClusterRecording, Member

MAX_COMPARED = 256
"""Processes up to which each is compared with the others; hosts are compared in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSummary:
    """What the processes of one host recorded, against the host's own roofs.

    Parameters
    ----------
    host : str
        Its name.
    processes : int
        How many ran on it.
    incomplete : tuple of Member
        Those of which something is missing.
    summary : Summary or None
        All figures of their sum; None where none sent a recording.
    available_ns : int
        Time that their threads had for tiles, all added up; 0 where that is unknown.
    """

    host: str
    processes: int
    incomplete: tuple[Member, ...]
    summary: Summary | None
    available_ns: int

    @property
    def recorded(self) -> int:
        """How many of the processes are in the figures."""
        return self.processes - sum(one.recording is None for one in self.incomplete)

    def busy(self, name: str | None = None) -> float | None:
        """Return the share of the time that threads were in tiles, of one brick or of all."""
        if not self.available_ns or self.summary is None:
            return None
        tiles = self.summary.recording.tiles
        own = sum(tile.self_ns for tile in tiles if name in (None, tile.brick))
        return metrics.share(own, self.available_ns)

    def brick(self, name: str) -> BrickSummary | None:
        """Return a brick of the host; None where it has none of that name."""
        bricks = () if self.summary is None else self.summary.bricks
        return next((one for one in bricks if one.info.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSummary:
    """A run on several hosts.

    Parameters
    ----------
    cluster : ClusterRecording
        The run.
    hosts : tuple of HostSummary
        Sorted by name.
    bricks : tuple of str
        Names of the bricks, most wall time on all hosts together first.
    slow : tuple of Slow
        Hosts and processes that are slower than the others, most time lost first.
    notes : tuple of str
        What is missing, and caveats on the figures, in sentences.
    """

    cluster: ClusterRecording
    hosts: tuple[HostSummary, ...]
    bricks: tuple[str, ...]
    slow: tuple[Slow, ...]
    notes: tuple[str, ...]

    @property
    def busy(self) -> float | None:
        """Share of the time that the threads of all hosts were in tiles; None if unknown."""
        known = [one for one in self.hosts if one.summary is not None]
        shares = [one.busy() for one in known]
        if not known or None in shares:
            return None
        whole = sum(one.available_ns for one in known)
        return sum(
            share * one.available_ns / whole
            for share, one in zip(shares, known, strict=True)
            if share is not None
        )


def summarize_cluster(cluster: ClusterRecording) -> ClusterSummary:
    """Compute every figure that a report by host shows.

    Each host's rates are held against the roofs that were measured on it. A host, or a process, is
    slow where the time of a brick's call is longer than on the others with the same processor: see
    `brickprof.diagnose.slow_members`.

    Parameters
    ----------
    cluster : ClusterRecording
        The run.

    Returns
    -------
    ClusterSummary

    Raises
    ------
    TypeError
        If it is of another type.
    """
    if not isinstance(cluster, ClusterRecording):
        raise TypeError(f"cluster must be a ClusterRecording, got {type(cluster).__name__}")
    sums = cluster.by_host
    members = {
        (one.host, f"{one.name} [{number}]" if _is_repeated(cluster, one) else one.name): one
        for number, one in enumerate(cluster.members)
    }
    known = {key: one.recording for key, one in members.items() if one.recording is not None}
    slow = slow_groups({(host, ""): recording for host, recording in sums.items()})
    if len(known) <= MAX_COMPARED:
        found = {(one.host, one.brick) for one in slow}
        # What a whole host is slow in is not said of each of its processes again.
        slow += [one for one in slow_groups(known) if (one.host, one.brick) not in found]
    slow.sort(key=lambda one: (-one.lost_ns, one.host, one.name, one.brick))
    hosts = tuple(_summarize_host(cluster, host, sums.get(host)) for host in cluster.hosts)
    return ClusterSummary(
        cluster=cluster,
        hosts=hosts,
        bricks=_bricks(sums),
        slow=tuple(slow),
        notes=tuple(_notes(cluster, hosts, len(known))),
    )


def _is_repeated(cluster: ClusterRecording, member: Member) -> bool:
    """Tell whether several processes of a host have the same name."""
    names = [one.name for one in cluster.members if one.host == member.host]
    return names.count(member.name) > 1


def _bricks(sums: dict[str, Recording]) -> tuple[str, ...]:
    """Return the names of all bricks, most wall time first."""
    walls: dict[str, int] = {}
    for recording in sums.values():
        for info in recording.brick_infos:
            walls[info.name] = walls.get(info.name, 0) + info.wall_ns
    return tuple(sorted(walls, key=lambda name: (-walls[name], name)))


def _summarize_host(
    cluster: ClusterRecording, host: str, recording: Recording | None
) -> HostSummary:
    """Summarize one host."""
    members = [one for one in cluster.members if one.host == host]
    return HostSummary(
        host=host,
        processes=len(members),
        incomplete=tuple(one for one in members if one.missing),
        summary=None if recording is None else summarize(recording),
        available_ns=sum(one.available_ns for one in members)
        if all(one.available_ns for one in members if one.recording is not None)
        else 0,
    )


def _notes(cluster: ClusterRecording, hosts: tuple[HostSummary, ...], compared: int) -> list[str]:
    """Return what is missing, and caveats."""
    notes = []
    bare = [
        one.host
        for one in hosts
        if one.summary is not None
        and one.summary.bricks
        and not (one.summary.roofs or one.summary.recording.more_roofs)
    ]
    if bare:
        it = "that host" if len(bare) == 1 else "those hosts"
        notes.append(
            f"No roofs of {_names(bare)} were measured: shares of a roof are unknown there. Run "
            f"`brickprof calibrate` on {it}."
        )
    kinds = {
        one.summary.recording.machine.fingerprint()
        for one in hosts
        if one.summary is not None and one.summary.recording.machine is not None
    }
    if len(kinds) > 1:
        notes.append(
            f"The hosts have processors of {len(kinds)} kinds: each is compared with those of its "
            "own kind alone."
        )
    if len(hosts) < len(cluster.members):
        notes.append(
            "Processes of one host share its memory bandwidth and caches: together they cannot "
            "reach the roof of one thread each where memory bounds them."
        )
    if compared > MAX_COMPARED:
        notes.append(
            f"{units.format_count(compared)} processes are too many to compare each with the "
            "others: hosts were."
        )
    return notes


def _names(names: list[str]) -> str:
    """Return the names of the first hosts, and how many more there are."""
    more = [f"{units.format_count(len(names) - 4)} more"] if len(names) > 4 else []
    return units.listed([*names[:4], *more])
