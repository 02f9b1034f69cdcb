"""The sizes and switches of a model, and config.json, which holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from decoder.errors import CheckpointError
from decoder.files import read_json, short_repr

_ARCHITECTURES = {"Qwen2ForCausalLM": "qwen2", "LlamaForCausalLM": "llama"}
_SIZES = ("hidden", "layers", "heads", "kv_heads", "head_dim", "intermediate", "vocab", "context")
_MISSING: Any = object()
_MAX_SIZE = 2**31 - 1
_EPS = (1e-30, 1.0)
_THETA = (1.0, 1e30)
_FACTOR = (1e-6, 1e6)


@dataclass(frozen=True)
class Llama3Scaling:
    """Rotary frequencies stretched for long contexts.

    Parameters
    ----------
    factor : float
        By how much low frequencies are slowed down.
    low_freq_factor, high_freq_factor : float
        Rotations within the original context below which a frequency is low, and above which it
        is kept; those between are interpolated.
    original_context : int
        Tokens of the context that the model was first trained with.

    Raises
    ------
    ValueError
        If a factor is not in [1e-6, 1e6], or the two limits are not in order.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int

    def __post_init__(self) -> None:
        for name in ("factor", "low_freq_factor", "high_freq_factor"):
            _check_number(name, getattr(self, name), _FACTOR)
        _check_size("original_context", self.original_context)
        if self.low_freq_factor >= self.high_freq_factor:
            raise ValueError(
                f"low_freq_factor must be below high_freq_factor {self.high_freq_factor}, "
                f"got {self.low_freq_factor}"
            )


@dataclass(frozen=True)
class ModelConfig:
    """What a Qwen2 or Llama model is made of.

    Parameters
    ----------
    hidden, layers, heads, kv_heads, head_dim, intermediate, vocab : int
        Sizes below 2**31; `head_dim` need not be hidden / heads, and `kv_heads` divides `heads`.
    context : int
        Maximum number of tokens that the model was made for.
    rms_eps : float
        Added to the mean of squares in RMSNorm; at most 1.
    rope_theta : float
        Base of the rotary frequencies, in [1, 1e30].
    tied : bool
        The output head is the embedding.
    qkv_bias, output_bias : bool
        Whether the projections of attention have biases.
    rope_scaling : Llama3Scaling, optional
        How rotary frequencies are stretched.

    Raises
    ------
    ValueError
        If a field is not what it must be; the message begins with its name.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    context: int
    rms_eps: float = 1e-6
    rope_theta: float = 10000.0
    tied: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    rope_scaling: Llama3Scaling | None = None

    def __post_init__(self) -> None:
        for name in _SIZES:
            _check_size(name, getattr(self, name))
        _check_number("rms_eps", self.rms_eps, _EPS)
        _check_number("rope_theta", self.rope_theta, _THETA)
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads must divide heads {self.heads}, got {self.kv_heads}")
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even, got {self.head_dim}")

    @property
    def query_rows(self) -> int:
        """Rows of the query projection."""
        return self.heads * self.head_dim

    @property
    def key_rows(self) -> int:
        """Rows of the key projection, and of the value projection."""
        return self.kv_heads * self.head_dim


def read_config(path: Path) -> ModelConfig:
    """Read the config.json of a checkpoint, as any version of transformers writes it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ModelConfig

    Raises
    ------
    CheckpointError
        If the file cannot be read, lacks a key or has one of the wrong type or value, or if the
        model has something that this decoder does not compute.
    """
    keys = _Keys(read_json(path), str(path))
    qwen = _architecture(keys) == "qwen2"
    layers = keys.integer("num_hidden_layers")
    _reject_unsupported(keys, layers)
    heads, hidden = keys.integer("num_attention_heads"), keys.integer("hidden_size")
    bias = qwen or keys.flag("attention_bias", False)
    theta, scaling = _rope(keys)
    try:
        return ModelConfig(
            hidden=hidden,
            layers=layers,
            heads=heads,
            kv_heads=_kv_heads(keys, heads, qwen),
            head_dim=_head_dim(keys, hidden, heads, qwen),
            intermediate=keys.integer("intermediate_size"),
            vocab=keys.integer("vocab_size"),
            context=keys.integer("max_position_embeddings"),
            rms_eps=keys.number("rms_norm_eps", _EPS),
            rope_theta=theta,
            tied=keys.flag("tie_word_embeddings", False),
            qkv_bias=bias,
            output_bias=bias and not qwen,
            rope_scaling=scaling,
        )
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


class _Keys:
    """A JSON object whose values are checked as they are taken."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values, self.where = values, where

    def get(self, name: str, default: Any = _MISSING) -> Any:
        """Return a value of any type, null as None."""
        if name not in self.values and default is _MISSING:
            raise CheckpointError(f"{self.where}: {name} is missing")
        return self.values.get(name, default)

    def integer(self, name: str, default: Any = _MISSING) -> int:
        """Return an integer of at least 1."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_SIZE:
            self.fail(name, value, "an integer in [1, 2**31 - 1]")
        return int(value)

    def number(self, name: str, limits: tuple[float, float], default: Any = _MISSING) -> float:
        """Return a number in a range."""
        value = self.get(name, default)
        if not _is_number(value):
            self.fail(name, value, "a number")
        if not limits[0] <= value <= limits[1]:
            self.fail(name, value, f"in [{limits[0]:g}, {limits[1]:g}]")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth value."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.fail(name, value, "true or false")
        return bool(value)

    def fail(self, name: str, value: Any, expected: str) -> NoReturn:
        """Raise the error of a value that is not what it must be."""
        raise CheckpointError(f"{self.where}: {name} must be {expected}, got {short_repr(value)}")


def _architecture(keys: _Keys) -> str:
    """Return "qwen2" or "llama"."""
    listed, kind = keys.get("architectures", None), keys.get("model_type", None)
    known = list(_ARCHITECTURES)
    if listed is None:
        kind = keys.get("model_type")
        if kind not in _ARCHITECTURES.values():
            keys.fail("model_type", kind, f"one of {sorted(_ARCHITECTURES.values())}")
        return str(kind)
    if not isinstance(listed, list) or len(listed) != 1 or listed[0] not in known:
        keys.fail("architectures", listed, f"one of {known}")
    family = _ARCHITECTURES[listed[0]]
    # Other families have been saved under these names; transformers goes by the type.
    if kind not in (None, family):
        keys.fail("model_type", kind, f"{family!r} as architectures says")
    return family


def _kv_heads(keys: _Keys, heads: int, qwen: bool) -> int:
    """Return the heads of keys; null is as many as of queries, and Qwen2 leaves out 32."""
    if keys.get("num_key_value_heads", heads) is None:
        return heads
    return keys.integer("num_key_value_heads", 32 if qwen else heads)


def _head_dim(keys: _Keys, hidden: int, heads: int, qwen: bool) -> int:
    """Return the size of a head; only Llama's may be null."""
    if "head_dim" in keys.values and (qwen or keys.get("head_dim") is not None):
        return keys.integer("head_dim")
    if hidden % heads:
        keys.fail("hidden_size", hidden, f"a multiple of num_attention_heads {heads}")
    return hidden // heads


def _reject_unsupported(keys: _Keys, layers: int) -> None:
    """Reject what changes a model's output and is not computed here."""
    if not keys.flag("is_causal", True):
        raise CheckpointError(f"{keys.where}: is_causal: attention to later tokens is not computed")
    if keys.flag("use_sliding_window", False):
        raise CheckpointError(f"{keys.where}: use_sliding_window: sliding windows are not computed")
    kinds = keys.get("layer_types", None)
    if kinds is not None and not (
        isinstance(kinds, list) and len(kinds) == layers == kinds.count("full_attention")
    ):
        keys.fail("layer_types", kinds, f"full_attention in each of {layers} layers")
    if keys.flag("mlp_bias", False):
        raise CheckpointError(f"{keys.where}: mlp_bias: biases in the MLP are not computed")
    if keys.get("hidden_act", "silu") != "silu":
        keys.fail("hidden_act", keys.get("hidden_act"), "'silu'")
    if keys.get("quantization_config", None) is not None:
        raise CheckpointError(f"{keys.where}: quantization_config: weights must not be quantized")
    if keys.get("per_layer_config", None):
        raise CheckpointError(f"{keys.where}: per_layer_config: layers must be alike")
    _reject_partial_rotation(keys)


def _reject_partial_rotation(keys: _Keys) -> None:
    """Reject heads of which only a part is rotated."""
    part = keys.get("partial_rotary_factor", None)
    if part is not None and (not _is_number(part) or part != 1):
        keys.fail("partial_rotary_factor", part, "1")


def _rope(keys: _Keys) -> tuple[float, Llama3Scaling | None]:
    """Return theta and the scaling, from the old spelling or that of transformers 5."""
    theta = keys.number("rope_theta", _THETA, 10000.0)
    read = {
        name: _rope_parameters(keys, name, theta)
        for name in ("rope_scaling", "rope_parameters")
        if keys.get(name, None) not in (None, {})
    }
    if len(set(read.values())) > 1:
        raise CheckpointError(
            f"{keys.where}: rope_scaling must say what rope_parameters says, with rope_theta"
        )
    return next(iter(read.values()), (theta, None))


def _rope_parameters(keys: _Keys, name: str, theta: float) -> tuple[float, Llama3Scaling | None]:
    """Return theta, where it is not that beside the object, and the scaling of one spelling."""
    given = keys.get(name)
    if not isinstance(given, dict):
        keys.fail(name, given, "an object")
    inner = _Keys(given, f"{keys.where}: {name}")
    for key, value in given.items():
        if isinstance(value, dict):
            inner.fail(key, value, "no object: parameters by layer type are not computed")
    _reject_partial_rotation(inner)
    kind = inner.get("rope_type", inner.get("type", "default"))
    if kind not in ("default", "llama3"):
        inner.fail("rope_type", kind, "'default' or 'llama3'")
    own = inner.number("rope_theta", _THETA, theta)
    if "rope_theta" in keys.values and own != theta:
        inner.fail("rope_theta", own, f"{theta:g} as beside it")
    theta = own
    if kind == "default":
        return theta, None
    try:
        return theta, Llama3Scaling(
            factor=inner.number("factor", _FACTOR),
            low_freq_factor=inner.number("low_freq_factor", _FACTOR),
            high_freq_factor=inner.number("high_freq_factor", _FACTOR),
            original_context=_original_context(keys, inner),
        )
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{inner.where}: {error}") from None


def _original_context(keys: _Keys, inner: _Keys) -> int:
    """Return the context before it was stretched, which may lie beside the other parameters."""
    name = "original_max_position_embeddings"
    if name not in keys.values:
        return inner.integer(name)
    outer = keys.integer(name)
    if inner.get(name, outer) != outer:
        inner.fail(name, inner.get(name), f"{outer} as beside it")
    return outer


def _is_number(value: object) -> bool:
    """Tell whether a value is a number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_size(name: str, value: object) -> None:
    """Check an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_SIZE:
        raise ValueError(f"{name} must be an integer in [1, 2**31 - 1], got {short_repr(value)}")


def _check_number(name: str, value: object, limits: tuple[float, float]) -> None:
    """Check a number in a range."""
    if not isinstance(value, (int, float)) or not _is_number(value):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not limits[0] <= value <= limits[1]:
        raise ValueError(
            f"{name} must be in [{limits[0]:g}, {limits[1]:g}], got {short_repr(value)}"
        )
