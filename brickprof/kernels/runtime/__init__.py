"""ISA dispatch, thread pool and workspace: the state that all kernels share, linked once."""
