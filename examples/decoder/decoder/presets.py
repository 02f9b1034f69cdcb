"""Models by name, for random weights."""

from __future__ import annotations

from decoder.config import ModelConfig

PRESETS = {
    "tiny": ModelConfig(
        hidden=64, layers=2, heads=4, kv_heads=2, head_dim=16, intermediate=160, vocab=256,
        context=256, tied=True, qkv_bias=True,
    ),
    "qwen2.5-0.5b": ModelConfig(
        hidden=896, layers=24, heads=14, kv_heads=2, head_dim=64, intermediate=4864, vocab=151936,
        context=32768, rope_theta=1e6, tied=True, qkv_bias=True,
    ),
    "qwen2.5-1.5b": ModelConfig(
        hidden=1536, layers=28, heads=12, kv_heads=2, head_dim=128, intermediate=8960, vocab=151936,
        context=32768, rope_theta=1e6, tied=True, qkv_bias=True,
    ),
}  # fmt: skip
"""Models by name; the sizes of Qwen2.5 are those of its published config.json files."""
