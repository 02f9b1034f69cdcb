"""What all tests share: hypothesis profiles, those of brickprof's tests, and made-up roofs."""

from __future__ import annotations

import os
from dataclasses import replace

import brickprof as bp
import pytest
from hypothesis import HealthCheck, settings
from made_up_machine import ROOFS

# Machines are shared: what takes long says nothing of the code.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("quick", max_examples=10, **_UNTIMED)
settings.register_profile("ci", max_examples=60, **_UNTIMED)
settings.register_profile("thorough", max_examples=2000, **_UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def made_up_roofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts take made-up roofs, so that none measures those of this machine."""
    machine = bp.detect_machine()
    facts = {"isa": machine.isa, "cpu": machine.cpu, "fingerprint": machine.fingerprint()}
    monkeypatch.setattr(bp, "roofs", lambda threads: replace(ROOFS, threads=threads, **facts))
