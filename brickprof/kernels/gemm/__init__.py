"""Matrix products: blocking, packing, plans, and the loops around the micro-kernels."""
