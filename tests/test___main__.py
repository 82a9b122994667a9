import os
import subprocess
import sys
from pathlib import Path

CASAS = """2010-11-04 00:03:50.209589 M003 ON Sleeping begin
2010-11-04 05:40:43.642664 M003 OFF Sleeping end
"""


def test_the_program_runs_as_a_module_and_says_one_sentence(tmp_path):
    root = Path(__file__).resolve().parents[1]

    def detach(*args):
        command = [sys.executable, "-m", "detach_core", *args]
        paths = {"PYTHONPATH": str(root)}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | paths)

    (tmp_path / "a.txt").write_text(CASAS)
    done = detach("import", "casas", "a.txt", "-o", "e.csv", "--time-zone", "UTC")
    assert (done.returncode, (tmp_path / "e.csv").exists()) == (0, True), done.stderr
    again = detach("import", "casas", "a.txt", "-o", "e.csv", "--time-zone", "UTC")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == (
        "detach: e.csv: is there already; write over it by --force, or choose another --output or --recording\n"
    )
    absent = detach("import", "casas", "b.txt", "-o", "f.csv", "--time-zone", "UTC")
    assert (absent.returncode, absent.stderr.count("\n"), "Traceback" in absent.stderr) == (1, 1, False)
