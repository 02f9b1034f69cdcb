"""JSON files: what is written, and what is refused."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path

import pytest

from brickprof.core.errors import RoofsError
from brickprof.core.files import read_json, write_json


@pytest.mark.parametrize("indent", [None, 1])
def test_what_is_written_is_read_again(tmp_path: Path, indent: int | None) -> None:
    path, data = tmp_path / "a.json", {"x": [1, 2.5, None, "µ"]}
    assert write_json(path, data, indent) == path
    assert read_json(path, RoofsError) == data
    assert path.read_text() == json.dumps(data, indent=indent) + "\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_permissions_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_json(tmp_path / "a.json", {})
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_number_of_json_is_neither_written_nor_read(tmp_path: Path, number: float) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, [number])
    assert not path.exists()
    path.write_text(json.dumps([number]))
    with pytest.raises(RoofsError, match="^not a JSON text: (NaN|Infinity) is no JSON number$"):
        read_json(path, RoofsError)
    assert str(read_json(path, RoofsError, nan=True)) == str([number])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 10**6])
def test_what_is_no_json_is_the_callers_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(RoofsError, match="^not a JSON text: "):
        read_json(path, RoofsError)


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing/a.json") as caught:
        write_json(tmp_path / "missing" / "a.json", {})
    assert caught.value.filename == str(tmp_path / "missing" / "a.json")
