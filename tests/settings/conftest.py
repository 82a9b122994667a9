"""Fixtures of the default configuration."""

from tests.fixtures.configuration import data, mistakes, set_key

__all__ = ["data", "mistakes", "set_key"]
