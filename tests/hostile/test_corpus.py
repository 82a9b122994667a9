import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hostile.corpus import GROUPS, load_corpus
from tests.hostile.runner import LIMIT_BYTES, LIMIT_S

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = load_corpus()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A case's outcome, from a warm process of its own."""
    command = [sys.executable, "-m", "tests.hostile.runner"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert json.loads(server.stdout.readline()) == "ready"

        def run(name):
            folder, report = tmp_path_factory.mktemp("case"), tmp_path_factory.mktemp("report")
            server.stdin.write(f"{name}\t{folder}\t{report}\n")
            server.stdin.flush()
            return SimpleNamespace(**json.loads(server.stdout.readline()))

        yield run
        server.stdin.close()


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_is_refused_by_one_line_or_handled_as_documented(name, run):
    case = CASES[name]
    outcome = run(name)
    assert outcome.kind == ("refused" if case.refused else "handled"), outcome.message
    assert outcome.seconds < LIMIT_S
    assert outcome.bytes < LIMIT_BYTES
    assert "Traceback" not in outcome.shown
    assert "Logging error" not in outcome.shown
    if case.refused:
        assert re.search(case.refused, outcome.message), outcome.message
        # A configuration is told all its mistakes at once, a line each.
        assert all(line.isprintable() for line in outcome.message.split("\n"))
        assert case.group == "config" or "\n" not in outcome.message
        assert len(outcome.message) < 1500
        assert set(outcome.extra) == set(case.leaves)
    assert not re.search(r"partial|unpacking|replaced", " ".join(set(outcome.extra) - set(case.leaves)))


def test_there_are_many_cases_and_every_group_has_some():
    assert len(CASES) >= 60
    for group in GROUPS:
        assert sum(case.group == group for case in CASES.values()) >= 4, group


def test_every_reader_of_a_file_and_every_adapter_occurs():
    from detach_core.datasets.registry import DATASETS

    readers = set()
    for path in (ROOT / "detach_core" / "contracts").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("read_") and node.args.args[0].arg == "path":
                readers.add(node.name)
    assert len(readers) > 10
    seen = {reader for case in CASES.values() for reader in case.reads}
    assert readers | set(DATASETS) <= seen


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        ("raise ZeroDivisionError", "crashed", "ZeroDivisionError"),
        ("import time; time.sleep(60)", "killed", "signal 14"),
        ("b'1' * (5 << 28)", "handled", ""),
        ("bytearray(7 << 30)", "crashed", "MemoryError"),
        ("(folder / 'out.partial').touch()", "handled", ""),
    ],
)
def test_the_runner_sees_what_it_watches_for(call, kind, words, tmp_path):
    """A case that fails, hangs, takes too much, or leaves something, in a server with a limit of four seconds."""
    (tmp_path / "in").mkdir()
    (tmp_path / "report").mkdir()
    script = (
        f"from pathlib import Path\nfrom types import SimpleNamespace\n"
        f"from tests.hostile import runner\nrunner.LIMIT_S = 4\n"
        f"case = SimpleNamespace(build=lambda folder: None, handled=None)\n"
        f"case.call = lambda folder: exec({call!r}, {{'folder': folder}})\n"
        f"base = runner.run_child(lambda: None)[2]\n"
        f"done = runner.run_case(case, Path({str(tmp_path / 'in')!r}), Path({str(tmp_path / 'report')!r}), base)\n"
        "print(done.kind, done.message[-200:].replace(chr(10), ' '), done.bytes > runner.LIMIT_BYTES, done.extra)\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert shown.startswith(kind)
    assert words in shown
    assert ("True" in shown) == call.startswith("b'1'")
    assert ("['out.partial']" in shown) == ("partial" in call)
