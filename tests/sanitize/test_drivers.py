"""The drivers of the thread sanitizer work without it, too."""

from __future__ import annotations

import pytest
from sanitize.drivers import DRIVERS, drive


@pytest.mark.parametrize("name", [name for name in DRIVERS if name != "calibration"])
def test_drivers(name: str) -> None:
    drive(name, 0.2)
