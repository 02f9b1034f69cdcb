"""A decoder of Qwen2 and Llama models on brickprof's kernels: the map of its public names."""

from __future__ import annotations

from decoder.config import Llama3Scaling as Llama3Scaling
from decoder.config import ModelConfig as ModelConfig
from decoder.errors import CheckpointError as CheckpointError
from decoder.model import Decoder as Decoder
from decoder.optimizations import Optimizations as Optimizations
from decoder.presets import PRESETS as PRESETS
from decoder.sampling import Sampling as Sampling
