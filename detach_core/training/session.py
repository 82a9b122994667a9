"""One training from files to checkpoint: what the stages `pretrain_spatial` and `pretrain` share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.split import ChannelStatistics, Normalisation, Split
from detach_core.contracts.windows import Windows
from detach_core.encoders.video.start import describe_start, without_path
from detach_core.methods import METHODS, build_method
from detach_core.methods.batch import STREAMED
from detach_core.methods.method import Method
from detach_core.training.batches import ResidentWindows, input_shape
from detach_core.training.device import choose_device, prepare
from detach_core.training.loop import TrainingRun, train
from detach_core.training.processes import Processes, alone
from detach_core.training.seed import seed_everything
from detach_core.training.state_keeper import StateKeeper


@dataclass(frozen=True)
class Session:
    """A trained method and the account of its training."""

    method: Method
    run: TrainingRun


def with_video_start(settings: dict[str, Any], spatial: Checkpoint | None) -> dict[str, Any]:
    """The settings with what the weight file of `video.init` holds; with a Stage 1, it is what that started from.

    Raises:
        BadInputError: the weight file is refused.
    """
    if "video" not in settings:
        return settings
    video = settings["video"] if spatial is None else spatial.settings["video"]
    return settings | {"video": describe_start(video, size=settings["encoders"]["size"])}


def portable(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without the place of the weight file, which differs between machines; a checkpoint holds weights."""
    return settings | ({"video": without_path(settings["video"])} if "video" in settings else {})


def run_session(
    name: str,
    *,
    place: str,
    settings: dict[str, Any],
    windows: Windows,
    split: Split,
    spatial: Checkpoint | None,
    seed: int,
    log: logging.Logger,
    keeper: StateKeeper | None = None,
    processes: Processes | None = None,
) -> Session:
    """Train the method `name` on the split's pretraining windows.

    Args:
        name: a key of `METHODS`.
        place: where its section stands in the config, for messages.
        settings: its resolved settings, `with_video_start`; Stage 1's are added to them when there is a Stage 1.
        windows: all windows.
        split: which of them are pretrained on, and their normalisation.
        spatial: Stage 1, for methods that start from it.
        seed: of weights, order and augmentation.
        log: gets a line per epoch.
        keeper: of the state; None: nothing outlasts the process.
        processes: that train together, this one among them; None: this one alone.
    """
    processes = processes or alone(choose_device(settings["device"]))
    device = processes.device
    words = prepare(device, threads=settings["threads"]) + processes.words
    seed_everything(seed)
    if spatial is not None:
        settings["spatial_settings"] = spatial.settings
    form = settings["input"]["form"]
    statistics = split.normalisation.activation[form]
    method = build_method(
        name,
        settings=settings,
        shape=input_shape(windows),
        activation={"mean": statistics.mean.tolist(), "std": statistics.std.tolist()},
    )
    if spatial is not None:
        method.load_spatial(spatial.tensors)
    method.to(device)
    processes.share_rows(method)
    resident = ResidentWindows(
        windows,
        {"pretrain": split.pretrain, "monitor": unseen_part(split)},
        split.normalisation,
        form=form,
        augmentation=settings.get("augmentation"),
        device=device,
        seed=seed,
        with_labels=METHODS[name].uses_labels,
        with_streams=bool((method.modalities | method.video_modalities) & STREAMED),
        frames_every=settings["input"]["frames_every"],
    )
    log.info("%s on %s: %d pretraining windows, %s", name, windows.dataset, len(split.pretrain), words)
    run = train(
        method,
        resident,
        settings=settings,
        place=place,
        report=log.info,
        snapshots=settings.get("snapshots", ()),
        keeper=keeper,
        processes=processes,
    )
    run.facts["device"] = words
    return Session(method, run)


def unseen_part(split: Split) -> NDArray[np.int64]:
    """The windows to monitor on: those held out, or the downstream ones where nothing is."""
    return split.held_out if len(split.held_out) else split.downstream


def make_checkpoint(
    name: str, session: Session, *, settings: dict[str, Any], windows: Windows, split: Split, provenance: Provenance
) -> Checkpoint:
    """The session's method as a checkpoint."""
    return Checkpoint(
        method=name,
        settings=portable(settings),
        shape=session.method.shape.as_dict(),
        normalisation=normalisation_as_dict(split.normalisation),
        class_names=list(windows.class_names),
        channel_names=list(windows.channel_names),
        epoch=session.run.num_epochs,
        facts={"encoders": settings.get("encoders"), "video_init": session.method.video_init, **_sizes(session)},
        tensors=session.method.state_dict(),
        provenance=provenance,
    )


def _sizes(session: Session) -> dict[str, Any]:
    return {name: session.run.facts[name] for name in ("num_windows", "num_weights", "device")}


def normalisation_as_dict(normalisation: Normalisation) -> dict[str, Any]:
    """The split's normalisation as plain values, for the checkpoint."""
    activation = {
        form: {"mean": values.mean.tolist(), "std": values.std.tolist()}
        for form, values in normalisation.activation.items()
    }
    return {"mean": normalisation.mean.tolist(), "std": normalisation.std.tolist(), "activation": activation}


def normalisation_from_dict(values: Mapping[str, Any]) -> Normalisation:
    """The normalisation that `normalisation_as_dict` gave."""
    activation = {
        form: ChannelStatistics(np.array(item["mean"]), np.array(item["std"]))
        for form, item in values["activation"].items()
    }
    return Normalisation(np.array(values["mean"]), np.array(values["std"]), activation)
