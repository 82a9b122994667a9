"""Generators of pages and pictures under docs/; each is run by hand after a change of its input."""
