"""Choosing thread counts: by rule, by a law fitted to throughputs, and by measuring."""
