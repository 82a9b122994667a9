"""Weights of negative pairs (paper, Sec. 3.2) and, for analysis only, their kinds."""
