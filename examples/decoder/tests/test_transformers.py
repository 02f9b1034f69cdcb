"""The decoder against transformers: checkpoints that it saves, logits that it computes."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoder import CheckpointError, Decoder
from decoder.sampling import Sampling

os.environ["HF_HUB_OFFLINE"] = "1"  # before the import: nothing is ever fetched

torch = pytest.importorskip("torch", reason="torch is not installed: pip install '.[transformers]'")
transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed: pip install '.[transformers]'"
)

# The packages' own deprecations are not this project's.
pytestmark = pytest.mark.filterwarnings("default")

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.15,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen2": ("Qwen2", {"tie_word_embeddings": False, "rope_theta": 1e6}),
    "qwen2 tied": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen2 one group": ("Qwen2", {"num_key_value_heads": 6, "rms_norm_eps": 1e-3}),
    "llama": ("Llama", {}),
    "llama biased": ("Llama", {"attention_bias": True, "tie_word_embeddings": True}),
    "llama wide heads": ("Llama", {"head_dim": 20, "num_key_value_heads": 1}),
    "llama3": ("Llama", {"rope_theta": 5e3, "rope_scaling": LLAMA3, "head_dim": 32}),
}
IDS = np.random.default_rng(5).integers(0, SIZES["vocab_size"], 61).tolist()


def make_model(kind: str, options: dict[str, Any]) -> Any:
    """Make a small random model whose norms and biases matter."""
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(**deepcopy(SIZES | options))
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.uniform_(0.5, 1.5)
            elif name.endswith(".bias"):
                parameter.uniform_(-0.5, 0.5)
    return model


def logits_of(model: Any, ids: list[int]) -> np.ndarray:
    """Return a model's logits after every id, as float32."""
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy()


@pytest.fixture(params=MODELS, scope="module")
def saved(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Path, np.ndarray]:
    """Return a checkpoint and the logits after each of IDS."""
    model = make_model(*MODELS[request.param])
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    return folder, logits_of(model, IDS)


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    """Check logits that differ by float32's rounding only."""
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


def test_prefill(saved: tuple[Path, np.ndarray]) -> None:
    decoder = Decoder.from_pretrained(saved[0])
    assert_close(decoder.prefill(IDS), saved[1][-1])


def test_step_by_step(saved: tuple[Path, np.ndarray]) -> None:
    decoder = Decoder.from_pretrained(saved[0], threads=1)
    for index, expected in zip(IDS, saved[1], strict=True):
        assert_close(decoder.step(index), expected)


def test_prefill_and_steps_in_turn(saved: tuple[Path, np.ndarray]) -> None:
    decoder = Decoder.from_pretrained(saved[0])
    assert_close(decoder.prefill(IDS[:20]), saved[1][19])
    assert_close(decoder.step(IDS[20]), saved[1][20])
    assert_close(decoder.prefill(IDS[21:60]), saved[1][59])
    assert_close(decoder.step(IDS[60]), saved[1][60])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("name", ["qwen2 tied", "llama"])
def test_types_and_shards(tmp_path: Path, name: str, dtype: str) -> None:
    model = make_model(*MODELS[name]).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    expected = type(model).from_pretrained(tmp_path, dtype=torch.float32, local_files_only=True)
    assert_close(Decoder.from_pretrained(tmp_path).prefill(IDS), logits_of(expected, IDS)[-1])


@pytest.mark.parametrize("scaling", [None, LLAMA3])
def test_both_spellings_of_config(tmp_path: Path, scaling: dict[str, Any] | None) -> None:
    options = {"rope_theta": 5e3} | ({} if scaling is None else {"rope_scaling": scaling})
    make_model("Llama", options).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for key in ("rope_theta", "rope_scaling", "rope_parameters", "dtype", "torch_dtype"):
        config.pop(key, None)
    old = {"rope_theta": 5e3, "rope_scaling": scaling, "torch_dtype": "float32"}
    new = {"rope_parameters": {**(scaling or {"rope_type": "default"}), "rope_theta": 5e3}}
    logits = []
    for spelling in (old, new | {"dtype": "float32"}):
        path.write_text(json.dumps(config | spelling))
        logits.append(Decoder.from_pretrained(tmp_path).prefill(IDS))
    np.testing.assert_array_equal(*logits)
    wrong = old | {"rope_theta": 6e3}
    path.write_text(json.dumps(config | wrong))
    assert not np.array_equal(Decoder.from_pretrained(tmp_path).prefill(IDS), logits[0])


@pytest.mark.parametrize("name", ["qwen2", "llama3"])
def test_greedy_generation(tmp_path: Path, name: str) -> None:
    model = make_model(*MODELS[name])
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        expected = model.generate(
            torch.tensor([IDS[:9]]),
            attention_mask=torch.ones(1, 9, dtype=torch.long),
            max_new_tokens=40,
            min_new_tokens=40,
            do_sample=False,
            pad_token_id=0,
        )[0, 9:].tolist()
    assert Decoder.from_pretrained(tmp_path).generate(IDS[:9], 40) == expected


@pytest.mark.parametrize("top_k", [None, 1, 7, 500])
@pytest.mark.parametrize("top_p", [None, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_ids_that_may_be_drawn(
    temperature: float, top_p: float | None, top_k: int | None
) -> None:
    from transformers.generation import logits_process as kept

    logits = np.random.default_rng(3).standard_normal(80).astype(np.float32) * 2
    scores = torch.tensor(logits)[None] / temperature
    if top_k is not None:
        scores = kept.TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None:
        scores = kept.TopPLogitsWarper(top_p)(None, scores)
    expected = torch.softmax(scores.double(), -1)[0].numpy()
    ids, weights = Sampling(temperature, top_k, top_p)._candidates(logits)
    actual = np.zeros(80)
    actual[ids] = weights / weights.sum()
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-9)


ORIGINAL = "original_max_position_embeddings"
OUTSIDE = {name: value for name, value in LLAMA3.items() if name != ORIGINAL}
CHANGES: dict[str, dict[str, Any]] = {
    "two spellings": {"rope_scaling": LLAMA3, "rope_parameters": {"rope_type": "default"}},
    "two that agree": {"rope_scaling": LLAMA3, "rope_parameters": LLAMA3},
    "another theta": {"rope_scaling": LLAMA3, "rope_parameters": {**LLAMA3, "rope_theta": 9e3}},
    "by layer type": {"rope_parameters": {"full_attention": {"rope_theta": 9e3}}},
    "no theta": {"rope_parameters": {"rope_type": "default"}},
    "theta beside it": {"rope_parameters": {"rope_type": "default"}, "rope_theta": 9e3},
    "original context outside": {"rope_parameters": OUTSIDE, ORIGINAL: 32},
    "two original contexts": {"rope_parameters": LLAMA3, ORIGINAL: 64},
    "not causal": {"is_causal": False},
    "tied after all": {"tie_word_embeddings": True},
    "sliding window that is off": {"sliding_window": 4},
    "sliding window": {"sliding_window": 4, "use_sliding_window": True, "max_window_layers": 0},
    "tiny theta": {"rope_theta": 1e-5},
    "granite": {"model_type": "granite"},
    "helium": {"model_type": "helium"},
    "ernie4_5": {"model_type": "ernie4_5"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["Qwen2", "Llama"])
def test_changed_configs_are_computed_or_refused(tmp_path: Path, kind: str, change: str) -> None:
    make_model(kind, {}).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    del config["rope_parameters"]
    path.write_text(json.dumps(config | CHANGES[change]))
    try:
        logits = Decoder.from_pretrained(tmp_path).prefill(IDS)
    except CheckpointError:
        return
    expected = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert_close(logits, logits_of(expected.eval(), IDS)[-1])
