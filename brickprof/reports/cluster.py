"""ClusterReport: a run on several hosts with all that its outputs show of it."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.diagnose.cluster import ClusterSummary, summarize_cluster
from brickprof.recording.cluster import ClusterRecording
from brickprof.reports import cluster_json, cluster_text


@dataclass(frozen=True, slots=True, repr=False)
class ClusterReport:
    """A run on several hosts, computed once by `of`; `str` gives the report as text.

    Parameters
    ----------
    summary : ClusterSummary
        Every figure, by host; what is slow and what is missing.
    """

    summary: ClusterSummary

    @classmethod
    def of(cls, cluster: ClusterRecording) -> ClusterReport:
        """Summarize a run.

        Parameters
        ----------
        cluster : ClusterRecording
            The run.

        Raises
        ------
        TypeError
            If it is of another type.
        """
        return cls(summarize_cluster(cluster))

    def __str__(self) -> str:
        """Return the report as text."""
        return cluster_text.render(self.summary)

    def __repr__(self) -> str:
        """Return what it is of, and how many are slow."""
        slow = len({(one.host, one.name) for one in self.summary.slow})
        return f"<ClusterReport of {self.summary.cluster!r}: {slow} slow>"

    def to_json(self) -> str:
        """Return the report as JSON; see `brickprof.reports.cluster_json.render`."""
        return cluster_json.render(self.summary)
