"""Tile plans: block sizes for a machine's caches, traffic, and how many threads to use."""
