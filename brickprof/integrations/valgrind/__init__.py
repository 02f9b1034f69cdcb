"""Flops and bytes of native programs, instruction by instruction under valgrind."""
