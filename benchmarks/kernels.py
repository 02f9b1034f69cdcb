"""gemm and attention against NumPy and PyTorch, paired in one run.

python benchmarks/kernels.py [--threads N] [--dtype float32] [--only gemm|attention] [--json F]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from paired import Case, optional, pin_threads, race, show, write_json

GEMM_SHAPES = [
    (256, 256, 256),
    (257, 263, 269),
    (384, 384, 384),
    (512, 512, 512),
    (768, 768, 768),
    (1000, 777, 900),
    (1024, 1024, 1024),
    (1536, 1536, 1536),
    (2048, 256, 1024),
    (256, 2048, 1024),
]
"""m, n, k."""

ATTENTION_SHAPES = [
    (12, 512, 64, False),
    (12, 512, 64, True),
    (8, 1024, 64, False),
    (8, 1024, 64, True),
    (4, 2048, 128, False),
    (4, 2048, 128, True),
    (16, 777, 80, False),
]
"""heads, length, dim, causal."""


def gemm_cases(threads: int, dtype: str, seconds: float) -> list[Case]:
    """Race gemm over square, odd and long shapes."""
    import numpy as np

    import brickprof as bp

    torch: Any = optional("torch")
    rng = np.random.default_rng(1)
    cases = []
    for m, n, k in GEMM_SHAPES:
        a = rng.standard_normal((m, k)).astype(dtype)
        b = rng.standard_normal((k, n)).astype(dtype)
        ours, theirs = np.empty((m, n), dtype), np.empty((m, n), dtype)
        rivals: dict[str, Callable[[], object]] = {
            "brickprof": lambda: bp.gemm(a, b, out=ours, threads=threads),
            "NumPy": lambda: np.matmul(a, b, out=theirs),
        }
        if torch:
            torch.set_num_threads(threads)
            x, y = torch.from_numpy(a), torch.from_numpy(b)
            z = torch.empty((m, n), dtype=x.dtype)
            rivals["PyTorch"] = lambda: torch.mm(x, y, out=z)
        cases.append(race(f"gemm {m} x {n} x {k}", rivals, work=2.0 * m * n * k, seconds=seconds))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3 * k**0.5)
    return cases


def attention_cases(threads: int, seconds: float) -> list[Case]:
    """Race attention against PyTorch's scaled_dot_product_attention."""
    import numpy as np

    import brickprof as bp

    torch: Any = optional("torch")
    if not torch:
        return []
    torch.set_num_threads(threads)
    rng = np.random.default_rng(2)
    cases = []
    for heads, length, dim, causal in ATTENTION_SHAPES:
        q, k, v = (rng.standard_normal((heads, length, dim)).astype("float32") for _ in range(3))
        out = np.empty_like(q)
        tq, tk, tv = (torch.from_numpy(x[None]) for x in (q, k, v))
        sdpa = torch.nn.functional.scaled_dot_product_attention
        flops = bp.plan_attention(heads, length, length, dim, causal).flops
        title = f"attention {heads} x {length} x {dim}{' causal' if causal else ''}"
        rivals: dict[str, Callable[[], object]] = {
            "brickprof": lambda: bp.attention(q, k, v, causal=causal, out=out, threads=threads),
            "PyTorch": lambda: sdpa(tq, tk, tv, is_causal=causal),
        }
        cases.append(race(title, rivals, work=float(flops), seconds=seconds))
        theirs = sdpa(tq, tk, tv, is_causal=causal)[0].numpy()
        np.testing.assert_allclose(out, theirs, rtol=0, atol=1e-5)
    return cases


def main() -> None:
    """Run the races and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--only", choices=["gemm", "attention"])
    parser.add_argument("--seconds", type=float, default=1.0, help="per problem")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    pin_threads(args.threads)
    cases: list[Case] = []
    if args.only != "attention":
        found = gemm_cases(args.threads, args.dtype, args.seconds)
        show(found)
        cases += found
    if args.only != "gemm":
        found = attention_cases(args.threads, args.seconds)
        if found:
            show(found)
        cases += found
    write_json(args.json, cases)


if __name__ == "__main__":
    main()
