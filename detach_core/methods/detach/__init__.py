"""DETACH: Stage 1 learns where, Stage 2 how (paper, Sec. 3)."""
