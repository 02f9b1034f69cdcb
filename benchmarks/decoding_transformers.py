"""The step and the prefill of transformers, on the weights of a decoder of examples/.

PyTorch and transformers are imported where they are used: they may be missing.
"""

from __future__ import annotations

from typing import Any

from benchmarks.decoding_calls import IDS, PROMPT, Calls, past_of


def transformers_model(config: Any, weights: Any) -> Any:
    """Return the same model by transformers, on the same memory."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = Qwen2Config(
        hidden_size=config.hidden, num_hidden_layers=config.layers, vocab_size=config.vocab,
        num_attention_heads=config.heads, num_key_value_heads=config.kv_heads,
        intermediate_size=config.intermediate, rms_norm_eps=config.rms_eps,
        rope_theta=config.rope_theta, tie_word_embeddings=True,
        max_position_embeddings=config.context,
    )  # fmt: skip
    model = Qwen2ForCausalLM(shape).eval()
    queries, keys, inner = config.query_rows, config.key_rows, config.intermediate
    state = {"model.embed_tokens.weight": weights.embedding, "model.norm.weight": weights.norm,
             "lm_head.weight": weights.head}  # fmt: skip
    ends = {"q": (0, queries), "k": (queries, queries + keys), "v": (queries + keys, None)}
    for number, layer in enumerate(weights.layers):
        at = f"model.layers.{number}."
        for name, (first, last) in ends.items():
            state[f"{at}self_attn.{name}_proj.weight"] = layer.qkv[first:last]
            state[f"{at}self_attn.{name}_proj.bias"] = layer.qkv_bias[first:last]
        state |= {
            f"{at}self_attn.o_proj.weight": layer.output,
            f"{at}mlp.gate_proj.weight": layer.gate_up[:inner],
            f"{at}mlp.up_proj.weight": layer.gate_up[inner:],
            f"{at}mlp.down_proj.weight": layer.down,
            f"{at}input_layernorm.weight": layer.attention_norm,
            f"{at}post_attention_layernorm.weight": layer.mlp_norm,
        }
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    model.load_state_dict(tensors, assign=True)
    return model


def transformers_calls(config: Any, weights: Any) -> Calls:
    """Return the step and the prefill of transformers."""
    import torch
    from transformers import DynamicCache

    model, past = transformers_model(config, weights), past_of(config)
    prompt, one = torch.tensor([IDS[:PROMPT]]), torch.tensor([[5]])
    cache = DynamicCache()

    def prefill() -> Any:
        with torch.inference_mode():
            out = model(prompt, past_key_values=DynamicCache(), use_cache=True, logits_to_keep=1)
        return out.logits[0, -1].numpy()

    def step() -> Any:
        with torch.inference_mode():
            if (extra := cache.get_seq_length() - past) > 0:
                cache.crop(-extra)
            return model(one, past_key_values=cache, use_cache=True).logits[0, -1].numpy()

    with torch.inference_mode():
        model(torch.tensor([IDS[:past]]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return {"step": step, "fill": prefill}
