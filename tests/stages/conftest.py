"""Fixtures of native files and of the toy home."""

from tests.fixtures.native_files import hwu_folder, opportunity_folder, real_video
from tests.fixtures.recognizers import run
from tests.fixtures.toy_home import home, one_thread, sequence_home, split, toy, windows

__all__ = [
    "home",
    "hwu_folder",
    "one_thread",
    "opportunity_folder",
    "real_video",
    "run",
    "sequence_home",
    "split",
    "toy",
    "windows",
]
