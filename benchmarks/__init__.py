"""Benchmarks: brickprof's kernels, timer and roofs against what else there is, in turns."""
