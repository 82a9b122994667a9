"""Readers of other programs' logs and labels, which write event tables and label tables."""
