"""Runner of cases, each in a process of its own that is forked from a warm one: `python -m tests.hostile.runner`.

Reads lines `name<TAB>folder<TAB>report` and answers each with a line of JSON (`Outcome`). The child has `LIMIT_S` and,
above what a child that does nothing takes, `LIMIT_BYTES`; it may map more, so that a bomb is measured and told.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.hostile.corpus import load_corpus

LIMIT_S = 10
LIMIT_BYTES = 1 << 30
BUILD_S = 60
MAPPED_BYTES = 6 << 30  # a case that asks for more than this meets a MemoryError instead of harming the machine


@dataclass(frozen=True)
class Outcome:
    """`kind` is refused, handled, crashed (anything but a clear refusal) or killed; `extra` what lies there besides."""

    kind: str
    message: str
    shown: str
    seconds: float
    bytes: int
    extra: list[str]


def listing(folder):
    """The files below `folder`; an empty folder is no output."""
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir()}


def run_child(work):
    """(status, seconds, peak bytes) of `work` in a fork."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    return status, time.monotonic() - began, usage.ru_maxrss * 1024


def call(case, folder, report):
    """Make the case's call and write what came of it; the terminal's lines are kept in the report too."""
    from detach_core.config.errors import ConfigError
    from detach_core.foundation.errors import UserError

    terminal = (report / "terminal").open("w+", encoding="utf-8", errors="backslashreplace")
    os.dup2(terminal.fileno(), 1)
    os.dup2(terminal.fileno(), 2)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MAPPED_BYTES, resource.RLIM_INFINITY))
    signal.alarm(LIMIT_S)
    kind, message = "handled", ""
    os.chdir(folder)  # what a payload drops shows among the case's files
    try:
        value = case.call(folder)
        signal.alarm(0)
        if case.handled is not None:
            case.handled(folder, value)
    except (UserError, ConfigError) as error:
        kind, message = "refused", str(error)
    except SystemExit as error:
        kind = "refused" if error.code == 1 else "crashed"
        log = (folder / "stage.log").read_text(encoding="utf-8")
        lines = [line.partition(" ERROR ")[2] for line in log.splitlines() if " ERROR " in line]
        message = lines[0] if len(lines) == 1 and log.endswith(f"{lines[0]}\n") else f"not one line: {log}"
    except BaseException:
        kind, message = "crashed", traceback.format_exc()
    (report / "outcome").write_text(json.dumps([kind, message]), encoding="utf-8")


def run_case(case, folder, report, base):
    status, _, _ = run_child(lambda: (signal.alarm(BUILD_S), case.build(folder)))
    if status:
        return Outcome("crashed", "the case could not be built", "", 0.0, 0, [])
    before = listing(folder)
    status, seconds, peak = run_child(lambda: call(case, folder, report))
    shown = (report / "terminal").read_text(encoding="utf-8", errors="replace")
    kind, message = "killed", f"by signal {os.WTERMSIG(status)}"
    with contextlib.suppress(OSError):
        kind, message = json.loads((report / "outcome").read_text(encoding="utf-8"))
    extra = sorted(listing(folder) - before - {"stage.log"})
    return Outcome(kind, message, shown, seconds, max(peak - base, 0), extra)


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def serve():
    import torch

    torch.set_num_threads(1)
    corpus = load_corpus()
    _, _, base = run_child(lambda: None)
    answer("ready")
    for line in sys.stdin:
        name, folder, report = line.rstrip("\n").split("\t")
        answer(asdict(run_case(corpus[name], Path(folder), Path(report), base)))


if __name__ == "__main__":
    serve()
