"""Damaged checkpoints for the decoder: it refuses them in one line, or decodes."""

from __future__ import annotations

import random
import struct
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from decoder import CheckpointError, Decoder
from decoder_models import MODELS, checkpoint_tensors, config_json, make_weights, save_checkpoint
from fuzz.mutate import mutated, text_of

LLAMA3 = config_json(MODELS["llama"])["rope_scaling"]
SPELLINGS = (
    {},
    {"rope_parameters": LLAMA3 | {"rope_theta": 1e4}},
    {"rope_scaling": {"rope_type": "default"}},
    {"model_type": "llama", "rope_theta": None},
)


@cache
def checkpoint(name: str) -> dict[str, bytes]:
    """Return the files of a model."""
    config = MODELS[name]
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), config, checkpoint_tensors(config, make_weights(config)))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def decode(name: str, **changed: bytes) -> None:
    """Decode with some files changed; a refusal is one line that names the folder."""
    with tempfile.TemporaryDirectory() as folder:
        for file, content in {**checkpoint(name), **changed}.items():
            Path(folder, file).write_bytes(content)
        try:
            model = Decoder.from_pretrained(Path(folder))
        except CheckpointError as refused:
            message = str(refused)
            assert folder in message and "\n" not in message and len(message) < 1000, message
            return
        if model.config.context > 1:
            assert all(0 <= token < model.config.vocab for token in model.generate([0], 2))


def draw_config(rng: random.Random) -> bytes:
    name = rng.choice(list(MODELS))
    config = config_json(MODELS[name]) | rng.choice(SPELLINGS)
    return f"{name}\n".encode() + text_of(mutated(config, rng), rng)


def check_config(content: bytes) -> None:
    name, text = content.split(b"\n", 1)
    decode(name.decode(), **{"config.json": text})


def draw_weights(rng: random.Random) -> bytes:
    name = rng.choice(list(MODELS))
    file = checkpoint(name)["model.safetensors"]
    size = struct.unpack("<Q", file[:8])[0]
    header, values = bytearray(file[8 : 8 + size]), file[8 + size :]
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(header))
        header[at : at + rng.randrange(3)] = rng.choice((b"", b"0", b"9", b'"', b"]", b"F16", b"-"))
    stated = len(header) if rng.random() < 0.8 else rng.choice((0, 2**63, 2**64 - 1, size + 1))
    if rng.random() < 0.2:
        values = values[: rng.randrange(len(values))]
    return f"{name}\n".encode() + struct.pack("<Q", stated) + bytes(header) + values


def check_weights(content: bytes) -> None:
    name, file = content.split(b"\n", 1)
    with np.errstate(all="ignore"):
        decode(name.decode(), **{"model.safetensors": file})
