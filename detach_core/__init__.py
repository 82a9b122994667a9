"""DETACH: activity recognition from ambient sensors, learned without labels from a camera (arXiv 2512.20409)."""

__version__ = "0.2.0"
