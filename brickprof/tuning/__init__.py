"""Choosing thread counts and tile sizes: by rule, by a fitted law, by racing and proving."""
