"""Fixtures of the default configuration."""

from tests.fixtures.configuration import data, mistakes, root, set_key

__all__ = ["data", "mistakes", "root", "set_key"]
