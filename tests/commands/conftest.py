"""The toy home."""

from tests.fixtures.toy_home import home, one_thread, toy

__all__ = ["home", "one_thread", "toy"]
