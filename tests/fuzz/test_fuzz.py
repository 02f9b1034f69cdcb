"""A short run of all fuzzers, and all inputs that they ever found something with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fuzz.__main__ import CORPUS
from fuzz.targets import TARGETS

FOUND = sorted(CORPUS.glob("*/*.input"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_once(path: Path) -> None:
    TARGETS[path.parent.name].check(path.read_bytes())


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_few_inputs(name: str) -> None:
    for number in range(150):
        TARGETS[name].check(TARGETS[name].draw(random.Random(f"{name} {number}")))
