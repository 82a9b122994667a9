"""The training loop. It knows a method only by its protocol; a new method needs no line here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detach_core.foundation.errors import UserError
from detach_core.methods.batch import WindowBatch
from detach_core.methods.method import AnyMethod
from detach_core.training.batches import ResidentWindows
from detach_core.training.monitoring import retrieval
from detach_core.training.optimizer import learning_rate_of_run, make_optimizer
from detach_core.training.processes import Processes, alone
from detach_core.training.resume import Progress, restore_state, take_state
from detach_core.training.state_keeper import StateKeeper

Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainingRun:
    """What training leaves behind besides the method: rows of the history, facts of the run, kept weights.

    `traces` has what the method kept of each epoch, one for each row.
    """

    rows: list[dict[str, Any]]
    traces: list[dict[str, Tensor]]
    facts: dict[str, Any]
    snapshots: dict[int, dict[str, Tensor]]
    num_epochs: int


def train(
    method: AnyMethod,
    windows: ResidentWindows,
    *,
    place: str,
    report: Report,
    snapshots: Sequence[float] = (),
    keeper: StateKeeper | None = None,
    processes: Processes | None = None,
) -> TrainingRun:
    """Train `method` on the pretraining windows until its last epoch or until it says that it has finished.

    Where `keeper` finds the state of an earlier run, training goes on from there, and ends as that run would have.

    Args:
        method: on the device of `windows`.
        windows: parts `pretrain` and `monitor`.
        place: where the method's section stands in the config, for messages.
        report: called with a line of progress per epoch.
        snapshots: shares of the epochs after which weights are kept; 0 is the state before any step.
        keeper: gets the state at each epoch's end; None: nothing outlasts the process.
        processes: that train the method together, this one among them; None: this one alone.

    Raises:
        UserError: fewer windows than a batch, a loss that is no number, or processes that have drifted apart.
    """
    epoch_steps = _steps_per_epoch(method, windows, place)
    num_steps = epoch_steps * method.num_epochs
    facts = {
        "num_windows": windows.num_windows("pretrain"),
        "num_weights": sum(weight.numel() for weight in method.parameters()),
        "steps_per_epoch": epoch_steps,
        **method.before_training(windows, num_steps=num_steps),
    }
    keep = {round(share * method.num_epochs) for share in snapshots}
    if not num_steps:
        start = _start(method, windows, keep)
        return TrainingRun(start.rows, start.traces, facts, start.snapshots, 0)
    lr = facts["learning_rate"] = learning_rate_of_run(method.settings, num_steps)
    optimizer = make_optimizer(method.parameters(), lr=lr, settings=method.settings.optimizer)
    processes = processes or alone(windows.device)
    state = None if keeper is None else keeper.found()
    processes.check_same("the epoch to resume at", state.epoch if state is not None else -1)
    if keeper is None or state is None:
        progress = _start(method, windows, keep)
    else:
        progress = restore_state(state, method, windows, optimizer)
        report(f"resumed at epoch {state.epoch} of {method.num_epochs} from {keeper.path}")
    losses = processes.share(method)
    for epoch in range(progress.rows[-1]["epoch"] + 1, method.num_epochs + 1):
        if processes.decide(method.is_finished):
            break
        started = time.perf_counter()
        row = {"epoch": epoch, **_train_epoch(method, losses, windows, optimizer, lr, epoch, num_steps)}
        seconds = time.perf_counter() - started
        _check_losses(row, place)
        if drift := processes.agree(_tensors_of(method)):
            row["drift"] = drift
        row |= method.after_epoch(epoch) | _monitor(method, windows)
        # Training alone: what the monitoring costs is in `epoch_seconds`.
        row |= {
            "seconds": seconds,
            "windows_per_s": row["windows"] / seconds,
            "epoch_seconds": time.perf_counter() - started,
        }
        progress.rows.append(row)
        progress.traces.append(method.epoch_trace())
        if epoch in keep:
            progress.snapshots[epoch] = _snapshot(method)
        if keeper is not None and keeper.writes:
            keeper.keep(take_state(method, windows, optimizer, progress))
        report(_line(row, method.num_epochs))
    return TrainingRun(progress.rows, progress.traces, facts, progress.snapshots, progress.rows[-1]["epoch"])


def _start(method: AnyMethod, windows: ResidentWindows, keep: Collection[int]) -> Progress:
    """What is reported of the state before any step."""
    snapshots = {0: _snapshot(method)} if 0 in keep else {}
    row = {"epoch": 0, **method.after_epoch(0), **_monitor(method, windows)}
    return Progress([row], [method.epoch_trace()], snapshots)


def _tensors_of(method: AnyMethod) -> dict[str, Tensor]:
    """All that the processes of a training must have in common after an epoch."""
    own = {name: value for name, value in method.training_state().items() if isinstance(value, Tensor)}
    return {**method.state_dict(), **own}


def _train_epoch(
    method: AnyMethod,
    losses: Callable[[WindowBatch], dict[str, Tensor]],
    windows: ResidentWindows,
    optimizer: torch.optim.Optimizer,
    lr: float,
    epoch: int,
    num_steps: int,
) -> dict[str, Any]:
    """One pass over the pretraining windows; mean of each loss term, steps and windows seen."""
    steps_before = (epoch - 1) * num_steps // method.num_epochs
    method.before_epoch(epoch)
    method.train()
    sums: dict[str, Tensor] = {}
    steps = seen = 0
    for position in windows.shuffled(method.batch_size, method.batch_unit):
        for group in optimizer.param_groups:
            group["lr"] = lr * method.learning_rate_factor((steps_before + steps) / num_steps)
        batch = windows.gather("pretrain", position, modalities=method.modalities, augment=True)
        terms = losses(batch)
        total = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        optimizer.step()
        method.after_step()
        # Sums stay on the device, so that no step waits for a figure.
        for name, term in {**terms, "total": total}.items():
            sums[name] = sums[name] + term.detach() if name in sums else term.detach()
        steps, seen = steps + 1, seen + len(batch)
    means = {name: float(value) / steps for name, value in sums.items()}
    return {"losses": means, "steps": steps, "windows": seen, "lr": optimizer.param_groups[0]["lr"]}


def _steps_per_epoch(method: AnyMethod, windows: ResidentWindows, place: str) -> int:
    if not method.num_epochs:
        return 0
    steps = windows.steps_per_epoch(method.batch_size, method.batch_unit)
    if not steps or windows.num_windows("pretrain") < method.batch_size:
        raise UserError(
            f"{place}.batch_size: {method.batch_size} windows make a batch, but the split's pretrain part has only"
            f" N = {windows.num_windows('pretrain')}; set a smaller batch_size or add recordings"
        )
    return steps


def _monitor(method: AnyMethod, windows: ResidentWindows) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for part, name in (("pretrain", "retrieval_training"), ("monitor", "retrieval_unseen")):
        if windows.num_windows(part) and (found := retrieval(method, windows, part)):
            row[name] = found
    return row


def _snapshot(method: AnyMethod) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in method.snapshot_state().items()}


def _check_losses(row: Mapping[str, Any], place: str) -> None:
    for name, value in row["losses"].items():
        if value != value or abs(value) == float("inf"):
            raise UserError(f"{place}: the loss `{name}` is {value} in epoch {row['epoch']}; lower optimizer.max_lr")


def _line(row: Mapping[str, Any], num_epochs: int) -> str:
    losses = ", ".join(f"{name} {value:.4f}" for name, value in row["losses"].items())
    extra = "".join(
        f", {name} {row[name]:.3f}" for name in ("change_rate", "training_accuracy") if row.get(name) is not None
    )
    warning = f"; warning: {row['warning']}" if "warning" in row else ""
    return f"epoch {row['epoch']}/{num_epochs}: {losses}{extra} ({row['windows_per_s']:.0f} windows/s){warning}"
