"""A lock for imports at first use, so that a fork on another thread waits for their end.

A child of a fork in the middle of an import inherits its module's lock, whose owner the child does
not have, and would wait for it forever.
"""

from __future__ import annotations

import os
import threading

_SECONDS = 30.0
"""A fork waits no longer: an import must not be able to stop it for good."""

IMPORTING = threading.RLock()
"""To be held where modules are imported at first use."""

_held_for_fork = False


def _before_fork() -> None:
    """Wait until no other thread imports."""
    global _held_for_fork
    _held_for_fork = IMPORTING.acquire(timeout=_SECONDS)


def _in_parent() -> None:
    """Let other threads import again."""
    if _held_for_fork:
        IMPORTING.release()


def _in_child() -> None:
    """Start with a lock that no thread of the parent holds."""
    if _held_for_fork:
        IMPORTING.release()
    else:
        IMPORTING._at_fork_reinit()  # type: ignore[attr-defined]  # as threading does with its own


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
