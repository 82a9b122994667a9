"""Training loop over any method of the protocol, its optimiser and its monitoring by retrieval."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from detach_core.foundation.errors import UserError
from detach_core.losses import COLLAPSED_COSINE, mean_cosine
from detach_core.methods.batch import SENSOR, WindowBatch, WindowsAccess, required
from detach_core.methods.method import AnyMethod
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.batches import ResidentWindows
from detach_core.training.event_files import Record, no_record
from detach_core.training.processes import Processes, alone
from detach_core.training.resume import Progress, StateKeeper, restore_state, take_state


def scaled_learning_rate(lr: float, *, max_lr: float, num_steps: int, paper_steps: int | None) -> float:
    """The rate that keeps lr x steps of the paper's run, at most `max_lr`; `lr` itself without `paper_steps`.

    Raises:
        ValueError: no steps.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be positive, got {num_steps}")
    if paper_steps is None:
        return lr
    return min(max_lr, lr * paper_steps / num_steps)


def make_optimizer(parameters: Iterable[nn.Parameter], *, lr: float, settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW over the trainable parameters, at `lr`, with the configured weight decay."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    # One kernel for all tensors: these networks have many small ones, and a step would be mostly overhead.
    return torch.optim.AdamW(trainable, lr=lr, weight_decay=settings.weight_decay, fused=True)


class HasLearningRate(Protocol):
    """Settings of a training; a method without `paper_steps` (Stage 1) keeps its rate."""

    @property
    def lr(self) -> float | None:
        """The method's own rate."""

    @property
    def paper_steps(self) -> int | None:
        """Steps of the paper's run."""

    @property
    def optimizer(self) -> OptimizerSettings:
        """The common optimiser."""


def learning_rate_of_run(settings: HasLearningRate, num_steps: int) -> float:
    """The rate of a run of `num_steps`; a method's own `lr` takes precedence over the optimiser's."""
    optimizer = settings.optimizer
    return scaled_learning_rate(
        optimizer.lr if settings.lr is None else settings.lr,
        max_lr=optimizer.max_lr,
        num_steps=num_steps,
        paper_steps=settings.paper_steps,
    )


# The gallery. Retrieval gets harder with it, so it is one for all methods and parts.
GALLERY = 128

RANKS = (1, 5)


def recall_at(similarity: Tensor, ranks: tuple[int, ...] = RANKS) -> dict[str, float]:
    """Share of rows whose own column is among the `rank` most similar: `r1`, `r5`; ties count against the row."""
    own = similarity.diagonal()[:, None]
    better = (similarity >= own).sum(dim=1) - 1
    return {f"r{rank}": float((better < rank).double().mean()) for rank in ranks}


@dataclass(frozen=True)
class MonitoredFeatures:
    """Features (N, D) of evenly spread windows.

    Attributes:
        sensor: by their names in `embeddings.h5`: `sensor`, which is probed, and its parts where a method has them.
        shared: the sensor's side of the common space.
        video: the video's side; None without a common space.
    """

    sensor: dict[str, Tensor]
    shared: Tensor
    video: Tensor | None

    @property
    def mean_cosines(self) -> dict[str, float]:
        """Mean cosine of different windows' features, by name."""
        named = self.sensor if self.video is None else {**self.sensor, "video": self.video}
        return {name: mean_cosine(feature) for name, feature in named.items()}

    @property
    def retrieval(self) -> dict[str, Any]:
        """Recall of sensor-to-video retrieval and back; {} without a common space."""
        if self.video is None:
            return {}
        similarity = normalize(self.shared, dim=1) @ normalize(self.video, dim=1).T
        return {
            "gallery": len(similarity),
            "sensor_to_video": recall_at(similarity),
            "video_to_sensor": recall_at(similarity.T),
        }


@torch.no_grad()
def monitored_features(method: AnyMethod, windows: WindowsAccess, part: str) -> MonitoredFeatures:
    """Features of at most `GALLERY` windows of `part`, in evaluation mode; the mode is put back."""
    was_training = method.training
    method.eval()
    sensors: dict[str, list[Tensor]] = {}
    shared, videos = [], []
    for batch in windows.batches(part, modalities=method.video_modalities | {SENSOR}, limit=GALLERY):
        sensor, video = method.embed_sensor(required(batch.sensor)), method.embed_video(batch)
        for name, feature in sensor.named("sensor").items():
            sensors.setdefault(name, []).append(feature)
        shared.append(sensor.in_shared_space)
        if video is not None:
            videos.append(video.in_shared_space)
    method.train(was_training)
    joined = {name: torch.cat(features) for name, features in sensors.items()}
    return MonitoredFeatures(joined, torch.cat(shared), torch.cat(videos) if videos else None)


# A training has collapsed when its sensor features point the same way, or when its contrast has learned nothing: it
# ends within this share of what features that are all alike would give.
CHANCE_SHARE = 0.01


def collapse_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Signs of a collapsed training in a history's rows, in words; empty where there are none.

    Judged are the last epoch's sensor features of the pretraining windows, whole and in parts, and each contrastive
    term in the last epoch that had it: a teacher that is trained first counts too. No tested window is looked at.
    """
    return "; ".join([*_alike(rows[-1]), *_at_chance(rows)])


def _alike(row: Mapping[str, Any]) -> list[str]:
    """The sensor feature whose windows are most alike; a whole may hide that one of its halves is one vector."""
    cosines = row.get("mean_cosine_training", {})
    # Not the video's: before a fixed camera pictures are alike, and so are their features.
    judged = {name: cosine for name, cosine in cosines.items() if name.startswith(SENSOR)}
    name = max(judged, key=judged.__getitem__, default="")
    return [f"mean cosine of `{name}` {judged[name]:.3f}"] if name and judged[name] > COLLAPSED_COSINE else []


def _at_chance(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each contrastive term at chance, and its share of the loss: a small one says little about the training."""
    last = {name: row for row in rows for name in row.get("chance_losses", {})}
    found = []
    for name, row in last.items():
        chance, losses = row["chance_losses"][name], row["losses"]
        if name in losses and losses[name] >= (1.0 - CHANCE_SHARE) * chance > 0.0:
            share = losses[name] / losses["total"]
            found.append(f"loss {name} {losses[name]:#.4g} of {chance:#.4g} at chance, {share:.0%} of the total")
    return found


Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainingRun:
    """Results of a training besides the method: rows of the history, facts of the run, kept weights.

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
    record: Record = no_record,
) -> TrainingRun:
    """Train `method` on the pretraining windows to its last epoch or until it reports that it is finished.

    Where `keeper` finds the state of an earlier run, training resumes from it, with the result of an uninterrupted run.

    Args:
        method: on the device of `windows`.
        windows: parts `pretrain` and `monitor`.
        place: where the method's section stands in the config, for messages.
        report: called with a line of progress per epoch.
        snapshots: shares of the epochs after which weights are kept; 0 is the state before any step.
        keeper: gets the state at each epoch's end; None: nothing outlasts the process.
        processes: that train the method together, this one among them; None: this one alone.
        record: called with each row of the history once, those of an earlier run first.

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
        for row in start.rows:
            record(row)
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
    for row in progress.rows:
        record(row)
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
        if chance := method.chance_losses():
            row["chance_losses"] = chance
        row |= method.after_epoch(epoch) | _monitor(method, windows)
        # Training alone: what the monitoring costs is in `epoch_seconds`.
        row |= {
            "seconds": seconds,
            "windows_per_s": row["windows"] / seconds,
            "epoch_seconds": time.perf_counter() - started,
        }
        progress.rows.append(row)
        record(row)
        progress.traces.append(method.epoch_trace())
        if epoch in keep:
            progress.snapshots[epoch] = _snapshot(method)
        if keeper is not None and keeper.writes:
            keeper.keep(take_state(method, windows, optimizer, progress))
        report(_line(row, method.num_epochs))
    facts["collapse"] = collapse_of(progress.rows)
    if facts["collapse"]:
        report(f"warning: this training has collapsed ({facts['collapse']}); lower the rate or change the method")
    return TrainingRun(progress.rows, progress.traces, facts, progress.snapshots, progress.rows[-1]["epoch"])


def _start(method: AnyMethod, windows: ResidentWindows, keep: Collection[int]) -> Progress:
    """Progress at the state before any step."""
    snapshots = {0: _snapshot(method)} if 0 in keep else {}
    row = {"epoch": 0, **method.after_epoch(0), **_monitor(method, windows)}
    return Progress([row], [method.epoch_trace()], snapshots)


def _tensors_of(method: AnyMethod) -> dict[str, Tensor]:
    """Tensors that must agree between the processes of a training after an epoch."""
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
    for part, name in (("pretrain", "training"), ("monitor", "unseen")):
        if windows.num_windows(part):
            features = monitored_features(method, windows, part)
            row[f"mean_cosine_{name}"] = features.mean_cosines
            if found := features.retrieval:
                row[f"retrieval_{name}"] = found
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
