"""The native files of tests/datasets serve the stages too."""

from __future__ import annotations

import runpy
from pathlib import Path

_NATIVE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "datasets" / "conftest.py"))

opportunity_folder = _NATIVE["opportunity_folder"]
hwu_folder = _NATIVE["hwu_folder"]
real_video = _NATIVE["real_video"]
