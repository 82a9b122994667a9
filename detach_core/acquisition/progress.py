"""Progress of long byte streams: a bar in the terminal, a line in the log now and then."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def byte_progress(
    log: logging.Logger, title: str, *, total: int | None, done: int = 0
) -> Iterator[Callable[[int], None]]:
    """A function that takes each number of bytes as they come and shows how far it is.

    Args:
        log: gets a line every half minute.
        title: what is being done.
        total: of bytes, when known.
        done: bytes that were there already.
    """
    shown = {"bytes": done, "at": _now_s()}
    with tqdm(
        desc=title, total=total, initial=done, unit="B", unit_scale=True, mininterval=5, file=sys.stderr, leave=False
    ) as bar:

        def advance(count: int) -> None:
            bar.update(count)
            shown["bytes"] += count
            now_s = _now_s()
            if now_s - shown["at"] >= SECONDS_BETWEEN_LINES:
                shown["at"] = now_s
                of = f" of {total / 1e6:.0f}" if total else ""
                log.info("%s: %.0f%s MB", title, shown["bytes"] / 1e6, of)

        yield advance


def _now_s() -> float:
    return time.monotonic()
