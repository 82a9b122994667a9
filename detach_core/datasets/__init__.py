"""Datasets: their adapters, windows, labels and splits."""
