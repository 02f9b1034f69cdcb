"""Times of day: ISO 8601 texts in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_YEAR = 2000
"""What was measured earlier is a clock that was never set."""


def utc_time(text: str) -> datetime:
    """Return the time that an ISO 8601 text in UTC says.

    Raises
    ------
    ValueError
        If it is another text, of another time zone, or of a year before `FIRST_YEAR`.
    """
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 knows no "Z"
    if time.utcoffset() != timedelta(0) or time.year < FIRST_YEAR:
        raise ValueError(f"not a time in UTC since {FIRST_YEAR}: {text!r}")
    return time


def is_utc_time(text: str) -> bool:
    """Tell whether `utc_time` takes a text."""
    try:
        utc_time(text)
    except ValueError:
        return False
    return True
