"""A stage's log: the same lines in file and terminal, and one clear line where the user can mend what is wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detach_core.contracts.errors import UserError


@contextmanager
def stage_log(log_path: Path | str, stage: str) -> Iterator[logging.Logger]:
    """A logger that writes to `log_path` and to stderr while the block runs.

    A `UserError` becomes one line in both places and no traceback; any other exception leaves its traceback in the log
    file and goes on.

    Raises:
        SystemExit: with code 1 when the block raised a `UserError`.
    """
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger(f"detach.{stage}")
    log.setLevel(logging.INFO)
    log.propagate = False
    to_file = logging.FileHandler(log_path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setFormatter(logging.Formatter(f"[{stage}] %(message)s"))
    for handler in (to_file, to_terminal):
        log.addHandler(handler)
    try:
        yield log
    except UserError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        log.removeHandler(to_terminal)  # Python prints the traceback on the terminal itself
        log.exception("%s failed", stage)
        raise
    finally:
        for handler in (to_file, to_terminal):
            log.removeHandler(handler)
            handler.close()
