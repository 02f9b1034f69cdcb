"""brickprof: a hierarchical tile profiler for cache-blocked kernels.

Names are imported when they are first used, so that reading a saved recording needs no compiled
module and importing the package costs next to nothing.

PYTEST_DONT_REWRITE: pytest, which it is a plugin of, would warn where it was imported before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from brickprof._version import __version__ as __version__
from brickprof.core.importing import IMPORTING

if TYPE_CHECKING:
    from brickprof._instrument import auto_instrument as auto_instrument
    from brickprof._profiler import BrickProfiler as BrickProfiler
    from brickprof.calibration import calibrate as calibrate
    from brickprof.calibration import roofs as roofs
    from brickprof.core.build_folders import get_cmake_dir as get_cmake_dir
    from brickprof.core.build_folders import get_include as get_include
    from brickprof.core.build_folders import get_pkg_config_dir as get_pkg_config_dir
    from brickprof.core.errors import BrickprofError as BrickprofError
    from brickprof.core.errors import MachineError as MachineError
    from brickprof.core.errors import RecordingError as RecordingError
    from brickprof.core.errors import RoofsError as RoofsError
    from brickprof.core.errors import SimulationError as SimulationError
    from brickprof.core.errors import SweepError as SweepError
    from brickprof.core.errors import TileNestingError as TileNestingError
    from brickprof.core.errors import TuningError as TuningError
    from brickprof.core.levels import TileLevel as TileLevel
    from brickprof.diagnose.budgets import BudgetResult as BudgetResult
    from brickprof.diagnose.budgets import check_budgets as check_budgets
    from brickprof.diagnose.comparison import Comparison as Comparison
    from brickprof.diagnose.comparison import compare_recordings as compare_recordings
    from brickprof.diagnose.divergence import Divergence as Divergence
    from brickprof.diagnose.divergence import find_divergence as find_divergence
    from brickprof.diagnose.generation import GenerationSummary as GenerationSummary
    from brickprof.diagnose.generation import PhaseSummary as PhaseSummary
    from brickprof.diagnose.generation import generation_summary as generation_summary
    from brickprof.integrations.count import count as count
    from brickprof.kernels.attention.attention import attention as attention
    from brickprof.kernels.attention.plan import plan_attention as plan_attention
    from brickprof.kernels.gemm.gemm import gemm as gemm
    from brickprof.kernels.gemm.packed import PackedMatrix as PackedMatrix
    from brickprof.kernels.gemm.packed import pack as pack
    from brickprof.kernels.gemm.plan import plan_gemm as plan_gemm
    from brickprof.kernels.region.region import ParallelRegion as ParallelRegion
    from brickprof.kernels.runtime.runtime import isas as isas
    from brickprof.kernels.runtime.runtime import release_memory as release_memory
    from brickprof.machine import Machine as Machine
    from brickprof.machine import detect_machine as detect_machine
    from brickprof.planning.attention import AttentionBlocks as AttentionBlocks
    from brickprof.planning.attention import AttentionPlan as AttentionPlan
    from brickprof.planning.blocks import LevelPlan as LevelPlan
    from brickprof.planning.blocks import MicroKernel as MicroKernel
    from brickprof.planning.gemm import Blocks as Blocks
    from brickprof.planning.gemm import GemmPlan as GemmPlan
    from brickprof.profiler.recorder_table import recorder_address as recorder_address
    from brickprof.profiler.recorder_table import recorder_table as recorder_table
    from brickprof.profiler.shared_library import get_shared_library as get_shared_library
    from brickprof.recording import Budget as Budget
    from brickprof.recording import Overhead as Overhead
    from brickprof.recording import Recording as Recording
    from brickprof.recording import load_recording as load_recording
    from brickprof.recording import merge_recordings as merge_recordings
    from brickprof.recording.tile_stats import TileStats as TileStats
    from brickprof.roofline import Roofs as Roofs
    from brickprof.tuning.outcome import TunedCandidate as TunedCandidate
    from brickprof.tuning.outcome import Tuning as Tuning
    from brickprof.tuning.scalability import Scalability as Scalability
    from brickprof.tuning.scalability import fit_scalability as fit_scalability
    from brickprof.tuning.space import Space as Space
    from brickprof.tuning.space import tile_space as tile_space
    from brickprof.tuning.sweep import Sweep as Sweep
    from brickprof.tuning.sweep import SweepPoint as SweepPoint
    from brickprof.tuning.sweep import sweep_threads as sweep_threads
    from brickprof.tuning.threads import ConfiguredThreads as ConfiguredThreads
    from brickprof.tuning.threads import ThreadConfig as ThreadConfig
    from brickprof.tuning.threads import (
        configure_optimal_thread_pool as configure_optimal_thread_pool,
    )
    from brickprof.tuning.threads import optimal_threads as optimal_threads
    from brickprof.tuning.tune import tune as tune
    from brickprof.tuning.tuned_blocks import tuned_blocks as tuned_blocks

_HOMES = {
    "AttentionBlocks": "planning.attention",
    "AttentionPlan": "planning.attention",
    "Blocks": "planning.gemm",
    "BrickProfiler": "_profiler",
    "BrickprofError": "core.errors",
    "Budget": "recording",
    "BudgetResult": "diagnose.budgets",
    "Comparison": "diagnose.comparison",
    "ConfiguredThreads": "tuning.threads",
    "Divergence": "diagnose.divergence",
    "GemmPlan": "planning.gemm",
    "LevelPlan": "planning.blocks",
    "GenerationSummary": "diagnose.generation",
    "Machine": "machine",
    "MachineError": "core.errors",
    "MicroKernel": "planning.blocks",
    "Overhead": "recording",
    "PackedMatrix": "kernels.gemm.packed",
    "ParallelRegion": "kernels.region.region",
    "PhaseSummary": "diagnose.generation",
    "Recording": "recording",
    "RecordingError": "core.errors",
    "Roofs": "roofline",
    "RoofsError": "core.errors",
    "Scalability": "tuning.scalability",
    "SimulationError": "core.errors",
    "Space": "tuning.space",
    "Sweep": "tuning.sweep",
    "SweepError": "core.errors",
    "SweepPoint": "tuning.sweep",
    "ThreadConfig": "tuning.threads",
    "TileLevel": "core.levels",
    "TileNestingError": "core.errors",
    "TileStats": "recording.tile_stats",
    "TunedCandidate": "tuning.outcome",
    "Tuning": "tuning.outcome",
    "TuningError": "core.errors",
    "attention": "kernels.attention.attention",
    "auto_instrument": "_instrument",
    "calibrate": "calibration",
    "check_budgets": "diagnose.budgets",
    "compare_recordings": "diagnose.comparison",
    "configure_optimal_thread_pool": "tuning.threads",
    "count": "integrations.count",
    "detect_machine": "machine",
    "find_divergence": "diagnose.divergence",
    "fit_scalability": "tuning.scalability",
    "generation_summary": "diagnose.generation",
    "gemm": "kernels.gemm.gemm",
    "get_cmake_dir": "core.build_folders",
    "get_include": "core.build_folders",
    "get_pkg_config_dir": "core.build_folders",
    "get_shared_library": "profiler.shared_library",
    "isas": "kernels.runtime.runtime",
    "load_recording": "recording",
    "merge_recordings": "recording",
    "optimal_threads": "tuning.threads",
    "pack": "kernels.gemm.packed",
    "plan_attention": "kernels.attention.plan",
    "plan_gemm": "kernels.gemm.plan",
    "recorder_address": "profiler.recorder_table",
    "recorder_table": "profiler.recorder_table",
    "release_memory": "kernels.runtime.runtime",
    "roofs": "calibration",
    "sweep_threads": "tuning.sweep",
    "tile_space": "tuning.space",
    "tune": "tuning.tune",
    "tuned_blocks": "tuning.tuned_blocks",
}

__all__ = [*_HOMES, "__version__"]


def load_ipython_extension(shell: Any) -> None:
    """Add the magic ``%%tiles`` to IPython, which calls this at ``%load_ext brickprof``."""
    from brickprof._profiler import BrickProfiler
    from brickprof.integrations.ipython import load

    load(shell, BrickProfiler)


def __getattr__(name: str) -> Any:
    """Import a public name from its home at first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'brickprof' has no attribute {name!r}")
    with IMPORTING:
        value = getattr(import_module(f"brickprof.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
