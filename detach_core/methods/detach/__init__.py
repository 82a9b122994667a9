"""DETACH: spatial features and pseudo-labels in Stage 1, temporal features in Stage 2 (paper, Sec. 3)."""
