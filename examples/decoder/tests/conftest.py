"""How thoroughly hypothesis looks: the profiles of brickprof's own tests, which may run along."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Machines are shared: what takes long says nothing of the code.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("quick", max_examples=10, **_UNTIMED)
settings.register_profile("ci", max_examples=60, **_UNTIMED)
settings.register_profile("thorough", max_examples=2000, **_UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
