"""DETACH: ambient sensors learn from a camera what people do at home, without labels (arXiv 2512.20409)."""

__version__ = "0.2.0"
