"""The tree of bricks inside bricks, with what each took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from brickprof.core import metrics
from brickprof.recording import Recording


@dataclass(slots=True)
class TreeNode:
    """A brick inside the bricks around it.

    Parameters
    ----------
    path : tuple of str
        Names of the bricks around it, the outermost first, and its own.
    categories : tuple of str
        Those of its calls, sorted; empty where it has none.
    calls : int
        Calls that ended.
    total_ns : int
        Wall time of the threads that made them, in nanoseconds.
    self_ns : int
        The same less that of the bricks inside.
    share : float
        The total time over that of all outermost bricks.
    inside : list of TreeNode
        The bricks inside, most time first.
    """

    path: tuple[str, ...]
    categories: tuple[str, ...] = ()
    calls: int = 0
    total_ns: int = 0
    self_ns: int = 0
    share: float = 0.0
    inside: list[TreeNode] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the brick."""
        return self.path[-1]

    def walk(self) -> Iterator[TreeNode]:
        """Yield this node and all inside, each before what is inside of it."""
        yield self
        for node in self.inside:
            yield from node.walk()


def brick_tree(recording: Recording) -> tuple[TreeNode, ...]:
    """Return the outermost bricks of a recording, with those inside.

    A brick that is in no path, such as the default brick, is an outermost one. One whose calls have
    not ended has no time, whatever is inside.

    Parameters
    ----------
    recording : Recording
        The recording.

    Returns
    -------
    tuple of TreeNode
        Most time first.
    """
    nodes: dict[tuple[str, ...], TreeNode] = {}
    for one in recording.brick_paths:
        for length in range(1, len(one.path) + 1):
            nodes.setdefault(one.path[:length], TreeNode(one.path[:length]))
        node = nodes[one.path]
        node.calls += one.calls
        node.total_ns += one.total_ns
        node.self_ns += one.self_ns
        if one.category:
            node.categories = (*node.categories, one.category)
    known = {path[-1] for path in nodes}
    for info in recording.brick_infos:
        if info.name not in known:
            whole = info.calls, info.wall_ns, info.wall_ns
            nodes[info.name,] = TreeNode((info.name,), (), *whole)
    roots: list[TreeNode] = []
    for path, node in nodes.items():
        (roots if len(path) == 1 else nodes[path[:-1]].inside).append(node)
    total = sum(node.total_ns for node in roots)
    for node in nodes.values():
        node.share = metrics.share(node.total_ns, total)
        node.inside.sort(key=_most_time_first)
    return tuple(sorted(roots, key=_most_time_first))


def _most_time_first(node: TreeNode) -> tuple[int, str]:
    """Return what nodes are sorted by."""
    return -node.total_ns, node.name
