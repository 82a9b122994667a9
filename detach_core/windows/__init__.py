"""Windows: labels, packing and splits."""
