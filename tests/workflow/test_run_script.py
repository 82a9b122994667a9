"""`./run`: what the first set-up says, and what it does when it fails, is killed or meets another of its kind."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest

# Stands for Python: makes an environment whose pip and uv only note that they were called, after a time, or fail.
PYTHON = f"""#!/bin/sh
case "$1" in
  -c) [ "$2" = "${{2#*version_info}}" ] && exec {sys.executable} "$@"; exit "${{WRONG_VERSION:-0}}" ;;
  -m)
    rm -rf "$4"; mkdir -p "$4/bin"
    for tool in pip uv; do
      printf '#!/bin/sh\\necho "%s $*" >> calls\\n' "$tool" > "$4/bin/$tool"
      printf 'sleep "${{SLOW:-0}}"\\n[ ! -e broken ] || exit 7\\n' >> "$4/bin/$tool"
      chmod +x "$4/bin/$tool"
    done ;;
esac
"""


@pytest.fixture
def clone(tmp_path, root):
    """A fresh clone, as far as `./run` looks, and a stand-in for Python."""
    shutil.copy(root / "run", tmp_path / "run")
    (tmp_path / "config").mkdir()
    shutil.copy(root / "config" / "nothing.yaml", tmp_path / "config")
    (tmp_path / "requirements.lock").write_text("torch==2.0\ntorchvision==0.1\nuv==0.1\nnumpy==1\n")
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def start(clone, *arguments, **environment):
    return subprocess.Popen(
        ["./run", *arguments],
        cwd=clone,
        env={**os.environ, "PYTHON": str(clone / "python"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(clone, *arguments, **environment):
    process = start(clone, *arguments, **environment)
    out, said = process.communicate(timeout=60)
    return process.returncode, out, said


def calls(clone):
    return (clone / "calls").read_text().splitlines()


def test_the_first_set_up_says_what_it_does_and_how_long_it_takes_and_the_next_nothing(clone):
    code, out, said = run(clone, "echo", "done")
    assert (code, out) == (0, "done\n")
    assert "setting up .venv, once: mostly 1 to 3 minutes; about 2 GB" in said
    for step in ("(1 of 4)", "torch, torchvision and uv, the largest part (2 of 4)", "(3 of 4)", "(4 of 4)"):
        assert step in said
    assert ".venv is ready after" in said
    assert "an earlier set-up" not in said
    assert len(calls(clone)) == 3
    assert run(clone, "echo", "done") == (0, "done\n", "")
    assert not (clone / ".venv.setup").exists()


def test_a_set_up_that_fails_says_where_and_the_next_starts_anew(clone):
    (clone / "broken").touch()
    code, out, said = run(clone, "echo", "done")
    assert (code, out) == (7, "")
    assert "the set-up stopped at: torch, torchvision and uv" in said
    assert "the next ./run starts anew" in said
    (clone / "broken").unlink()
    code, out, said = run(clone, "echo", "done")
    assert (code, out) == (0, "done\n")
    assert "an earlier set-up of .venv was not finished; starting anew" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_set_up_that_is_killed_is_done_anew(clone, number):
    process = start(clone, "echo", "done", SLOW="2")
    while not (clone / "calls").exists():
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) != 0
    process.stdout.close()
    process.stderr.close()
    code, out, said = run(clone, "echo", "done")
    assert (code, out) == (0, "done\n"), said
    assert "starting anew" in said


def test_two_at_the_same_time_set_up_once(clone):
    processes = [start(clone, "echo", "done", SLOW="1") for _ in range(3)]
    told = [process.communicate(timeout=60) for process in processes]
    assert [out for out, _ in told] == ["done\n"] * 3, told
    assert len(calls(clone)) == 3
    assert sum("setting up .venv, once" in said for _, said in told) == 1
    assert sum("is setting up .venv; waiting for it" in said for _, said in told) == 2


def test_a_changed_lock_is_told_as_that(clone):
    run(clone, "true")
    (clone / "requirements.lock").write_text("torch==2.1\n")
    assert "requirements.lock has changed, so .venv is set up anew" in run(clone, "true")[2]


def test_another_python_is_refused_in_a_sentence(clone):
    for changes in ({"WRONG_VERSION": "1"}, {"PYTHON": str(clone / "none")}):
        code, _, said = run(clone, "true", **changes)
        assert code == 1
        assert f"found no Python 3.11, 3.12 or 3.13 under the name {changes.get('PYTHON', clone / 'python')};" in said
        assert not (clone / ".venv").exists()


def test_the_first_python_that_fits_is_taken(clone):
    """Of the usual names, where PYTHON names none; those that are missing or too old are passed over."""
    (clone / "bin").mkdir()
    for name, wrong in (("python3.12", "1"), ("python3.13", "0"), ("python3", "1")):
        (clone / "bin" / name).write_text(f'#!/bin/sh\nexport WRONG_VERSION={wrong}\nexec "{clone}/python" "$@"\n')
        (clone / "bin" / name).chmod(0o755)
    for tool in (
        "cksum",
        "cut",
        "dirname",
        "mkdir",
        "rm",
        "uname",
        "date",
        "grep",
        "cat",
        "sh",
        "chmod",
        "echo",
        "sleep",
    ):
        (clone / "bin" / tool).symlink_to(shutil.which(tool))
    code, out, said = run(clone, "echo", "done", PYTHON="", PATH=str(clone / "bin"))
    assert (code, out) == (0, "done\n"), said
    assert len(calls(clone)) == 3


def test_the_help_names_every_command_and_sets_nothing_up(clone):
    code, out, said = run(clone, "help")
    assert (code, said) == (0, "")
    text = (clone / "run").read_text()
    commands = set(re.findall(r"^  ([a-z-]+)\)", text[text.index('case "${1:-demo}"') :], re.M)) - {"demo", "snakemake"}
    assert {"test", "docs", "slurm-setup", "fuzz-setup"} <= commands
    assert [name for name in sorted(commands) if f"./run {name}" not in out] == []
    assert "#" not in out
    assert not (clone / ".venv").exists()


def test_a_slow_set_up_is_not_silent(clone):
    text = (clone / "run").read_text()
    (clone / "run").write_text(text.replace("sleep 15", "sleep 1").replace("waited + 15", "waited + 1"))
    said = run(clone, "true", SLOW="2.5")[2]
    assert "still running after 1 s;" in said
    assert "still running after 5 s;" in said


@pytest.mark.parametrize(
    ("content", "stands"),
    [
        ("", False),
        ("# a comment\n", False),
        ("\n  # one\n---\n\t\n", False),
        ("# one\nseeds: [0]\n", True),
        ("# one\nseeds: [0]", True),
        ("{}\n", True),
    ],
)
def test_an_overlay_that_says_nothing_is_an_empty_one(clone, content, stands):
    run(clone, "true")
    snakemake = clone / ".venv" / "bin" / "snakemake"
    snakemake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    snakemake.chmod(snakemake.stat().st_mode | stat.S_IEXEC)
    overlay = clone / "my overlay.yaml"
    overlay.write_text(content)
    (clone / "plain").write_text("")
    given = ["a b", "--configfile", "config.yaml", str(overlay), "-n", "plain"]
    expected = [*given[:3], str(overlay) if stands else "config/nothing.yaml", *given[4:]]
    assert run(clone, "snakemake", *given)[1].splitlines() == expected
