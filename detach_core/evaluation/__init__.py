"""Metrics with their intervals: probes, retrieval, comparisons, claims, and analyses of trained networks."""
