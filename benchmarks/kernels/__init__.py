"""One module a kernel: the problems, calls, checks and charts that it brings to the benchmarks."""
