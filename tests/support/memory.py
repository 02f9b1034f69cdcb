"""How much memory this process has."""

from __future__ import annotations

import psutil


def resident_mib() -> int:
    """Return this process's resident memory."""
    return psutil.Process().memory_info().rss >> 20
