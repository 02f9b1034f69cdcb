"""What all tests share: how thoroughly hypothesis looks, and the order of the tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared: what takes long says nothing of the code.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("quick", max_examples=10, **_UNTIMED)
settings.register_profile("ci", max_examples=60, **_UNTIMED)
settings.register_profile("thorough", max_examples=2000, **_UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="session")
def _width_of_text() -> None:
    """Let no terminal that the tests run on say how wide text is."""
    os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
