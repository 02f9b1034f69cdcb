"""Checkpoints and arguments that the decoder refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_models import (
    MODELS,
    SMALL,
    checkpoint_tensors,
    config_json,
    make_weights,
    save_checkpoint,
)
from safetensors.numpy import save_file

from decoder import CheckpointError, Decoder, Llama3Scaling, ModelConfig, Optimizations, checkpoint
from decoder.weights import ModelWeights, empty_weights

TENSORS = checkpoint_tensors(SMALL, make_weights(SMALL))
IDS = [1, 2, 3]
LLAMA3 = config_json(MODELS["llama"])["rope_scaling"]
HUGE = 10**400
SINGLE, SHARD = "model.safetensors", "model-00001-of-00001.safetensors"
SPELLINGS = "rope_scaling must say what rope_parameters says"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path, SMALL, TENSORS)
    return tmp_path


def assert_refused(folder: Path, *parts: str) -> None:
    """Check that a folder is refused with one line that holds some texts."""
    with pytest.raises(CheckpointError) as caught:
        Decoder.from_pretrained(folder)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(folder), *parts):
        assert part in message


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_saved_is_loaded(tmp_path: Path, name: str, shards: int) -> None:
    config, weights = MODELS[name], make_weights(MODELS[name])
    save_checkpoint(tmp_path, config, checkpoint_tensors(config, weights), shards)
    loaded = Decoder.from_pretrained(str(tmp_path), threads=1)
    assert loaded.config == config
    expected = Decoder(config, weights, threads=1).prefill(IDS)
    np.testing.assert_array_equal(loaded.prefill(IDS), expected)


def test_half_precision_is_exact(tmp_path: Path) -> None:
    halves = {name: tensor.astype(np.float16) for name, tensor in TENSORS.items()}
    save_checkpoint(tmp_path, SMALL, halves)
    logits = Decoder.from_pretrained(tmp_path).prefill(IDS)
    save_checkpoint(
        tmp_path, SMALL, {name: tensor.astype(np.float32) for name, tensor in halves.items()}
    )
    np.testing.assert_array_equal(Decoder.from_pretrained(tmp_path).prefill(IDS), logits)


def rewrite_header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the header of a safetensors file."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


def test_bfloat16_is_exact_at_any_offset(tmp_path: Path) -> None:
    """Bits are cut off float32 ones; an odd header puts them where nothing is aligned."""
    bits = {
        name: (tensor.view(np.uint32) >> 16).astype(np.uint16) for name, tensor in TENSORS.items()
    }
    save_checkpoint(tmp_path, SMALL, bits)

    def change(header: dict[str, Any]) -> None:
        for tensor in header.values():
            tensor["dtype"] = "BF16"
        header["__metadata__"] = {"odd": "x"}
        header["__metadata__"]["odd"] += "y" * (1 - len(json.dumps(header)) % 2)

    rewrite_header(tmp_path / "model.safetensors", change)
    logits = Decoder.from_pretrained(tmp_path).prefill(IDS)
    whole = {name: (half.astype(np.uint32) << 16).view(np.float32) for name, half in bits.items()}
    save_checkpoint(tmp_path, SMALL, whole)
    np.testing.assert_array_equal(Decoder.from_pretrained(tmp_path).prefill(IDS), logits)


@pytest.mark.parametrize("lacking", ["folder", "config.json", "model.safetensors"])
def test_missing_files(folder: Path, lacking: str) -> None:
    if lacking == "folder":
        assert_refused(folder / "none", "config.json: cannot be read")
    else:
        (folder / lacking).unlink()
        assert_refused(folder, lacking)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100000, "is not JSON"),
        ("\udce4", "is not JSON"),
        ("[1]", "must be a JSON object, got [1]"),
        ("null", "must be a JSON object, got None"),
    ],
)
@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_files_that_are_no_json_object(folder: Path, file: str, text: str, part: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / file).write_bytes(text.encode(errors="surrogateescape"))
    assert_refused(folder, file, part)


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", SHARD, f"{SINGLE}.index.json"]
)
def test_what_is_no_regular_file(folder: Path, file: str, kind: str) -> None:
    if file not in ("config.json", SINGLE):
        index = {"weight_map": dict.fromkeys(TENSORS, SHARD)}
        (folder / f"{SINGLE}.index.json").write_text(json.dumps(index))
        (folder / SINGLE).unlink()
    (folder / file).unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(folder / file)
    elif kind == "folder":
        (folder / file).mkdir()
    else:
        (folder / file).symlink_to("/dev/zero")
    assert_refused(folder, "cannot be read")


def test_a_file_that_is_cut_short_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(config: ModelConfig) -> ModelWeights:
        os.truncate(folder / SINGLE, (folder / SINGLE).stat().st_size // 2)
        return empty_weights(config)

    monkeypatch.setattr(checkpoint, "empty_weights", cut)
    assert_refused(folder, "cannot be read: the file is cut short")


@pytest.mark.parametrize("key", [
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
    "max_position_embeddings", "rms_norm_eps",
])  # fmt: skip
@pytest.mark.parametrize("value", [None, "24", [], True, -1, 0, float("nan"), HUGE])
def test_keys_that_are_missing_or_wrong(folder: Path, key: str, value: Any) -> None:
    config = config_json(SMALL, **{key: value})
    (folder / "config.json").write_text(json.dumps(config))
    assert_refused(folder, key)
    del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    assert_refused(folder, f"config.json: {key} is missing")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "architectures must be one of"),
        ({"architectures": "Qwen2ForCausalLM"}, "architectures must be one of"),
        ({"architectures": []}, "architectures must be one of"),
        ({"architectures": [["x"]]}, "architectures must be one of"),
        ({"architectures": None}, "model_type is missing"),
        ({"architectures": None, "model_type": None}, "model_type must be one of"),
        ({"architectures": None, "model_type": "gpt2"}, "model_type must be one of"),
        ({"architectures": None, "model_type": ["qwen2"]}, "model_type must be one of"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types must be"),
        ({"layer_types": 3}, "layer_types must be"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu', got 'gelu'"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings must be true or false"),
        ({"num_key_value_heads": 3}, "kv_heads must divide heads 4, got 3"),
        ({"head_dim": 7}, "head_dim must be even, got 7"),
        ({"rope_theta": "1e6"}, "rope_theta must be a number"),
        ({"rope_theta": -1.0}, "rope_theta must be in [1, 1e+30], got -1.0"),
        ({"rope_theta": 1e299}, "rope_theta must be in [1, 1e+30], got 1e+299"),
        ({"rope_theta": None}, "rope_theta must be a number, got None"),
        ({"rms_norm_eps": 1e299}, "rms_norm_eps must be in [1e-30, 1], got 1e+299"),
        ({"rms_norm_eps": float("inf")}, "rms_norm_eps must be in [1e-30, 1], got inf"),
        ({"is_causal": False}, "is_causal"),
        ({"per_layer_config": {"0": {"intermediate_size": 4}}}, "per_layer_config"),
        *(
            (
                {"model_type": family},
                f"model_type must be 'qwen2' as architectures says, got '{family}'",
            )
            for family in ("mistral", "granite", "helium", "ernie4_5", "llama")
        ),
        ({"layer_types": ["full_attention"]}, "layer_types must be full_attention in each of 2"),
        ({"layer_types": []}, "layer_types must be full_attention in each of 2"),
        ({"hidden_act": None}, "hidden_act must be 'silu', got None"),
        ({"tie_word_embeddings": None}, "tie_word_embeddings must be true or false"),
        ({"head_dim": None}, "head_dim must be an integer"),
        ({"rope_scaling": LLAMA3, "rope_parameters": {"rope_type": "default"}}, SPELLINGS),
        (
            {"rope_parameters": {"rope_theta": 7.0}},
            "rope_theta must be 10000 as beside it, got 7.0",
        ),
        ({"rope_parameters": {"full_attention": {"rope_theta": 5e3}}}, "by layer type"),
        (
            {"rope_scaling": LLAMA3, "original_max_position_embeddings": 65},
            "must be 65 as beside it",
        ),
        ({"rope_scaling": {**LLAMA3, "factor": 1e299}}, "factor must be in [1e-06, 1e+06]"),
        ({"max_position_embeddings": 2**31}, "max_position_embeddings must be an integer in"),
        ({"partial_rotary_factor": 0.5, "rope_scaling": {}}, "partial_rotary_factor must be 1"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor must be 1"),
        ({"rope_scaling": "linear"}, "rope_scaling must be an object"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "rope_type must be 'default' or"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "rope_parameters: rope_type must be"),
        ({"rope_parameters": {"rope_type": ["llama3"]}}, "rope_type must be"),
        ({"rope_parameters": {"rope_theta": None}}, "rope_parameters: rope_theta must be a number"),
        (
            {"rope_theta": 5e3, "rope_parameters": {"rope_theta": 6e3}},
            "rope_parameters: rope_theta must be 5000 as beside it, got 6000.0",
        ),
        ({"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling: factor is missing"),
        ({"rope_scaling": {**LLAMA3, "factor": None}}, "rope_scaling: factor must be a number"),
        ({"rope_scaling": {**LLAMA3, "factor": "8"}}, "factor must be a number"),
        ({"rope_scaling": {**LLAMA3, "low_freq_factor": 9}}, "low_freq_factor must be below"),
        ({"vocab_size": "x" * 500}, "xxx..."),
    ],
)
def test_models_that_are_not_computed(folder: Path, changes: dict[str, Any], part: str) -> None:
    (folder / "config.json").write_text(json.dumps(config_json(SMALL, **changes)))
    assert_refused(folder, part)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "llama"},
        {"is_causal": True},
        {"layer_types": ["full_attention"] * SMALL.layers},
        {"rope_parameters": {}},
        {"rope_parameters": {**LLAMA3, "rope_theta": SMALL.rope_theta}},
        {"rope_scaling": {}, "rope_parameters": LLAMA3},
        {
            "rope_scaling": {
                name: value
                for name, value in LLAMA3.items()
                if name != "original_max_position_embeddings"
            },
            "original_max_position_embeddings": LLAMA3["original_max_position_embeddings"],
        },
        {"original_max_position_embeddings": LLAMA3["original_max_position_embeddings"]},
        {
            "sliding_window": 4,
            "pretraining_tp": 2,
            "attention_dropout": 0.1,
            "torch_dtype": "float16",
        },
        {"partial_rotary_factor": None, "quantization_config": None},
    ],
)
def test_spellings_of_the_same_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = MODELS["llama"]
    save_checkpoint(tmp_path, config, checkpoint_tensors(config, make_weights(config)))
    given = config_json(config, **changes)
    if changes.get("rope_parameters"):
        given = {"rope_scaling": None} | given | changes
        if "rope_scaling" not in changes:
            del given["rope_scaling"]
    (tmp_path / "config.json").write_text(json.dumps(given))
    assert Decoder.from_pretrained(tmp_path).config == config


def test_heads_that_are_left_out(folder: Path) -> None:
    config = config_json(SMALL)
    for name in ("num_key_value_heads", "head_dim"):
        del config[name]
    (folder / "config.json").write_text(json.dumps(config))
    assert_refused(folder, "kv_heads must divide heads 4, got 32")  # Qwen2's own default
    (folder / "config.json").write_text(
        json.dumps(config | {"num_key_value_heads": 2, "head_dim": 8})
    )
    assert Decoder.from_pretrained(folder).config == SMALL
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 23}))
    assert_refused(folder, "hidden_size must be a multiple of num_attention_heads 4, got 23")


def test_a_tied_head_that_differs(folder: Path) -> None:
    head = TENSORS["model.embed_tokens.weight"].copy()
    head[-1, -1] += 1
    save_file(TENSORS | {"lm_head.weight": head}, folder / "model.safetensors")
    assert_refused(folder, "lm_head.weight must be equal to model.embed_tokens.weight")
    save_file(TENSORS | {"lm_head.weight": head[:-1]}, folder / "model.safetensors")
    assert_refused(folder, "lm_head.weight must be of shape")


def test_a_truncated_file_at_every_length(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = path.read_bytes()
    for length in (0, 5, 8, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        assert_refused(folder, "model.safetensors: is damaged")


@pytest.mark.parametrize("name", list(TENSORS)[:6])
def test_a_missing_tensor(folder: Path, name: str) -> None:
    save_file(
        {other: tensor for other, tensor in TENSORS.items() if other != name},
        folder / "model.safetensors",
    )
    assert_refused(folder, f"{name} is missing")


def test_tensors_that_do_not_fit(folder: Path) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    for wrong in (TENSORS[name].T.copy(), TENSORS[name][:-1], TENSORS[name].reshape(-1)):
        save_file(TENSORS | {name: wrong}, folder / "model.safetensors")
        assert_refused(
            folder, "model.safetensors", f"{name} must be of shape (40, 24), got {wrong.shape}"
        )
    save_file(TENSORS | {name: TENSORS[name].astype(np.float64)}, folder / "model.safetensors")
    assert_refused(folder, "model.safetensors", f"{name} must be of one of", "got F64")


def test_tensors_that_would_be_left_out(folder: Path) -> None:
    extra = "model.layers.0.self_attn.o_proj.bias"
    save_file(TENSORS | {extra: np.zeros(24, np.float32)}, folder / "model.safetensors")
    assert_refused(folder, f"model.safetensors: {extra} is of no use")
    harmless = {
        "lm_head.weight": TENSORS["model.embed_tokens.weight"].copy(),
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(4, np.float32),
    }
    save_file(TENSORS | harmless, folder / "model.safetensors")
    Decoder.from_pretrained(folder)


def test_indices_that_lead_nowhere(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, SMALL, TENSORS, 3)
    path = tmp_path / "model.safetensors.index.json"
    index = json.loads(path.read_text())["weight_map"]
    name = "model.norm.weight"
    for file, part in (
        ("none.safetensors", "none.safetensors: cannot be read: No such file"),
        ("../part-0.safetensors", f"{name}: must be in a file beside it"),
        ("", f"{name}: must be in a file beside it"),
        ("part-0.safetensors", f"part-0.safetensors: {name} is missing"),
        ("config.json", "config.json: is damaged"),
        ("x" * 300, "cannot be read"),
        ("a\0b", "cannot be read"),
    ):
        assert index[name] != file
        path.write_text(json.dumps({"weight_map": index | {name: file}}))
        assert_refused(tmp_path, part)
    for weight_map in (None, [], {name: 1}):
        path.write_text(json.dumps({"weight_map": weight_map}))
        assert_refused(tmp_path, "weight_map must be an object of file names")
    path.write_text(json.dumps({"weight_map": index}))
    (tmp_path / "part-1.safetensors").unlink()
    assert_refused(tmp_path, "part-1.safetensors: cannot be read: No such file")


BAD_IDS: list[tuple[Any, type[Exception], str]] = [
    ([], ValueError, "must hold at least one id"),
    ([[1, 2]], ValueError, r"must be 1-D, got shape \(1, 2\)"),
    (3, ValueError, r"must be 1-D, got shape \(\)"),
    ([1.0], TypeError, "must be integers, got float64"),
    ([True], TypeError, "must be integers, got bool"),
    (["1"], TypeError, "must be integers"),
    ([0, 50], ValueError, r"must be in \[0, 49\], got 50"),
    ([0, -1], ValueError, r"must be in \[0, 49\], got -1"),
    (np.array([2**63], np.uint64), ValueError, r"must be in \[0, 49\]"),
    ([10**30], TypeError, "must be integers"),
]


@pytest.fixture
def model() -> Decoder:
    decoder = Decoder(SMALL, make_weights(SMALL), threads=1)
    decoder.prefill(IDS)
    return decoder


def assert_refused_unchanged(
    model: Decoder, error: type[Exception], text: str, call: Callable[[], Any]
) -> None:
    """Check that a call is refused and changes nothing."""
    with pytest.raises(error, match=f"^{text}"):
        call()
    assert model.length == 3
    fresh = Decoder(SMALL, make_weights(SMALL), threads=1)
    fresh.prefill(IDS)
    np.testing.assert_array_equal(model.step(4), fresh.step(4))


@pytest.mark.parametrize(("ids", "error", "text"), BAD_IDS)
def test_bad_ids(model: Decoder, ids: Any, error: type[Exception], text: str) -> None:
    assert_refused_unchanged(model, error, f"ids {text}", lambda: model.prefill(ids))
    model.reset()
    model.prefill(IDS)
    assert_refused_unchanged(model, error, f"ids {text}", lambda: model.generate(ids, 2))


@pytest.mark.parametrize(
    ("index", "error"), [(50, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError),
                         ([1], TypeError), ("1", TypeError), (None, TypeError)],
)  # fmt: skip
def test_a_bad_id(model: Decoder, index: Any, error: type[Exception]) -> None:
    assert_refused_unchanged(model, error, "id must be", lambda: model.step(index))


def read_only() -> Any:
    """Return an array that cannot be written to."""
    array = np.zeros(50, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "error", "text"),
    [
        ([0.0] * 50, TypeError, "a numpy array or None, got list"),
        (np.zeros(50), TypeError, "float32, got dtype float64"),
        (np.zeros(50, ">f4"), TypeError, "float32, got dtype >f4"),
        (np.zeros(49, np.float32), ValueError, r"have shape \(50,\), got \(49,\)"),
        (np.zeros((1, 50), np.float32), ValueError, r"have shape \(50,\), got \(1, 50\)"),
        (read_only(), ValueError, "writeable, got a read-only array"),
        (np.zeros(201, np.uint8)[1:].view(np.float32), ValueError, "aligned"),
    ],
)
def test_bad_places_for_logits(model: Decoder, out: Any, error: type[Exception], text: str) -> None:
    assert_refused_unchanged(model, error, f"out must (be )?{text}", lambda: model.step(4, out=out))
    model.rewind(3)
    assert_refused_unchanged(
        model, error, f"out must (be )?{text}", lambda: model.prefill([4, 5], out=out)
    )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("n", 0, ValueError), ("n", -1, ValueError), ("n", 1.5, TypeError), ("n", True, TypeError),
        ("n", None, TypeError), ("seed", -1, ValueError), ("seed", "x", TypeError),
        ("stop", (50,), ValueError), ("stop", ("a",), TypeError), ("top_k", 0, ValueError),
        ("top_p", 2.0, ValueError), ("temperature", -1, ValueError), ("threads", 0, ValueError),
        ("threads", 1.0, TypeError), ("threads", True, TypeError), ("profiler", 1, TypeError),
    ],
)  # fmt: skip
def test_bad_arguments_of_generate(
    model: Decoder, name: str, value: Any, error: type[Exception]
) -> None:
    arguments = {"n": 2, name: value}
    assert_refused_unchanged(
        model, error, f"{name} must be", lambda: model.generate([1], **arguments)
    )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"context": 0}, ValueError, "context must be"),
        ({"context": 601}, ValueError, "context must be"),
        ({"context": 2.0}, TypeError, "context must be"),
        ({"threads": 0}, ValueError, "threads must be"),
        ({"profiler": "x"}, TypeError, "profiler must be"),
        ({"optimizations": True}, TypeError, "optimizations must be"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"^{text}"):
        Decoder(SMALL, make_weights(SMALL), **options)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("huge",), ValueError, "preset must be one of"),
        ((["tiny"],), ValueError, "preset must be one of"),
        (("tiny", -1), ValueError, "seed must be"),
        (("tiny", 1.0), TypeError, "seed must be"),
        (("tiny", 0, 0), ValueError, "layers must be"),
        (("tiny", 0, True), TypeError, "layers must be"),
    ],
)
def test_bad_random_models(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"^{text}"):
        Decoder.random(*arguments)


def test_bad_fields() -> None:
    fields = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}
    for name, value in (("hidden", 0), ("rms_eps", 0), ("rope_theta", "x"), ("layers", 1.5)):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            ModelConfig(**{**fields, name: value})
    with pytest.raises(ValueError, match="^original_context must be"):
        Llama3Scaling(8.0, 1.0, 4.0, 0)
    with pytest.raises(TypeError, match="^reuse_buffers must be"):
        Optimizations(reuse_buffers=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["\x1b[31mred\x07", "two\nlines", "\u202eback", "\ud800", "x" * 999]
)
def test_names_in_errors_are_one_short_line(name: str) -> None:
    said = str(CheckpointError(f"model.safetensors: {name} is of no use to the model"))
    assert said.isprintable() and len(said) <= 300
    assert said.startswith("model.safetensors: ") and said.endswith(" is of no use to the model")


def test_adapters_are_not_computed(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    assert_refused(folder, "adapter_config.json: adapters are not computed")
