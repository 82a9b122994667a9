"""Keeps the state of a running training on disk, so that whatever ends it early costs a minute and not the run."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from safetensors import SafetensorError

from detach_core.contracts.checkpoint import TrainingState, read_training_state, write_training_state
from detach_core.foundation.errors import ContractError
from detach_core.foundation.files import remove

FILE_NAME = "training_state.safetensors"
# A kill without warning costs so much work at most, and writing a state takes a small share of it.
SAVE_EVERY_S = 60.0
# By convention, 128 and the signal's number: 143 for SIGTERM.
SIGNALLED = 128


class StateKeeper:
    """A block of training and writing its results. The block's end deletes the file, any other way out leaves it.

    Within the block SIGTERM, which schedulers send before they kill, becomes `SystemExit(143)`: the latest state is
    written on the way out. Outside of the main thread, where Python allows no handler, it ends the process as ever.
    """

    def __init__(
        self,
        checkpoint_path: Path | str,
        *,
        identity: Mapping[str, str],
        log: logging.Logger,
        save_every_s: float | None = None,
        writes: bool = True,
    ) -> None:
        """Args: checkpoint_path: the state lies beside it; save_every_s: None for SAVE_EVERY_S.

        writes: whether this is the one of a training's processes that writes the state; all read it.
        """
        self.path = Path(checkpoint_path).with_name(FILE_NAME)
        self.identity = dict(identity)
        self._log = log
        self._save_every_s = SAVE_EVERY_S if save_every_s is None else save_every_s
        self._latest: TrainingState | None = None
        self._written: TrainingState | None = None
        self._last_s = time.perf_counter()
        self._handles_signal = False
        self.writes = writes

    def found(self) -> TrainingState | None:
        """The state that an earlier run of this training left, if there is one; any other is ignored with a warning."""
        if not self.path.exists():
            return None
        try:
            state, identity = read_training_state(self.path)
        except ContractError as error:
            # The error's own sentence is one line whatever the file holds; its remedy is another rule's.
            self._warn_ignored(str(error).removeprefix(f"{self.path}: ").removesuffix(f"; {error.remedy}"))
            return None
        differing = [name for name, value in self.identity.items() if identity.get(name) != value]
        if differing:
            self._warn_ignored(f"it is of a training with another {', another '.join(differing)}")
            return None
        return state

    def _warn_ignored(self, why: str) -> None:
        self._log.warning("%s is ignored, and training starts from the beginning: %s", self.path, why)

    def keep(self, state: TrainingState) -> None:
        """Take over the state of an epoch's end, and write it when the last writing is long enough ago."""
        if not self.writes:
            return
        self._latest = state
        if time.perf_counter() - self._last_s >= self._save_every_s:
            self._write()

    def _write(self) -> None:
        """Write the latest state; a disk that has no room for it is no reason to end a training."""
        if self._latest is None or self._latest is self._written:
            return
        try:
            write_training_state(self.path, self._latest, identity=self.identity)
            self._written = self._latest
        except (OSError, SafetensorError) as error:
            self._log.warning("%s could not be written: %s", self.path, error)
        self._last_s = time.perf_counter()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGTERM, _exit)
            self._handles_signal = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._handles_signal:
                # Nor may the first one, when something else has ended the block.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if kind is None and self.writes:
                remove(self.path)
                return
            self._write()
            if self._written is not None:
                self._log.info("stopped after epoch %d; the next run goes on from %s", self._written.epoch, self.path)
        finally:
            if self._handles_signal:
                signal.signal(signal.SIGTERM, self._handler_before)


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    # One is enough: a second one, which schedulers and kernels send, must not cut the way out short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(SIGNALLED + number)
