"""Frozen features -> a linear probe -> figures with their intervals."""
