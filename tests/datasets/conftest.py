"""Fixtures of native files."""

from tests.fixtures.native_files import hwu_folder, make_video, opportunity_folder, real_video

__all__ = ["hwu_folder", "make_video", "opportunity_folder", "real_video"]
