"""Simulated homes: pixels, switches and accelerometers from one trace of motion, written as native files."""
