"""Resumption of a stopped training: its identity, its state at an epoch's end, and the file that keeps it.

A training that is put back has been built and prepared as any other, from the same seed. So only what the epochs have
changed since is state; what is computed from frozen inputs is computed again.
"""

from __future__ import annotations

import hashlib
import logging
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError
from torch import Tensor

from detach_core.contracts.checkpoint import Checkpoint, TrainingState, read_training_state, write_training_state
from detach_core.contracts.provenance import Provenance, digest
from detach_core.foundation.errors import ContractError
from detach_core.foundation.files import remove
from detach_core.methods.batch import starting_with
from detach_core.methods.method import AnyMethod
from detach_core.training.batches import ResidentWindows
from detach_core.training.processes import choose_device
from detach_core.training.randomness import global_random_state, restore_global_random_state

# The packages whose code decides over the bits of a training.
_PACKAGES = ("clustering", "contracts", "encoders", "losses", "methods", "settings", "signals", "training")


def training_identity(provenance: Provenance, *, device: str, spatial: Checkpoint | None) -> dict[str, str]:
    """Identity of a training by name: all that two trainings with equal results have in common.

    Args:
        provenance: of the checkpoint that is to come: stage, settings, seed, inputs, version.
        device: the settings' `auto | cpu | cuda`; what it comes to here counts.
        spatial: Stage 1, of which the weights themselves count.
    """
    return {
        "stage": provenance.stage,
        "data source": provenance.source,
        "settings": provenance.settings_digest,
        "seed": str(provenance.seed),
        "inputs": digest(provenance.inputs),
        "Stage 1": tensors_digest(spatial.tensors) if spatial is not None else "none",
        "version": provenance.version,
        "code": code_digest(),
        "torch": str(torch.__version__),
        "device": choose_device(device).type,
    }


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """The first 16 hex digits of the SHA-256 of names, types, shapes and bytes."""
    text = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        text.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        text.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return text.hexdigest()[:16]


@lru_cache(maxsize=1)
def code_digest() -> str:
    """The first 16 hex digits of the SHA-256 of the source files that training uses, cached at the first call."""
    root = Path(__file__).resolve().parents[1]
    text = hashlib.sha256()
    folders = (root / name for name in _PACKAGES)
    modules = (root / f"{name}.py" for name in _PACKAGES)
    files = [path for folder in folders for path in folder.rglob("*.py")] + [path for path in modules if path.is_file()]
    for path in sorted(files):
        text.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return text.hexdigest()[:16]


@dataclass
class Progress:
    """Progress up to an epoch: rows of the history, their traces, and stored weights by epoch."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Tensor]] = field(default_factory=list)
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)


def take_state(
    method: AnyMethod, windows: ResidentWindows, optimizer: torch.optim.Optimizer, progress: Progress
) -> TrainingState:
    """A copy, on the CPU, of the state on which the coming epochs depend, and the progress."""
    own = method.training_state()
    changing = {
        **_named("weights", method.state_dict()),
        **_named("optimizer", _optimizer_tensors(optimizer)),
        **_named("method", {name: value for name, value in own.items() if isinstance(value, Tensor)}),
        **_named("windows", windows.random_state()),
        **_named("random", global_random_state(windows.device)),
    }
    tensors = {name: value.detach().to("cpu", copy=True) for name, value in changing.items()}
    for kind, parts in (("trace", dict(enumerate(progress.traces))), ("snapshot", progress.snapshots)):
        for epoch, part in parts.items():
            tensors |= _named(f"{kind}/{epoch}", part)
    values = {name: _copy(value) for name, value in own.items() if not isinstance(value, Tensor)}
    return TrainingState(progress.rows[-1]["epoch"], list(progress.rows), values, tensors)


def restore_state(
    state: TrainingState, method: AnyMethod, windows: ResidentWindows, optimizer: torch.optim.Optimizer
) -> Progress:
    """Restoration of the state that `take_state` returned; returns the progress up to it.

    Args:
        state: of the same training.
        method: after `before_training`.
        windows: as the method's.
        optimizer: made for the method before this call, which may freeze what it had trained.
    """
    tensors = state.tensors
    method.load_state_dict(starting_with(tensors, "weights/"))
    _restore_optimizer(optimizer, starting_with(tensors, "optimizer/"))
    # Copies: what is read from a file lies as it lies there, and sums of numbers that lie otherwise may differ.
    own = {name: value.clone() for name, value in starting_with(tensors, "method/").items()}
    method.restore_training_state({**state.values, **own})
    # Last, for what is computed anew above may draw.
    windows.restore_random_state(starting_with(tensors, "windows/"))
    restore_global_random_state(starting_with(tensors, "random/"), windows.device)
    snapshots = {int(name.split("/")[1]) for name in tensors if name.startswith("snapshot/")}
    return Progress(
        rows=list(state.rows),
        traces=[starting_with(tensors, f"trace/{epoch}/") for epoch in range(len(state.rows))],
        snapshots={epoch: starting_with(tensors, f"snapshot/{epoch}/") for epoch in sorted(snapshots)},
    )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and steps; rates and decays are the settings', and the loop sets the rate at every step."""
    parameters = optimizer.state_dict()["state"]
    return {f"{index}/{key}": value for index, values in parameters.items() for key, value in values.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = int(name.split("/")[0]), name.split("/")[1]
        # A moment lies in memory as its weight does: the fused step walks both by their places alone.
        like = parameters[index] if value.shape == parameters[index].shape else value
        state.setdefault(index, {})[key] = torch.empty_like(like, dtype=value.dtype).copy_(value)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _copy(value: Any) -> Any:
    """A copy of a plain JSON value, which the method may still change."""
    return list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else value


FILE_NAME = "training_state.safetensors"


# A kill without warning costs so much work at most, and writing a state takes a small share of it.
SAVE_EVERY_S = 60.0


# By convention, 128 and the signal's number: 143 for SIGTERM.
SIGNALLED = 128


class StateKeeper:
    """Context of a training and the writing of its results; the file is deleted on success and kept otherwise.

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
        """The state of an earlier run of this training, if any; that of another training is ignored with a warning."""
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
        """Store the state at an epoch's end, and write it if enough time has passed since the last write."""
        if not self.writes:
            return
        self._latest = state
        if time.perf_counter() - self._last_s >= self._save_every_s:
            self._write()

    def _write(self) -> None:
        """Write the latest state; a full disk does not end the training."""
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
                self._log.info("stopped after epoch %d; the next run resumes from %s", self._written.epoch, self.path)
        finally:
            if self._handles_signal:
                signal.signal(signal.SIGTERM, self._handler_before)


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    # One is enough: a second one, which schedulers and kernels send, must not cut the way out short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(SIGNALLED + number)
