"""Mutations of JSON texts: of their values and keys, and of their bytes."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1e300, -0.0, 1e-300, float("nan"), float("inf")),
    *(2**31, 2**63, 2**64, 2**200, -(2**63), "", "x", "float32", "MACRO", "\ud800", "\x1b[2J"),
    *([], {}, [[]], [None], {"": None}, [0] * 50, "long" * 500),
)
"""Values that something may have been forgotten for."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all parts of a JSON value but the root."""
    found = []
    parts = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        parts = enumerate(value[:20])  # type: ignore[assignment]
    for key, part in parts:
        found += [(*path, key), *places(part, (*path, key))]
    return found


def mutated(value: Any, rng: random.Random) -> Any:
    """Return a JSON value with one to three of its parts changed."""
    changed = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        all_places = places(changed)
        if not all_places:
            break
        path = rng.choice(all_places)
        parent = changed
        for key in path[:-1]:
            parent = parent[key]
        _change(parent, path[-1], rng)
    return changed


def _change(parent: Any, key: Any, rng: random.Random) -> None:
    """Change a part of an object or a list."""
    old = parent[key]
    what = rng.randrange(6)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(old, (int, float)) and not isinstance(old, bool):
        parent[key] = old + rng.choice((-1, 1, -0.5, old, -2 * old))
    elif what == 2 and isinstance(parent, list):
        parent.insert(key, deepcopy(rng.choice(parent)))
    elif what == 3 and isinstance(parent, dict):
        parent[rng.choice(("future", "name", "count", key + "x"))] = deepcopy(old)
    elif what == 4 and isinstance(old, (list, dict)) and old:
        parent[key] = old[:-1] if isinstance(old, list) else dict(list(old.items())[:-1])
    else:
        parent[key] = deepcopy(rng.choice(ODD))


def text_of(value: Any, rng: random.Random) -> bytes:
    """Return a JSON value as a file's bytes, one time in eight with some of them damaged."""
    text = bytearray(json.dumps(value).encode())
    if rng.randrange(8) == 0 and text:
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text) + 1)
            text[at : at + rng.randrange(3)] = bytes(
                rng.choice(b'{}[],:"0123456789.eE-\\ \x00\xff') for _ in range(rng.randrange(3))
            )
    return bytes(text)
