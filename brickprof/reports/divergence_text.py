"""Where two runs part, as text and as JSON."""

from __future__ import annotations

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.divergence import Divergence, is_unknown_beyond, unknown_beyond
from brickprof.recording import Checksum, Recording
from brickprof.reports.json import dump

SCHEMA = "brickprof-divergence"
"""Value of the key ``schema``."""

VERSION = 1
"""Value of the key ``version``; increased when a key changes its meaning or is removed."""


def render(found: Divergence | None, a: Recording, b: Recording) -> str:
    """Return where two runs part as a line, with a newline at its end."""
    if found is not None:
        return f"{printable(str(found))}\n"
    if is_unknown_beyond(a, b):
        return f"No divergence was found, but {unknown_beyond(a, b)}.\n"
    counts = [units.format_count(len(one.checksums)) for one in (a, b)]
    return f"No divergence: {counts[0]} checksums in A, {counts[1]} in B.\n"


def render_json(found: Divergence | None, a: Recording, b: Recording) -> str:
    """Return where two runs part as a JSON object, with a newline at its end.

    Its keys are ``schema``, ``version``, ``checksums`` and ``dropped`` (numbers, of A and B) and
    ``divergence``: null, or ``brick``, ``call``, ``level`` (or null), ``row``, ``col``, ``name``,
    ``index``, ``kind``, ``distance`` (null where it is unknown or infinite), ``text``, and ``a``
    and ``b`` (null, or ``dtype``, ``shape``, ``digest``, ``nans``, ``infinities``, ``minimum``,
    ``maximum``, ``mean``, ``rms``).
    """
    content: dict[str, object] = {
        "schema": SCHEMA,
        "version": VERSION,
        "checksums": [len(one.checksums) for one in (a, b)],
        "dropped": [one.checksums_dropped for one in (a, b)],
        "divergence": None,
    }
    if found is not None:
        names = ("brick", "call", "row", "col", "name", "index", "kind")
        known = found.distance is not None and found.distance != float("inf")
        content["divergence"] = {
            **{name: getattr(found, name) for name in names},
            "level": None if found.level is None else found.level.name,
            "distance": found.distance if known else None,
            "text": str(found),
            "a": _array(found.a),
            "b": _array(found.b),
        }
    return dump(content)


def _array(one: Checksum | None) -> dict[str, object] | None:
    """Return what an array held."""
    if one is None:
        return None
    names = ("dtype", "digest", "nans", "infinities", "minimum", "maximum", "mean", "rms")
    return {"shape": list(one.shape), **{name: getattr(one, name) for name in names}}
