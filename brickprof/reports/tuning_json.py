"""A tuning as JSON: every figure of the text, unrounded."""

from __future__ import annotations

from brickprof.diagnose import diagnose
from brickprof.recording import Recording
from brickprof.reports.json import dump, finding_json
from brickprof.tuning.outcome import Tuning
from brickprof.tuning.proof import Proof


def render(tuning: Tuning, title: str) -> str:
    """Render a tuning as JSON.

    Parameters
    ----------
    tuning : Tuning
        What was found.
    title : str
        What was tuned.

    Returns
    -------
    str
        One JSON object, with a newline at its end. Times are nanoseconds; arguments that JSON does
        not have are written as text. ``proof`` is null where the default is the fastest, and
        ``why`` where nothing was profiled.
    """
    return dump(
        {
            "problem": title,
            "default": _plain(tuning.default),
            "best": _plain(tuning.best),
            "improved": tuning.improved,
            "margin": tuning.margin,
            "space_size": tuning.space_size,
            "tried": tuning.tried,
            "search_ns": tuning.search_ns,
            "proof_ns": tuning.proof_ns,
            "candidates": [
                {
                    "arguments": _plain(one.arguments),
                    "median_ns": one.median_ns,
                    "interval_ns": list(one.interval_ns),
                    "times_ns": list(one.times_ns),
                }
                for one in tuning.candidates
            ],
            "wrong": [_plain(arguments) for arguments in tuning.wrong],
            "failed": [
                {"arguments": _plain(arguments), "error": why} for arguments, why in tuning.failed
            ],
            "proof": None if tuning.proof is None else _proof(tuning.proof),
            "why": {
                side: _findings(recording)
                for side, recording in (("default", tuning.before), ("fastest", tuning.after))
            }
            if tuning.before is not None
            else None,
        }
    )


def _proof(proof: Proof) -> dict[str, object]:
    """Return the proof with its median and interval."""
    return {
        "ratio": proof.median,
        "interval": list(proof.interval),
        "ratios": list(proof.ratios),
        "fresh_process": proof.fresh,
        "reason": proof.reason,
    }


def _findings(recording: Recording | None) -> list[dict[str, object]]:
    """Return what is found in a recording."""
    return [] if recording is None else [finding_json(one) for one in diagnose(recording)]


def _plain(arguments: dict[str, object]) -> dict[str, object]:
    """Return arguments as JSON values."""
    return {
        name: value if isinstance(value, bool | int | float | str | None) else repr(value)
        for name, value in arguments.items()
    }
