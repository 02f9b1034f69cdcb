"""A short storm of each kind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from storms.storms import STORMS

COUNTS = {"forks": 60, "resets": 200, "kills": 30}


@pytest.mark.parametrize("name", list(STORMS))
def test_storms(name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "storms", f"--{name}", str(COUNTS[name])],
        check=True,
        env=environment,
    )
