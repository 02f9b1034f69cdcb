"""Benchmarks: brickprof's kernels, timer and roofs against other libraries, interleaved."""
