"""Measured roofs: the model, and the store of roofs under the user's cache folder."""

from __future__ import annotations

from brickprof.roofline.model import MEMORY, Roofs
from brickprof.roofline.store import (
    ORDER_TOLERANCE,
    better_roofs,
    forget_roofs,
    load_roofs,
    roofs_path,
    store_roofs,
    stored_roofs,
)

__all__ = [
    "MEMORY",
    "ORDER_TOLERANCE",
    "Roofs",
    "better_roofs",
    "forget_roofs",
    "load_roofs",
    "roofs_path",
    "store_roofs",
    "stored_roofs",
]
