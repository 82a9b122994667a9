"""Log of a stage: the same lines in file and terminal, one line for an error that the user can correct."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detach_core.foundation.errors import NO_SPACE, UNREADABLE, UnreadableFileError, UserError


@contextmanager
def stage_log(log_path: Path | str, stage: str, *, rank: int = 0) -> Iterator[logging.Logger]:
    """A logger that writes to `log_path` and to stderr while the block runs.

    Of the processes of one stage the first, `rank` 0, writes the file; the others only report their errors.

    A `UserError`, or a file that the operating system refuses, becomes one line in both places and no traceback; any
    other exception leaves its traceback in the log file and is raised again. If the disk is full, only the terminal has
    the lines.

    Raises:
        SystemExit: with code 1 when the block raised a `UserError`.
    """
    log_path = Path(log_path)
    log = logging.getLogger(f"detach.{stage}")
    log.setLevel(logging.INFO)
    log.propagate = False
    to_file = logging.NullHandler() if rank else _log_file(log_path, stage)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setFormatter(logging.Formatter(f"[{stage}{f', process {rank}' if rank else ''}] %(message)s"))
    to_terminal.setLevel(logging.ERROR if rank else logging.INFO)
    for handler in (to_file, to_terminal):
        log.addHandler(handler)
    try:
        yield log
    except UserError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is None or error.errno not in UNREADABLE:
            _log_traceback(log, to_terminal, stage)
            raise
        log.error("%s", UnreadableFileError(error.filename, error.errno))
        raise SystemExit(1) from None
    except Exception:
        _log_traceback(log, to_terminal, stage)
        raise
    finally:
        for handler in (to_file, to_terminal):
            log.removeHandler(handler)
            handler.close()


def _log_traceback(log: logging.Logger, to_terminal: logging.Handler, stage: str) -> None:
    log.removeHandler(to_terminal)  # Python prints the traceback on the terminal itself
    log.exception("%s failed", stage)


class _LogFile(logging.FileHandler):
    """A log file; a full disk is reported once and does not end the stage."""

    def __init__(self, path: Path, stage: str) -> None:
        self._stage, self._told = stage, False
        super().__init__(path, mode="w", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            _tell_no_log(self.baseFilename, self._stage, error)

    def close(self) -> None:
        with suppress(OSError):  # closing tries once more to write what could not be written
            super().close()


def _log_file(path: Path, stage: str) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _LogFile(path, stage)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        _tell_no_log(path, stage, error)
        return logging.NullHandler()


def _tell_no_log(path: Path | str, stage: str, error: OSError) -> None:
    sys.stderr.write(f"[{stage}] {path}: the log cannot be written ({error.strerror}); its lines appear here only\n")
