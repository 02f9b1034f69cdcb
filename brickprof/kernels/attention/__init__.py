"""Scaled dot-product attention: online softmax over blocks of keys, plans, split keys."""
