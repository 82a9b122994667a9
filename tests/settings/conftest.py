"""The default configuration of tests/config serves the settings too."""

import runpy
from pathlib import Path

_CONFIG = runpy.run_path(str(Path(__file__).resolve().parents[1] / "config" / "conftest.py"))

data, set_key, mistakes = _CONFIG["data"], _CONFIG["set_key"], _CONFIG["mistakes"]
