"""A home that can be learned: places seen by the camera and felt by two channels each, where things open or close.

Opening and closing differ in the sign of one channel's ramp and in the direction of the motion in the video.
"""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from detach_core.config.load import load_config
from detach_core.config.variants import resolve_spatial
from detach_core.config.yaml_file import read_yaml
from detach_core.contracts.flow import compand, create_flow
from detach_core.contracts.frames import create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Fold, Split, write_split
from detach_core.contracts.streams import StreamSource
from detach_core.contracts.windows import Windows, write_windows
from detach_core.methods.registry import DETACH_STAGE_1
from detach_core.settings.shared import MachinesSettings
from detach_core.signals.normalization import fit
from detach_core.training.job import TrainingJob

HEIGHT, WIDTH, FRAMES, WORKING_HZ, SENSOR_HZ, LENGTH, MAX_PX = 24, 32, 10, 5.0, 30.0, 60, 16.0
MACHINES = MachinesSettings(device="cpu")
# What a training of the toy takes less of than one of a home, whatever the method.
_FEWER = {"epochs": 2, "teacher_epochs": 2, "batch_size": 16}


def small(settings):
    """`settings` at the toy's size: two epochs, small batches, narrow networks that see every frame."""
    present = {field.name for field in fields(settings)}
    changes = {name: value for name, value in _FEWER.items() if name in present}
    changes["input"] = replace(settings.input, frames_every=1)
    if "encoders" in present:
        changes["encoders"] = replace(settings.encoders, dim=32)
    if "augmentation" in present:
        video = replace(settings.augmentation.video, shift_px=1)
        changes["augmentation"] = replace(settings.augmentation, video=video)
    return replace(settings, **changes)


def _of_the_configuration():
    """Method -> its settings as `config.yaml` has them, at the toy's size; a new method's come of themselves."""
    config = load_config(read_yaml(Path(__file__).resolve().parents[2] / "config.yaml"))
    found = {DETACH_STAGE_1: resolve_spatial(config.document, "default")}
    for name in config.document.variants:
        found.setdefault(config.variant(name).method, config.variant(name).settings)
    return {name: small(settings) for name, settings in found.items()}


SETTINGS = _of_the_configuration()
SPATIAL = replace(
    SETTINGS["detach_spatial"],
    clusters=4,
    warmup_epochs=1,
    joint_epochs=2,
    stop="fixed",
    refinement_epochs=2,
    min_refinement_epochs=1,
)
# As the configuration has it; `SETTINGS["detach"]` stands on a Stage 1.
DETACH = replace(SETTINGS["detach"], snapshots=(0.0, 0.5, 1.0))
SETTINGS |= {
    "detach_spatial": SPATIAL,
    "detach": replace(DETACH, spatial_settings=SPATIAL),
    "comodo": replace(SETTINGS["comodo"], batch_size=8, hidden=32),
    "cav_mae": replace(
        SETTINGS["cav_mae"], width=32, heads=4, separate_layers=2, joint_layers=1, decoder_width=16, decoder_layers=1
    ),
}
AUGMENTATION = SPATIAL.augmentation
DIM = SPATIAL.encoders.dim


def draw_sensor(rng, place, sign, num_places, noise):
    """Two channels a place: a burst and a ramp that stays, over noise everywhere."""
    time = np.linspace(0.0, 1.0, LENGTH)
    sensor = noise * rng.normal(size=(2 * num_places, LENGTH))
    middle, width = rng.uniform(0.35, 0.65), rng.uniform(0.15, 0.25)
    sensor[2 * place] += np.exp(-(((time - middle) / width) ** 2)) * rng.normal(size=LENGTH) * rng.uniform(0.7, 1.3)
    sensor[2 * place + 1] += sign * rng.uniform(0.7, 1.3) * np.clip((time - middle) / width + 0.5, 0.0, 1.0)
    return sensor


def draw_video(rng, background, place, sign, num_places):
    """A bright block that moves up or down at its place, and its flow."""
    rgb = np.repeat(background[None], FRAMES, axis=0).astype(np.float64)
    flow = np.zeros((FRAMES, HEIGHT, WIDTH, 2), dtype=np.float32)
    left = 2 + place * (WIDTH - 6) // num_places
    start = HEIGHT / 2 - sign * rng.uniform(2.0, 4.0)
    colour = rng.uniform(150.0, 255.0, size=3)
    for frame in range(FRAMES):
        top = round(start + sign * 0.8 * frame)
        top = min(max(top, 0), HEIGHT - 5)
        rgb[frame, top : top + 5, left : left + 4] = colour
        if frame:
            flow[frame, top : top + 5, left : left + 4, 1] = 0.8 * sign
    rgb += rng.normal(scale=4.0, size=rgb.shape)
    return np.clip(rgb, 0, 255).astype(np.uint8), compand(flow, MAX_PX)


def write_toy(folder, *, num_places=4, num_recordings=6, per_recording=24, noise=0.1, seed=0, label_unit="window"):
    """Write frames.h5, flow.h5, windows.h5 and split.json under `folder`."""
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    count = num_recordings * per_recording
    place = rng.integers(num_places, size=count)
    action = rng.integers(2, size=count)
    recording = np.repeat(np.arange(num_recordings), per_recording)
    if label_unit == "recording":
        # A recording is of one kind: mostly opening or mostly closing.
        action = np.where(rng.random(count) < 0.9, recording % 2, action)
    sensor = np.stack([draw_sensor(rng, p, 2 * a - 1, num_places, noise) for p, a in zip(place, action, strict=True)])
    background = rng.integers(40, 120, size=(HEIGHT, WIDTH, 3))
    videos = [draw_video(rng, background, p, 2 * a - 1, num_places) for p, a in zip(place, action, strict=True)]
    rgb, flow = (np.stack(part) for part in zip(*videos, strict=True))
    provenance = make_provenance(stage="pack", source="simulated", settings={"toy": [seed, label_unit, count, noise]})
    names = [f"S{index}-Drill" for index in range(num_recordings)]
    rows = per_recording * FRAMES
    shape = {"image_px": (WIDTH, HEIGHT), "working_hz": WORKING_HZ, "provenance": provenance}
    with (
        create_frames(folder / "frames.h5", **shape) as frames,
        create_flow(folder / "flow.h5", max_px=MAX_PX, method="none", **shape) as flows,
    ):
        for index, name in enumerate(names):
            stream, luma = frames.add_recording(name, num_frames=rows, video=f"{name}.mp4")
            stream[...] = rgb[recording == index].reshape(rows, HEIGHT, WIDTH, 3)
            luma[...] = 0
            flows.add_recording(name, num_frames=rows)[...] = flow[recording == index].reshape(rows, HEIGHT, WIDTH, 2)
    classes = [f"{verb} Place {index}" for verb in ("Close", "Open") for index in range(num_places)]
    label = action * num_places + place
    if label_unit == "recording":
        classes, label = ["closing day", "opening day"], recording % 2
    within = np.arange(count) % per_recording
    windows = Windows(
        path=folder / "windows.h5",
        sensor=sensor.astype(np.float32),
        mean_frame=rgb.mean(axis=1).round().astype(np.uint8),
        recording=recording.astype(np.int32),
        subject=recording.astype(np.int32),
        start_s=within * 2.0,
        first_frame=within.astype(np.int64) * FRAMES,
        label=label.astype(np.int32),
        instance=np.arange(count, dtype=np.int32),
        location=place.astype(np.int32),
        dataset="toy",
        source="simulated",
        label_unit=label_unit,
        class_names=tuple(classes),
        class_places=tuple(name.partition(" ")[2] if label_unit == "window" else "" for name in classes),
        class_actions=tuple(name.partition(" ")[0] if label_unit == "window" else "" for name in classes),
        location_names=tuple(f"Place {index}" for index in range(num_places)),
        location_source="simulation truth",
        channel_names=tuple(f"channel {index}" for index in range(2 * num_places)),
        channel_units=("",) * (2 * num_places),
        recording_names=tuple(names),
        subject_names=tuple(f"S{index}" for index in range(num_recordings)),
        sensor_hz=SENSOR_HZ,
        working_hz=WORKING_HZ,
        window_s=2.0,
        stride_s=2.0,
        frames_per_window=FRAMES,
        flow_max_px=MAX_PX,
        streams=tuple(StreamSource(name, "frames.h5", "flow.h5", rows) for name in names),
        provenance=provenance,
    )
    write_windows(folder / "windows.h5", windows)
    write_split(folder / "split.json", make_split(windows, num_recordings))
    return folder


def make_split(windows, num_recordings):
    """The last two recordings are held out, the one before is downstream, the rest is pretrained on."""
    parts = {
        "pretrain": np.flatnonzero(windows.recording < num_recordings - 3),
        "downstream": np.flatnonzero(windows.recording == num_recordings - 3),
        "held_out": np.flatnonzero(windows.recording >= num_recordings - 2),
    }
    fold = Fold(parts["downstream"], np.array([], dtype=np.int64), parts["held_out"])
    return Split(
        dataset=windows.dataset,
        name="default",
        seed=0,
        parts=parts,
        normalisation=fit(windows.sensor[parts["pretrain"]], quantile=0.99),
        protocols={"by_recording": (fold,)},
        overlap=(),
        provenance=make_provenance(
            stage="split", source="simulated", settings={}, inputs={"windows": windows.provenance.artifact_id}
        ),
    )


def job_text(method, *, devices=1, **changes):
    """A job of `method` as a stage takes it; of Stage 2 without its Stage 1, which its file brings."""
    settings = replace(DETACH if method == "detach" else SETTINGS[method], **changes)
    return json.dumps(TrainingJob(method, settings, replace(MACHINES, devices=devices)).to_plain())
