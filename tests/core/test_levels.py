"""TileLevel reads like an enumeration and cannot be changed."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from brickprof.core.levels import TileLevel

MEMBERS = [TileLevel.MACRO, TileLevel.MIDI, TileLevel.MICRO]


def test_members_are_ordered_coarsest_first() -> None:
    assert list(TileLevel) == MEMBERS
    assert len(TileLevel) == 3
    assert [level.value for level in MEMBERS] == [0, 1, 2]
    assert TileLevel.MACRO < TileLevel.MIDI < TileLevel.MICRO
    assert sorted([TileLevel.MICRO, TileLevel.MACRO, TileLevel.MIDI]) == MEMBERS


def test_aliases_are_the_members() -> None:
    assert TileLevel.Macro is TileLevel.MACRO
    assert TileLevel.Midi is TileLevel.MIDI
    assert TileLevel.Micro is TileLevel.MICRO


def test_each_level_knows_its_cache_and_size() -> None:
    assert [level.cache for level in MEMBERS] == ["L3", "L2", "L1"]
    assert [level.typical_bytes for level in MEMBERS] == [33554432, 262144, 32768]


def test_texts() -> None:
    assert [level.name for level in MEMBERS] == ["MACRO", "MIDI", "MICRO"]
    assert [level.label for level in MEMBERS] == ["Macro", "Midi", "Micro"]
    assert str(TileLevel.MIDI) == "TileLevel.MIDI"
    assert repr(TileLevel.MIDI) == "<TileLevel.MIDI: 1>"
    assert f"{TileLevel.MIDI:>15}" == " TileLevel.MIDI"
    assert json.dumps(TileLevel.MIDI) == "1"


@pytest.mark.parametrize("level", MEMBERS)
def test_lookup(level: TileLevel) -> None:
    assert TileLevel(level.value) is level
    assert TileLevel(level) is level
    assert TileLevel[level.name] is level
    assert TileLevel[level.label] is level
    assert level in TileLevel
    assert level.value not in TileLevel
    assert {level: "found"}[level] == "found"


@pytest.mark.parametrize("value", [3, -1, True, False, None, "MACRO", 0.5])
def test_unknown_value(value: Any) -> None:
    with pytest.raises(ValueError, match="level must be a TileLevel or 0, 1 or 2"):
        TileLevel(value)


@pytest.mark.parametrize("name", ["", "L1", 0, None])
def test_unknown_name(name: str) -> None:
    with pytest.raises(KeyError):
        TileLevel[name]


@pytest.mark.parametrize("level", MEMBERS)
def test_copies_and_pickles_are_identical(level: TileLevel) -> None:
    assert copy.copy(level) is level
    assert copy.deepcopy([level])[0] is level
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(level, protocol)) is level


@pytest.mark.parametrize("owner", [TileLevel, TileLevel.MACRO])
@pytest.mark.parametrize("name", ["MACRO", "Micro", "name", "value", "cache", "fourth"])
def test_nothing_can_be_set_or_deleted(owner: object, name: str) -> None:
    before = [(level.name, level.value, level.cache, level.typical_bytes) for level in MEMBERS]
    with pytest.raises(AttributeError, match=f"cannot set '{name}'"):
        setattr(owner, name, "changed")
    with pytest.raises(AttributeError, match=f"cannot delete '{name}'"):
        delattr(owner, name)
    after = [(level.name, level.value, level.cache, level.typical_bytes) for level in TileLevel]
    assert after == before
