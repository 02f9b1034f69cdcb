"""The decoder: ids in, logits or ids out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import brickprof as bp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from decoder.checks import integer, logits_array, token_ids
from decoder.config import ModelConfig, read_config
from decoder.errors import CheckpointError
from decoder.kv_cache import KVCache
from decoder.op_by_op import OpByOpRunner
from decoder.optimizations import Optimizations
from decoder.presets import PRESETS
from decoder.regions import RegionRunner
from decoder.runner import Runner, RunOptions
from decoder.sampling import Sampling
from decoder.weights import Array, ModelWeights, random_weights

PREFILL_ROWS = 256
"""Positions of a prompt that go through the layers together; it bounds the buffers."""


class Decoder:
    """A Qwen2 or Llama model in float32, with the keys and values of its past.

    Not for several Python threads at once.

    Parameters
    ----------
    config : ModelConfig
        The model.
    weights : ModelWeights
        Its weights.
    context : int, optional
        Maximum number of positions; by default, and at most, as many as the model was made for.
    threads : int or ThreadConfig, optional
        Most threads of a kernel, or those of prefill and of decoding; by default as many as the
        process may use.
    profiler : BrickProfiler, optional
        Records forward passes in the bricks "decode" (of one position) or "prefill", each layer a
        Macro tile, and "logits". A step in one parallel region has the tiles of
        `ParallelRegion` in "decode" and "logits". Elsewhere kernels record their bricks "gemm" and
        "attention" inside a layer, at all three levels, and the element-wise parts are Midi tiles
        of the bricks "rms_norm", "rope", "swiglu" and "add".
    optimizations : Optimizations
        What to switch off.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: ModelWeights,
        *,
        context: int | None = None,
        threads: int | bp.ThreadConfig | None = None,
        profiler: bp.BrickProfiler | None = None,
        optimizations: Optimizations = Optimizations(),  # noqa: B008 it is frozen
    ) -> None:
        if not isinstance(optimizations, Optimizations):
            raise TypeError(f"optimizations must be Optimizations, got {optimizations!r}")
        limit = config.context
        if context is not None:
            limit = integer("context", context, 1, config.context)
        self._options = _run_options(threads, profiler, RunOptions())
        self._config = config
        self._cache = KVCache(config, limit)
        self._runner = choose_runner(config, weights, self._cache, optimizations)
        self._single = np.zeros(1, np.int64)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], **options: Any) -> Decoder:
        """Read a checkpoint: config.json and safetensors files, one or sharded.

        Parameters
        ----------
        folder : path
            Holds the files, as transformers saves them; float32, float16 or bfloat16.
        **options
            Keyword arguments of `Decoder`.

        Returns
        -------
        Decoder

        Raises
        ------
        CheckpointError
            If a file is missing or damaged, or the model is not one that is computed here.
        ImportError
            If the safetensors package is not installed.
        """
        from decoder.checkpoint import read_weights

        path = Path(folder)
        config = read_config(path / "config.json")
        if (path / "adapter_config.json").exists():
            raise CheckpointError(f"{path}: adapter_config.json: adapters are not computed")
        return cls(config, read_weights(path, config), **options)

    @classmethod
    def random(
        cls, preset: str, seed: int = 0, layers: int | None = None, **options: Any
    ) -> Decoder:
        """Make a model of random weights.

        Parameters
        ----------
        preset : str
            A name in `PRESETS`.
        seed : int
            At least 0; the same seed gives the same weights.
        layers : int, optional
            How many layers to make; by default as many as the preset has.
        **options
            Keyword arguments of `Decoder`.

        Returns
        -------
        Decoder

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or out of range.
        """
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"preset must be one of {list(PRESETS)}, got {preset!r}")
        config = PRESETS[preset]
        if layers is not None:
            config = replace(config, layers=integer("layers", layers, 1))
        return cls(config, random_weights(config, integer("seed", seed, 0)), **options)

    @property
    def config(self) -> ModelConfig:
        """The model."""
        return self._config

    @property
    def context(self) -> int:
        """Maximum number of positions."""
        return self._cache.context

    @property
    def length(self) -> int:
        """Positions so far."""
        return self._cache.length

    def reset(self) -> None:
        """Forget all positions."""
        self._cache.length = 0

    def rewind(self, length: int) -> None:
        """Forget all positions from one on.

        Parameters
        ----------
        length : int
            Positions to keep, at most as many as there are.

        Raises
        ------
        TypeError, ValueError
            If `length` is no integer or out of range.
        """
        self._cache.length = integer("length", length, 0, self.length)

    def prefill(
        self,
        ids: ArrayLike,
        threads: int | bp.ThreadConfig | None = None,
        profiler: bp.BrickProfiler | None = None,
        *,
        out: Array | None = None,
    ) -> Array:
        """Append ids to the context and return the logits after the last one.

        Parameters
        ----------
        ids : array_like of integers, shape (n,)
            At least one, each below the model's vocab.
        threads, profiler : optional
            In place of the decoder's own.
        out : ndarray, shape (vocab,), optional
            float32, of any stride: where the logits go. By default they get a new array.

        Returns
        -------
        ndarray, shape (vocab,)
            float32; `out` if that was given, else an array that no later call writes to.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type, shape or out of range, or the context is full;
            nothing has changed then.
        """
        options = _run_options(threads, profiler, self._options)
        vocab = self._config.vocab
        return self._append(token_ids("ids", ids, vocab), logits_array("out", out, vocab), options)

    def step(
        self,
        id: int,
        threads: int | bp.ThreadConfig | None = None,
        profiler: bp.BrickProfiler | None = None,
        *,
        out: Array | None = None,
    ) -> Array:
        """Append one id to the context and return the logits after it.

        Parameters
        ----------
        id : int
            Below the model's vocab.
        threads, profiler : optional
            In place of the decoder's own.
        out : ndarray, shape (vocab,), optional
            As for `prefill`; with it, a step allocates no array.

        Returns
        -------
        ndarray, shape (vocab,)
            As `prefill` gives it.

        Raises
        ------
        TypeError, ValueError
            As for `prefill`.
        """
        options = _run_options(threads, profiler, self._options)
        vocab = self._config.vocab
        self._single[0] = integer("id", id, 0, vocab - 1)
        return self._append(self._single, logits_array("out", out, vocab), options)

    def generate(
        self,
        ids: ArrayLike,
        n: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: Iterable[int] = (),
        *,
        threads: int | bp.ThreadConfig | None = None,
        profiler: bp.BrickProfiler | None = None,
    ) -> list[int]:
        """Append ids to the context and draw the ids that follow.

        Parameters
        ----------
        ids : array_like of integers, shape (rows,)
            At least one, each below the model's vocab.
        n : int
            Maximum number of ids to draw, at least 1.
        temperature, top_k, top_p : optional
            As in `Sampling`; by default the likeliest id is taken.
        seed : int, optional
            At least 0; the same seed draws the same ids.
        stop : iterable of int
            Ids after which to stop.
        threads, profiler : optional
            In place of the decoder's own.

        Returns
        -------
        list of int
            The ids that were drawn, with that of `stop` if one was. The last one has not been
            appended to the context.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or out of range, or the context has no room for
            all of `ids` and ``n - 1`` more; nothing has changed then.
        """
        options = _run_options(threads, profiler, self._options)
        vocab = self._config.vocab
        prompt, limit = token_ids("ids", ids, vocab), integer("n", n, 1)
        sampling = Sampling(temperature, top_k, top_p)
        random = np.random.default_rng(None if seed is None else integer("seed", seed, 0))
        stop_ids = {integer("stop", id, 0, vocab - 1) for id in stop}
        self._reserve(len(prompt) + limit - 1)
        logits = self._append(prompt, np.empty(vocab, np.float32), options)
        drawn = [sampling.draw(logits, random)]
        while len(drawn) < limit and drawn[-1] not in stop_ids:
            self._single[0] = drawn[-1]
            drawn.append(sampling.draw(self._append(self._single, logits, options), random))
        return drawn

    def _reserve(self, rows: int) -> None:
        """Make room for more positions."""
        if rows > self.context - self.length:
            raise ValueError(
                f"ids: no room for {rows} more in a context of {self.context} "
                f"that holds {self.length}"
            )
        self._cache.reserve(self.length + rows)

    def _append(self, ids: NDArray[np.int64], out: Array, options: RunOptions) -> Array:
        """Run ids through the model; they count as appended once all have been."""
        self._reserve(len(ids))
        past = self.length
        for start in range(0, len(ids), PREFILL_ROWS):
            part = ids[start : start + PREFILL_ROWS]
            last = start + len(part) == len(ids)
            self._runner.run(
                part, past + start, out if last else None, options.for_phase(len(part))
            )
        self._cache.length = past + len(ids)
        return out


def choose_runner(
    config: ModelConfig, weights: ModelWeights, cache: KVCache, optimizations: Optimizations
) -> Runner:
    """Return the runner for a model; a region has no arrays that it could make anew."""
    if optimizations.compiled_steps and optimizations.reuse_buffers:
        return RegionRunner(config, weights, cache, optimizations)
    return OpByOpRunner(config, weights, cache, optimizations)


def _run_options(threads: object, profiler: object, default: RunOptions) -> RunOptions:
    """Return the options of a forward pass, those of the decoder where none are given."""
    if threads is None and profiler is None:
        return default
    if profiler is not None and not isinstance(profiler, bp.BrickProfiler):
        raise TypeError(f"profiler must be a BrickProfiler or None, got {profiler!r}")
    counts = default.threads
    if isinstance(threads, bp.ThreadConfig):
        counts = threads
    elif threads is not None:
        counts = integer("threads", threads, 1)
    return RunOptions(counts, default.profiler if profiler is None else profiler)
