"""Networks from a window to a feature vector."""
