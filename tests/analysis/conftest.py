"""Fixtures of the toy home."""

from tests.fixtures.toy_home import home, make_resident, one_thread, resident, split, toy, windows

__all__ = ["home", "make_resident", "one_thread", "resident", "split", "toy", "windows"]
