"""PRIMUS (Das et al., 2024): contrast with video, an augmented view and nearest neighbours."""
