"""Profile single operations of a decoder, of one position and of many, against their roofs.

Operands are the same in each run, so that those which fit a cache come from there: the column
"from" says which memory's bandwidth the theory takes. In a whole model the layers between put
them out of it; `layer_profile.py` shows that.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import brickprof as bp
import numpy as np

from decoder import PRESETS, ModelConfig, ops
from decoder.checks import positive_int
from decoder.measurement import Measurement, format_table, nearest_memory, time_runs
from decoder.scripts import run_script
from decoder.weights import Array
from decoder.work import Work, attention_work, elementwise_work, ffn_work, matmul_work

Case = tuple[str, Work, Callable[[], object]]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speed of a decoder's single operations.")
    parser.add_argument("--preset", choices=PRESETS, default="tiny", help="whose sizes (tiny)")
    parser.add_argument("--threads", type=positive_int, help="maximum threads of a kernel (all)")
    parser.add_argument(
        "--rows", type=positive_int, nargs="+", default=[1, 64], help="positions (1 and 64)"
    )
    parser.add_argument("--past", type=int, default=64, help="positions in the cache (64)")
    parser.add_argument("--repeats", type=positive_int, default=5, help="runs to time (5)")
    return parser


def random_array(*shape: int) -> Array:
    numbers = np.random.default_rng(0).random(shape, np.float32)
    numbers -= np.float32(0.5)
    return numbers


def products(config: ModelConfig, rows: int, threads: int) -> Iterator[Case]:
    hidden, inner = config.hidden, config.intermediate
    sizes = {
        "qkv": (config.query_rows + 2 * config.key_rows, hidden),
        "output": (hidden, config.query_rows),
        "gate_up": (2 * inner, hidden),
        "down": (hidden, inner),
        "logits": (config.vocab, hidden),
    }
    for name, (outputs, inputs) in sizes.items():
        if name == "logits" and rows > 1:
            continue  # they are computed for the last position only
        x, weight, out = (
            random_array(rows, inputs),
            random_array(outputs, inputs),
            random_array(rows, outputs),
        )
        yield (
            f"matmul {name}",
            matmul_work(rows, outputs, inputs),
            partial(bp.gemm, x, weight.T, out=out, threads=threads),
        )


def attention(config: ModelConfig, rows: int, past: int, threads: int) -> Case:
    q = random_array(config.heads, rows, config.head_dim)
    k, v = (random_array(config.kv_heads, past + rows, config.head_dim) for _ in range(2))
    out = np.empty_like(q)
    return (
        "attention",
        attention_work(config, rows, past),
        lambda: bp.attention(q, k, v, causal=True, out=out, threads=threads),
    )


def ffn(config: ModelConfig, rows: int, threads: int) -> Case:
    hidden, inner = config.hidden, config.intermediate
    x, normed, out = (random_array(rows, hidden) for _ in range(3))
    gate_up, down = random_array(2 * inner, hidden), random_array(hidden, inner)
    gate_up_out, gated = random_array(rows, 2 * inner), random_array(rows, inner)
    weight, rms = random_array(hidden), random_array(rows, 1)

    def layer() -> None:
        ops.rms_norm(x, weight, config.rms_eps, normed, normed, rms)
        bp.gemm(normed, gate_up.T, out=gate_up_out, threads=threads)
        ops.swiglu(gate_up_out[:, :inner], gate_up_out[:, inner:], gated)
        bp.gemm(gated, down.T, out=out, threads=threads)
        np.add(x, out, out=out)

    return "FFN", ffn_work(config, rows), layer


def element_wise(config: ModelConfig, rows: int) -> Iterator[Case]:
    x, out = (random_array(rows, config.hidden) for _ in range(2))
    weight, rms = random_array(config.hidden), random_array(rows, 1)
    yield (
        "rms_norm",
        elementwise_work(ops.RMS_NORM, x.size),
        lambda: ops.rms_norm(x, weight, config.rms_eps, out, out, rms),
    )
    gate, up, gated = (random_array(rows, config.intermediate) for _ in range(3))
    yield (
        "swiglu",
        elementwise_work(ops.SWIGLU, gate.size),
        lambda: ops.swiglu(gate, up, gated),
    )
    heads, half = config.heads, config.head_dim // 2
    vectors, queries = (random_array(rows, heads, config.head_dim) for _ in range(2))
    cos, sin = ops.rope_tables(config, rows)
    scratch = random_array(rows, heads, half)
    yield (
        "rope",
        elementwise_work(ops.ROPE, vectors.size),
        lambda: ops.rope(vectors, cos, sin, queries, scratch),
    )


def single_position(config: ModelConfig, past: int, threads: int) -> Iterator[Case]:
    """Yield the operations of a step as decoding runs them, each in a region of its own."""
    hidden, inner, dim = config.hidden, config.intermediate, config.head_dim
    x, weight, normed = (random_array(hidden) for _ in range(3))
    gates, gated = random_array(2, inner), random_array(inner)
    gate_up, down = random_array(2 * inner, hidden), random_array(hidden, inner)
    queries, attended = (random_array(config.heads, dim) for _ in range(2))
    new_keys, new_values = (random_array(config.kv_heads, dim) for _ in range(2))
    keys, values = (random_array(config.kv_heads, past + 1, dim) for _ in range(2))
    cosine, sine = (t.reshape(past + 1, -1) for t in ops.rope_tables(config, past + 1))

    def case(name: str, work: Work, *add: Callable[[bp.ParallelRegion], None]) -> Case:
        region = bp.ParallelRegion(threads=threads)
        for operation in add:
            operation(region)
        return name, work, lambda: region.run(past)

    def norm(region: bp.ParallelRegion) -> None:
        region.rms_norm(x, weight, normed, config.rms_eps)

    def gate(region: bp.ParallelRegion) -> None:
        region.swiglu(gates[0], gates[1], gated)

    yield case(
        "attention",
        attention_work(config, 1, past),
        lambda region: region.attend(queries, keys, values, attended),
    )
    yield case(
        "FFN",
        ffn_work(config, 1),
        norm,
        lambda region: region.matvec(gate_up, normed, gates.reshape(-1)),
        gate,
        lambda region: region.matvec(down, gated, x, add=True),
    )
    yield case("rms_norm", elementwise_work(ops.RMS_NORM, hidden), norm)
    yield case("swiglu", elementwise_work(ops.SWIGLU, inner), gate)
    yield case(
        "rope",
        elementwise_work(ops.ROPE, queries.size + new_keys.size),
        lambda region: region.rotate_and_store(
            queries, new_keys, new_values, cosine, sine, keys, values
        ),
    )


def many_positions(config: ModelConfig, rows: int, past: int, threads: int) -> Iterator[Case]:
    """Yield the operations of a prefill."""
    yield attention(config, rows, past, threads)
    yield ffn(config, rows, threads)
    yield from element_wise(config, rows)


def run(args: argparse.Namespace, pool: bp.ConfiguredThreads) -> None:
    config, machine, roofs = PRESETS[args.preset], bp.detect_machine(), bp.roofs(pool.threads)
    for rows in args.rows:
        cases = [*products(config, rows, pool.threads)]
        if rows == 1:
            cases += single_position(config, args.past, pool.threads)
        else:
            cases += many_positions(config, rows, args.past, pool.threads)
        print(f"{args.preset} · {rows} position(s) after {args.past} · {pool.threads} thread(s)")
        print(
            format_table(
                Measurement(
                    name,
                    work,
                    time_runs(call, args.repeats),
                    nearest_memory(work.nbytes, machine),
                    roofs,
                )
                for name, work, call in cases
            )
        )


def main() -> None:
    run_script(build_parser(), run)


if __name__ == "__main__":
    main()
