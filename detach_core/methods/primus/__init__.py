"""PRIMUS (Das et al., 2024): contrast with video, a changed view and nearest neighbours."""
