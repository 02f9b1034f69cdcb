"""Parallel regions: operations on single vectors that threads run without a barrier in between."""
