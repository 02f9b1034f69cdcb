"""The map of rules: every file of the folder is in it, and a new rule needs one line there."""

from __future__ import annotations

from pathlib import Path

from support.report_cases import RECORDINGS, SWEEPS

from brickprof.diagnose import RULES, diagnose, diagnose_sweep, rules
from brickprof.diagnose.explanations import EXPLANATIONS

# Sweeps and noisy roofs have functions of their own; others are parts of the rule of bounds.
WITHOUT_RULES = {"__init__", "ceilings", "external_calls", "neither", "registry", "roofs", "sweeps"}


def test_every_file_of_rules_is_imported() -> None:
    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py")}
    assert {rule.__module__.rpartition(".")[2] for rule in RULES} == files - WITHOUT_RULES
    assert len(set(RULES)) == len(RULES)


def test_every_code_is_documented_and_found_in_some_case() -> None:
    found = {one.code for recording in RECORDINGS.values() for one in diagnose(recording)}
    found |= {one.code for sweep in SWEEPS.values() for one in diagnose_sweep(sweep)}
    assert found == set(EXPLANATIONS)
