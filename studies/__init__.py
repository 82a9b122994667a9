"""Simulations that show what the statistics are worth; each writes its table below docs/statistics."""
