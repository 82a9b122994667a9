"""The simulated HWU-USP-like flat."""
