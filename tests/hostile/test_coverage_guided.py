"""The text parsers under atheris, which looks for inputs that reach new code; skipped where it is not installed.

`DETACH_FUZZ_EXAMPLES` sets how many inputs each parser gets; without it half a minute is enough for all.
"""

import importlib.util
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("coverage_guided.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
TARGETS = ("number_table", "srt", "hwu", "stamps", "yaml", "split", "history")
INPUTS = os.environ.get("DETACH_FUZZ_EXAMPLES", "6000")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None, reason="atheris is not installed: ./run fuzz-setup"
    ),
]


def fuzz(folder, target, *options, script=SCRIPT):
    command = [
        sys.executable,
        script,
        target,
        folder,
        f"-runs={INPUTS}",
        "-seed=1",
        "-timeout=10",
        # A child's highest memory begins at its parent's, which it has between fork and exec.
        f"-rss_limit_mb={1024 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}",
    ]
    # Where it finds something, it leaves the input in its working directory.
    return subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT
    )


@pytest.mark.parametrize("target", TARGETS)
def test_any_input_gives_a_result_or_a_clear_refusal(tmp_path, target):
    done = fuzz(tmp_path, target, "-max_len=2000")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {INPUTS} runs" in done.stderr


def test_every_target_is_tried():
    from tests.hostile import coverage_guided

    assert tuple(coverage_guided.TARGETS) == TARGETS


def test_a_parser_that_fails_is_found(tmp_path):
    """The same script around a reader that stumbles over one letter that few inputs have."""
    text = SCRIPT.read_text(encoding="utf-8").replace("import track_intervals", "import track_intervals as sound")
    bad = "def track_intervals(path):\n    assert b'~' not in path.read_bytes()\n    return sound(path)\n\n\n"
    text = text.replace("HERE = Path(__file__).parent", f"{bad}HERE = Path({str(SCRIPT.parent)!r})")
    script = tmp_path / "broken.py"
    script.write_text(text, encoding="utf-8")
    done = fuzz(tmp_path, "srt", script=script)
    assert done.returncode != 0
    assert "AssertionError" in done.stdout + done.stderr
