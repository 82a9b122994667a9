"""Fixtures of the toy home and of native files."""

from tests.fixtures.native_files import opportunity_folder
from tests.fixtures.toy_home import home, one_thread, sequence_home, split, toy, windows

__all__ = ["home", "one_thread", "opportunity_folder", "sequence_home", "split", "toy", "windows"]
