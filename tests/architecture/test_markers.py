"""A plain `./run test` leaves the tests with certain markers to CI and says so; a named marker, file or test runs."""

import shutil
import subprocess
import sys

import pytest

TESTS = """import pytest


def test_quick():
    pass


@pytest.mark.slow
def test_slow():
    pass


@pytest.mark.slow
@pytest.mark.slurm
def test_of_slurm():
    pass
"""


@pytest.fixture
def tree(root, tmp_path):
    (tmp_path / "tests" / "part").mkdir(parents=True)
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "part" / "test_one.py").write_text(TESTS)
    return tmp_path


def outcome(tree, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *arguments]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = {name for name in ("test_quick", "test_slow", "test_of_slurm") if f"::{name}\n" in done.stdout}
    return seen, [line for line in done.stdout.splitlines() if line.startswith("left to CI")]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_plain_run_leaves_slow_tests_out_and_says_so(tree, processes):
    seen, said = outcome(tree, "-n", processes)
    assert seen == {"test_quick"}
    assert said == [
        "left to CI: 1 marked slow, 1 marked slurm; ./run test -m 'slow or browser or slurm' runs them here"
    ]


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(
    "arguments", [("tests",), ("tests/part/test_one.py",), ("-m", "slow and not slurm"), ("-k", "slow")]
)
def test_what_is_asked_for_runs(tree, processes, arguments):
    seen, said = outcome(tree, "-n", processes, *arguments)
    assert "test_slow" in seen
    assert said == []
