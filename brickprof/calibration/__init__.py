"""Measures this machine's roofs with the compiled probes."""

from __future__ import annotations

from brickprof.calibration.measurement import calibrate, roofs

__all__ = ["calibrate", "roofs"]
