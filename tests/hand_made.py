"""Hand-made windows and metrics for the tests of splits, probes and tables: no video, but every field of the contract.

Folders that need them load this file in their conftest.py.
"""

from pathlib import Path

import numpy as np

from detach_core.contracts.choice import Choice
from detach_core.contracts.metrics import Interval, Metrics
from detach_core.contracts.predictions import Predictions
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.streams import StreamSource
from detach_core.contracts.windows import Windows
from detach_core.evaluation.evaluate import summarise


def _gesture_windows(num_recordings, num_classes, repeats, windows_per_gesture):
    """Each recording goes through the classes `repeats` times; a gesture's windows overlap by a second."""
    rows, instance = [], 0
    for recording in range(num_recordings):
        start_s = 0.0
        for _ in range(repeats):
            for label in range(num_classes):
                for _ in range(windows_per_gesture):
                    rows.append((recording, start_s, label, instance))
                    start_s += 1.0
                start_s += 3.0
                instance += 1
    return rows


def _sequence_windows(num_recordings, num_classes, windows_per_sequence):
    return [
        (recording, float(k), recording % num_classes, recording)
        for recording in range(num_recordings)
        for k in range(windows_per_sequence)
    ]


def class_aspects(names):
    """Places and actions of classes that are named like OPPORTUNITY's."""
    parts = [name.split(" ", 1) if name.startswith(("Open ", "Close ")) else ("", "") for name in names]
    return tuple(place for _, place in parts), tuple(action for action, _ in parts)


def make_windows(label_unit="window", *, num_recordings=4, num_classes=3, num_subjects=2, repeats=4, **changes):
    if label_unit == "window":
        rows = _gesture_windows(num_recordings, num_classes, repeats, windows_per_gesture=3)
    else:
        rows = _sequence_windows(num_recordings, num_classes, windows_per_sequence=6)
    recording, start_s, label, instance = (np.array(column) for column in zip(*rows, strict=True))
    count, channels, length = len(rows), 4, 20
    sensor = np.random.default_rng(0).normal(size=(count, channels, length)).astype(np.float32)
    sensor[:, 3] = 7.3
    # Subjects take turns within each class of a sequence dataset, and over the recordings of a gesture dataset.
    subject_of = np.arange(num_recordings) // (1 if label_unit == "window" else num_classes) % num_subjects
    names = [f"S{subject_of[k] + 1}-R{k}" for k in range(num_recordings)]
    fields = {
        "path": Path("windows.h5"),
        "sensor": sensor,
        "mean_frame": np.zeros((count, 2, 3, 3), np.uint8),
        "recording": recording.astype(np.int32),
        "subject": subject_of[recording].astype(np.int32),
        "start_s": start_s.astype(np.float64),
        "first_frame": np.zeros(count, np.int64),
        "label": label.astype(np.int32),
        "instance": instance.astype(np.int32),
        "location": np.full(count, -1, np.int32),
        "dataset": "opportunity" if label_unit == "window" else "hwu_usp",
        "source": "simulated",
        "label_unit": label_unit,
        "class_names": tuple(f"Class {k}" for k in range(num_classes)),
        "location_names": ("Fridge", "Door 1"),
        "location_source": "label",
        "channel_names": ("SWITCH FRIDGE S1", "ACC DOOR1 accX", "ACC DOOR1 accY", "Ktch_Motion_1"),
        "channel_units": ("logical (0/1)", "milli g", "milli g", "logical (0/1)"),
        "recording_names": tuple(names),
        "subject_names": tuple(f"S{k + 1}" for k in range(num_subjects)),
        "sensor_hz": 10.0,
        "working_hz": 5.0,
        "window_s": 2.0,
        "stride_s": 1.0,
        "frames_per_window": 10,
        "flow_max_px": 16.0,
        "streams": tuple(StreamSource(name, "shards/0/frames.h5", "shards/0/flow.h5", 400) for name in names),
        "provenance": make_provenance(stage="pack", source="simulated", settings={}),
    }
    fields |= changes
    places, actions = class_aspects(fields["class_names"])
    return Windows(**({"class_places": places, "class_actions": actions} | fields))


def make_metrics(protocols=("paper", "by_recording"), **changes):
    """Metrics of a probe that is right most of the time; another seed errs elsewhere."""
    fields = {
        "dataset": "opportunity",
        "variant": "detach",
        "method": "detach",
        "split": "default",
        "seed": 0,
        "source": "simulated",
        "probed": "spatial and temporal",
        "video_init": "scratch",
        "label_unit": "window",
        "null_windows": "drop",
        "probe": "logistic",
        "candidates": ({},),
        "strengths": (0.1, 1.0),
        "class_names": ("a", "b", "c"),
        "interval": Interval(resamples=200, confidence=0.95, seed=0),
    } | changes
    rng = np.random.default_rng(fields["seed"])
    unit = np.arange(60)
    label = unit // 3 % 3
    probabilities = rng.dirichlet(np.ones(3), 60) + 0.6 * np.eye(3)[label]
    probabilities /= probabilities.sum(1, keepdims=True)
    predictions = Predictions(unit, unit // 3, label, probabilities.argmax(1), probabilities)
    choices = (Choice(0, 0.1, ((0.5, 0.75),)), Choice(0, 1.0, ()))
    result = summarise([predictions], fields["class_names"], choices, fields["interval"])
    provenance = make_provenance(stage="probe", source=fields["source"], settings={}, seed=fields["seed"])
    return Metrics(**fields, protocols=dict.fromkeys(protocols, result), provenance=provenance)
