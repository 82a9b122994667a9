"""The toy home of tests/training serves the analyses too."""

import runpy
from pathlib import Path

_TOY = runpy.run_path(str(Path(__file__).resolve().parents[1] / "training" / "conftest.py"))

one_thread = _TOY["one_thread"]
toy = _TOY["toy"]
home = _TOY["home"]
windows = _TOY["windows"]
split = _TOY["split"]
make_resident = _TOY["make_resident"]
resident = _TOY["resident"]
