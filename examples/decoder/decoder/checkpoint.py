"""Read the weights of a folder of safetensors files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from decoder.config import ModelConfig
from decoder.errors import CheckpointError
from decoder.files import open_regular, read_json, reason
from decoder.weights import (
    Array,
    ModelWeights,
    Tensor,
    destination,
    empty_weights,
    layer_tensors,
    non_layer_tensors,
)

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
ROWS_AT_ONCE = 512
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types that are read, and those of their bits in NumPy, which has no bfloat16."""


@dataclass(frozen=True)
class _Stored:
    """Where a tensor lies, and what it is."""

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]


def read_weights(folder: Path, config: ModelConfig) -> ModelWeights:
    """Read the weights of a model as float32.

    All tensors are looked up before memory is taken for any. Each is then converted to float32 as
    it is copied to its place, so that none is in memory twice.

    Parameters
    ----------
    folder : Path
        Holds model.safetensors, or shards and model.safetensors.index.json.
    config : ModelConfig
        The model that the folder is of.

    Returns
    -------
    ModelWeights

    Raises
    ------
    CheckpointError
        If a file or tensor is missing, damaged, of another shape or of a type that is not read,
        if there are tensors that the model has no use for, or if a head that is tied to the
        embedding is there with other values.
    """
    stored = _stored_tensors(folder)
    used = set()
    for tensor in _tensors(config):
        _check(folder, stored, tensor)
        used.add(tensor.name)
    _check_no_unused(stored, used, config)
    if config.tied and HEAD in stored:
        _check_same(folder, stored, EMBEDDING, HEAD)
    weights = empty_weights(config)
    for tensor in non_layer_tensors(config):
        _read(stored[tensor.name], tensor.name, destination(weights, tensor))
    for index, arrays in enumerate(weights.layers):
        for tensor in layer_tensors(config, index):
            _read(stored[tensor.name], tensor.name, destination(arrays, tensor))
    return weights


def _tensors(config: ModelConfig) -> Iterator[Tensor]:
    """Give all tensors of a model."""
    yield from non_layer_tensors(config)
    for layer in range(config.layers):
        yield from layer_tensors(config, layer)


def _stored_tensors(folder: Path) -> dict[str, _Stored]:
    """List the tensors of a folder by name."""
    if (folder / SINGLE).exists():
        return _tensors_of(folder / SINGLE)
    index = folder / INDEX
    if not index.exists():
        raise CheckpointError(f"{folder}: holds neither {SINGLE} nor {INDEX}")
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(x, str) for x in shards.values()):
        raise CheckpointError(f"{index}: weight_map must be an object of file names")
    files: dict[str, dict[str, _Stored]] = {}
    for name, file in shards.items():
        if not file or Path(file).name != file:
            raise CheckpointError(f"{index}: {name}: must be in a file beside it, got {file!r}")
        if file not in files:
            files[file] = _tensors_of(folder / file)
        if name not in files[file]:
            raise CheckpointError(f"{folder / file}: {name} is missing")
    return {name: files[file][name] for name, file in shards.items()}


def _tensors_of(path: Path) -> dict[str, _Stored]:
    """List the tensors of a safetensors file, which the package checks as it opens it."""
    try:
        with open_regular(path) as file, safe_open(path, framework="numpy"):
            size = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(size))
    except SafetensorError as error:
        raise CheckpointError(f"{path}: is damaged: {error}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
    return {
        name: _Stored(path, 8 + size + at["data_offsets"][0], at["dtype"], tuple(at["shape"]))
        for name, at in header.items()
        if name != "__metadata__"
    }


def _check(folder: Path, stored: dict[str, _Stored], tensor: Tensor) -> None:
    """Check that a tensor is there, of its shape and of a type that is read."""
    if tensor.name not in stored:
        raise CheckpointError(f"{folder}: {tensor.name} is missing")
    found = stored[tensor.name]
    if found.shape != tensor.shape:
        raise CheckpointError(
            f"{found.path}: {tensor.name} must be of shape {tensor.shape}, got {found.shape}"
        )
    if found.dtype not in DTYPES:
        raise CheckpointError(
            f"{found.path}: {tensor.name} must be of one of {list(DTYPES)}, got {found.dtype}"
        )


def _check_no_unused(stored: dict[str, _Stored], used: set[str], config: ModelConfig) -> None:
    """Refuse tensors of parts that would be left out, such as biases or more layers."""
    if config.tied:
        used = used | {HEAD}
    for name in stored.keys() - used:
        if not name.endswith(".rotary_emb.inv_freq"):  # follows from the config
            raise CheckpointError(f"{stored[name].path}: {name} is of no use to the model")


def _check_same(folder: Path, stored: dict[str, _Stored], name: str, other: str) -> None:
    """Check that a tensor has the values of another, some rows at a time."""
    first, second = stored[name], stored[other]
    _check(folder, stored, Tensor(other, "", 0, first.shape))
    rows = np.empty((2, min(ROWS_AT_ONCE, first.shape[0]), *first.shape[1:]), np.float32)
    for start in range(0, first.shape[0], ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, first.shape[0] - start)
        _read(first, name, rows[0, :count], start)
        _read(second, other, rows[1, :count], start)
        if not np.array_equal(rows[0, :count], rows[1, :count], equal_nan=True):
            raise CheckpointError(
                f"{second.path}: {other} must be equal to {name}, as tie_word_embeddings says"
            )


def _read(stored: _Stored, name: str, out: Array, first_row: int = 0) -> None:
    """Copy a tensor, or some rows of it, to its place as float32.

    It is read and not mapped: a file that is cut short meanwhile would end the process.
    """
    dtype = np.dtype(DTYPES[stored.dtype])
    row_bytes = math.prod(stored.shape[1:]) * dtype.itemsize
    with open_regular(stored.path) as file:
        file.seek(stored.offset + first_row * row_bytes)
        for start in range(0, len(out), ROWS_AT_ONCE):
            part = out[start : start + ROWS_AT_ONCE]
            bits = np.empty(part.shape, dtype)
            try:
                missing = bits.nbytes - file.readinto(bits)  # type: ignore[attr-defined]
            except OSError as error:
                why = reason(error)
                raise CheckpointError(f"{stored.path}: {name} cannot be read: {why}") from None
            if missing:
                raise CheckpointError(
                    f"{stored.path}: {name} cannot be read: the file is cut short"
                )
            _convert(bits, part, stored.dtype)


def _convert(bits: np.ndarray[Any, Any], out: Array, dtype: str) -> None:
    """Copy values to their place as float32."""
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32.
        words = out.view(np.uint32)
        np.copyto(words, bits)
        np.left_shift(words, np.uint32(16), out=words)
    else:
        np.copyto(out, bits)
