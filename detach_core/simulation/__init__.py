"""Simulated homes: one motion drives the pixels, the switches and the accelerometers; the files are the native ones."""
