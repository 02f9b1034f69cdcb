"""GEMM, attention and parallel regions, tiled for L3, L2 and L1, and their micro-kernels."""
