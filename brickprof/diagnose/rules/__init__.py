"""The rules that give findings, one file a subject; a new file is imported here."""

from __future__ import annotations

from brickprof.diagnose.rules import bounds as bounds
from brickprof.diagnose.rules import noise as noise
from brickprof.diagnose.rules import system as system
from brickprof.diagnose.rules import threads as threads
from brickprof.diagnose.rules import tiles as tiles
from brickprof.diagnose.rules.registry import Rule, registered_rules

__all__ = ["RULES", "Rule"]

RULES = registered_rules()
"""What is applied to every brick; one without any finding may be near its roof."""
