"""A home that can be learned: places seen by the camera and felt by two channels each, where things open or close.

Opening and closing differ in the sign of one channel's ramp and in the direction of the motion in the video.
"""

import json
from pathlib import Path

import numpy as np

from detach_core.contracts.flow import compand, create_flow
from detach_core.contracts.frames import create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Fold, Split, write_split
from detach_core.contracts.streams import StreamSource
from detach_core.contracts.windows import Windows, write_windows
from detach_core.signals.normalization import fit

HEIGHT, WIDTH, FRAMES, WORKING_HZ, SENSOR_HZ, LENGTH, MAX_PX = 24, 32, 10, 5.0, 30.0, 60, 16.0
NETWORK = {
    "input": {"form": "centred", "activation_quantile": 0.99, "frames_every": 1},
    "augmentation": {
        "enabled": True,
        "sensor": {"scale": 0.1, "jitter": 0.05, "shift_s": 0.1, "warp": 0.1, "channel_dropout": 0.05},
        "video": {
            "brightness": 0.2,
            "contrast": 0.2,
            "colour": 0.1,
            "blur_probability": 0.5,
            "shift_px": 1,
            "noise": 0.02,
        },
    },
    "encoders": {"size": "small", "dim": 32},
    "video": {"init": "scratch"},
    "optimizer": {"lr": 1e-4, "weight_decay": 1e-4, "max_lr": 2e-3},
    "device": "cpu",
    "threads": 1,
    "devices": 1,
    "nodes": 1,
}
SPATIAL = {
    **NETWORK,
    "clusters": 4,
    "alpha": 1.0,
    "beta": 1.5,
    "warmup_epochs": 1,
    "joint_epochs": 2,
    "refine": True,
    "refine_gate": 0.0,
    "stop": "fixed",
    "refinement_epochs": 2,
    "min_refinement_epochs": 1,
    "plateau": {"rate": 0.01, "epochs": 3},
    "confident_quantile": 0.75,
    "confident_strict": False,
    "refine_all": False,
    "cluster_head": "cosine",
    "cluster_temperature": 0.1,
    "cluster_scope": "all",
    "memory_momentum": 0.5,
    "centroid_every_epochs": 1,
    "min_size": 0.15,
    "reweight": "sum_k",
    "activation": "abs",
    "freeze_video": True,
    "batch_size": 16,
    "video_time_average": "pixels",
}
DETACH = {
    **NETWORK,
    "method": "detach",
    "epochs": 2,
    "batch_size": 16,
    "paper_steps": 800,
    "temperature": 0.1,
    "hardness": 3.0,
    "contrastive": "weighted",
    "spatial_weight": True,
    "temporal_weight": True,
    "damping": "spatial",
    "temporal_similarity": "intra",
    "momentum": 0.999,
    "momentum_left": 0.1,
    "momentum_encoder": True,
    "normalise_weights": "none",
    "z_parts": ["spatial", "temporal"],
    "mask_overlap": False,
    "sensor_temporal": "cnn_gru_attention",
    "flow": True,
    "time_average": "steps",
    "snapshots": [0.0, 0.5, 1.0],
}
TRAINED = {"epochs": 2, "batch_size": 16, "paper_steps": 800, "sensor_temporal": "cnn_gru_attention"}
CONTRASTED = {"epochs": 2, "batch_size": 16, "paper_steps": 800, "temperature": 0.1, "authors_adaptation": False}
IMU2CLIP = {**NETWORK, **CONTRASTED, "method": "imu2clip", "length": 400}
PRIMUS = {
    **NETWORK,
    **CONTRASTED,
    "method": "primus",
    "length": 400,
    "self_supervised_weight": 0.5,
    "queue": 1024,
    "exclude_s": 2.0,
    "transforms": ["negate", "permute"],
    "segments": 4,
}
COMODO = {
    **NETWORK,
    "method": "comodo",
    "epochs": 2,
    "batch_size": 8,
    "paper_steps": 4950,
    "lr": 3.0e-4,
    "teacher_epochs": 2,
    "teacher_contrast": 0.1,
    "teacher_temperature": 0.1,
    "student_temperature": 0.05,
    "queue": 1024,
    "hidden": 32,
    "centre_teacher": False,
}
CAV_MAE = {
    **NETWORK,
    "method": "cav_mae",
    "epochs": 2,
    "batch_size": 16,
    "paper_steps": 3200,
    "length": 128,
    "patch_samples": 16,
    "patch_px": 8,
    "frames": 1,
    "width": 32,
    "heads": 4,
    "separate_layers": 2,
    "joint_layers": 1,
    "decoder_width": 16,
    "decoder_layers": 1,
    "masked": 0.75,
    "contrast_weight": 0.01,
    "temperature": 0.05,
    "normalise_patches": True,
    "warmup": 0.1,
}
SETTINGS = {
    "detach_spatial": SPATIAL,
    "detach": {**DETACH, "spatial_settings": SPATIAL},
    "imu2clip": IMU2CLIP,
    "primus": PRIMUS,
    "comodo": COMODO,
    "cav_mae": CAV_MAE,
    "random_encoder": {**NETWORK, "method": "random_encoder", "sensor_temporal": "cnn_gru_attention"},
    "statistics": {
        "method": "statistics",
        **{key: NETWORK[key] for key in ("input", "device", "threads", "devices", "nodes")},
    },
    "supervised": {**NETWORK, "method": "supervised", **TRAINED},
}


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


def as_text(settings, **changes):
    """Settings as a stage takes them."""
    return json.dumps({**settings, **changes})
