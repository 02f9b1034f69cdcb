"""Whatever is saved can be read again after a later version added fields, at any depth."""

from __future__ import annotations

import json
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import extended, machines, recordings, roofs, sweeps


class Saved(Protocol):
    """What has a form in JSON."""

    def to_json(self) -> dict[str, object]:
        """Return the form."""

    @classmethod
    def from_json(cls, data: object) -> Saved:
        """Return what has that form."""


@pytest.mark.parametrize(
    "models",
    [recordings(), machines(), roofs(), sweeps()],
    ids=["recordings", "machines", "roofs", "sweeps"],
)
@given(data=st.data())
def test_unknown_fields_are_ignored_at_every_depth(
    models: st.SearchStrategy[Saved], data: st.DataObject
) -> None:
    model = data.draw(models)
    more = data.draw(extended(json.loads(json.dumps(model.to_json()))))
    again = type(model).from_json(more)
    assert again == model
    assert again.to_json() == model.to_json()
