"""One training from files to checkpoint, shared by the stages `pretrain_spatial` and `pretrain`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from detach_core.contracts.history import write_history
from detach_core.contracts.provenance import Provenance, make_provenance
from detach_core.contracts.split import ChannelStatistics, Normalisation, Split, read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.foundation.errors import ContractError, UserError
from detach_core.foundation.logs import stage_log
from detach_core.methods.batch import STREAMED
from detach_core.methods.method import AnyMethod, check_widths
from detach_core.methods.registry import METHODS, VideoNetworkSettings, build_method
from detach_core.training.batches import ResidentWindows, input_shape
from detach_core.training.event_files import Record, event_files, no_record
from detach_core.training.job import HasAugmentation, HasSnapshots, TrainingJob, with_stage_1
from detach_core.training.loop import TrainingRun, train
from detach_core.training.processes import Processes, alone, choose_device, joined, own_rank, prepare
from detach_core.training.randomness import seed_everything
from detach_core.training.resume import StateKeeper, training_identity


@dataclass(frozen=True)
class Session:
    """A trained method and the record of its training."""

    method: AnyMethod
    run: TrainingRun


@dataclass(frozen=True)
class Trained:
    """A finished training, for the further outputs of its stage."""

    session: Session
    split: Split
    provenance: Provenance
    log: logging.Logger


def train_to_files(
    stage: str,
    job: TrainingJob,
    *,
    place: str,
    windows_path: str | Path,
    split_path: str | Path,
    spatial_path: str | Path | None,
    checkpoint_path: str | Path,
    history_path: str | Path,
    seed: int,
    log_path: str | Path,
    tensorboard_path: str | Path | None,
    write: Callable[[Trained], None],
) -> None:
    """Train, and write checkpoint, history and, by `write`, the further outputs of the stage.

    A stopped run is resumed from its state, which lies beside the checkpoint until the training ends.

    Args:
        stage: its name.
        job: method and settings.
        place: where the method's section stands in the config, for messages.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        spatial_path: Stage 1's checkpoint; None for methods that do not start from it.
        checkpoint_path: where to write the weights.
        history_path: where to write what each epoch reported.
        seed: of weights, order and augmentation.
        log_path: the log.
        tensorboard_path: folder for TensorBoard's event files; None: none are asked for.
        write: called once, by the main process, when checkpoint and history are there.
    """
    count = job.machines.num_processes
    with (
        stage_log(log_path, stage, rank=own_rank(count)) as log,
        joined(job.machines.device, count) as processes,
    ):
        windows, split = read_windows(windows_path), read_split(split_path)
        inputs = {"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id}
        spatial = None if spatial_path is None else read_checkpoint(spatial_path)
        if spatial is not None and spatial_path is not None:
            _check_same_input(spatial, spatial_path, inputs)
            inputs["spatial"] = spatial.provenance.artifact_id
        job = with_stage_1(job, spatial)
        provenance = make_provenance(
            stage=stage, source=windows.source, settings=job.to_plain(), seed=seed, inputs=inputs
        )
        identity = training_identity(provenance, device=job.machines.device, spatial=spatial)
        with (
            event_files(tensorboard_path, writes=processes.is_main) as record,
            StateKeeper(checkpoint_path, identity=identity, log=log, writes=processes.is_main) as keeper,
        ):
            session = run_session(
                job,
                place=place,
                windows=windows,
                split=split,
                spatial=spatial,
                seed=seed,
                log=log,
                keeper=keeper,
                processes=processes,
                record=record,
            )
            if not processes.is_main:
                return
            checkpoint = make_checkpoint(job, session, windows=windows, split=split, provenance=provenance)
            write_checkpoint(checkpoint_path, checkpoint)
            write_history(history_path, session.run.rows, run=session.run.facts, provenance=provenance)
            write(Trained(session, split, provenance, log))


def _check_same_input(spatial: Checkpoint, path: str | Path, inputs: dict[str, str]) -> None:
    """Check that Stage 1 was trained on these windows under this split."""
    for role, expected in inputs.items():
        found = spatial.provenance.inputs.get(role, "nothing")
        if found != expected:
            raise ContractError(
                path, f"provenance.{role}", expected=expected, found=found, remedy="rerun the rule `pretrain_spatial`"
            )


def run_session(
    job: TrainingJob,
    *,
    place: str,
    windows: Windows,
    split: Split,
    spatial: Checkpoint | None,
    seed: int,
    log: logging.Logger,
    keeper: StateKeeper | None = None,
    processes: Processes | None = None,
    record: Record = no_record,
) -> Session:
    """Train a method on the split's pretraining windows.

    Args:
        job: method and settings, `with_stage_1`.
        place: where the method's section stands in the config, for messages.
        windows: all windows.
        split: which of them are pretrained on, and their normalisation.
        spatial: Stage 1, for methods that start from it.
        seed: of weights, order and augmentation.
        log: gets a line per epoch.
        keeper: of the state; None: nothing outlasts the process.
        processes: that train together, this one among them; None: this one alone.
        record: called with each row of the history once, those of an earlier run first.
    """
    processes = processes or alone(choose_device(job.machines.device))
    device = processes.device
    words = prepare(device, threads=job.machines.threads) + processes.words
    seed_everything(seed)
    settings = job.settings
    _check_told(job, windows)
    form = settings.input.form
    statistics = split.normalisation.activation[form]
    method = build_method(
        job.method,
        settings=settings,
        shape=input_shape(windows),
        activation={"mean": statistics.mean.tolist(), "std": statistics.std.tolist()},
    )
    if spatial is not None:
        method.load_spatial(spatial.tensors)
    check_widths(method)
    method.to(device)
    processes.share_rows(method)
    resident = ResidentWindows(
        windows,
        {"pretrain": split.pretrain, "monitor": unseen_part(split)},
        split.normalisation,
        form=form,
        augmentation=settings.augmentation if isinstance(settings, HasAugmentation) else None,
        device=device,
        seed=seed,
        with_labels=method.uses_labels,
        with_streams=bool((method.modalities | method.video_modalities) & STREAMED),
        frames_every=settings.input.frames_every,
    )
    log.info("%s on %s: %d pretraining windows, %s", job.method, windows.dataset, len(split.pretrain), words)
    run = train(
        method,
        resident,
        place=place,
        report=log.info,
        snapshots=settings.snapshots if isinstance(settings, HasSnapshots) else (),
        keeper=keeper,
        processes=processes,
        record=record,
    )
    run.facts["device"] = words
    return Session(method, run)


def _check_told(job: TrainingJob, windows: Windows) -> None:
    """Check that the windows have the video and the labels that the method needs.

    Raises:
        UserError: they have not.
    """
    if isinstance(job.settings, VideoNetworkSettings) and not windows.has_video:
        raise UserError(
            f"dataset {windows.dataset}: found no video, expected one for {job.method}; without a video only methods"
            " of sensors alone can be trained, such as statistics, random_encoder and supervised"
        )
    if METHODS.implementation(job.method).uses_labels and not windows.class_names:
        raise UserError(
            f"dataset {windows.dataset}: found no labels, expected some for {job.method}; give its recordings labels,"
            " or train another method"
        )


def unseen_part(split: Split) -> NDArray[np.int64]:
    """The windows to monitor on: those held out, or the downstream ones where nothing is."""
    return split.held_out if len(split.held_out) else split.downstream


def make_checkpoint(
    job: TrainingJob, session: Session, *, windows: Windows, split: Split, provenance: Provenance
) -> Checkpoint:
    """The session's method as a checkpoint."""
    plain = job.to_plain()
    return Checkpoint(
        method=job.method,
        settings=plain["settings"],
        shape=session.method.shape.as_dict(),
        normalisation=normalisation_as_dict(split.normalisation),
        dataset=windows.dataset,
        class_names=list(windows.class_names),
        class_places=list(windows.class_places),
        class_actions=list(windows.class_actions),
        channel_names=list(windows.channel_names),
        window_s=windows.window_s,
        max_nan_share=windows.max_nan_share,
        flow_method=windows.flow_method,
        flow_max_px=windows.flow_max_px,
        epoch=session.run.num_epochs,
        facts={
            "encoders": plain["settings"].get("encoders"),
            "video_init": session.method.video_init,
            **_sizes(session),
        },
        tensors=session.method.state_dict(),
        provenance=provenance,
    )


def _sizes(session: Session) -> dict[str, Any]:
    names = ("num_windows", "num_weights", "device", "collapse")
    return {name: session.run.facts[name] for name in names if name in session.run.facts}


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
