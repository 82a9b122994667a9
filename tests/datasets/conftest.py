"""Fixtures of native files."""

from tests.fixtures.native_files import hwu_folder, make_video, opportunity_folder, real_video
from tests.fixtures.own_home import own_home

__all__ = ["hwu_folder", "make_video", "opportunity_folder", "own_home", "real_video"]
