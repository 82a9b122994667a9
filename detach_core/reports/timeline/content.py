"""What a recording's timeline shows: lanes of events, sensor traces and the most similar moments of each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.clustering import kmeans
from detach_core.contracts.embeddings import Assignments
from detach_core.contracts.metrics import Metrics
from detach_core.contracts.recording import Recording
from detach_core.contracts.rows import blocks
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.logistic import moments, standardise

Ids = NDArray[np.int64]

Values = NDArray[np.float64]

NUM_SIMILAR = 8

NUM_CLUSTERS = 12
"""clusters of the embedding where the dataset has no classes to count"""

MAX_SAMPLES = 100_000
"""of a channel on the page; a longer one is thinned to smallest and largest values"""

GAP = 255
"""code of a missing value; others go from 0, the channel's smallest value, to 254, its largest"""

PART_WORDS = {
    "pretrain": "seen by the pretraining, without labels",
    "downstream": "of the probe's part",
    "held_out": "held out",
}


@dataclass(frozen=True)
class Event:
    """A stretch of time with one value: an index into a lane's names; `share` is a probability, where there is one."""

    start_s: float
    end_s: float
    value: int
    share: float | None = None


@dataclass(frozen=True)
class Lane:
    """Events of one kind, in the order of time; `note` says what they are."""

    title: str
    note: str
    names: tuple[str, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, eq=False)
class Trace:
    """One channel in 8 bits: `code` (S,) from `low` to `high`, and `GAP`."""

    name: str
    unit: str
    low: float
    high: float
    code: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of tested windows: class (N,), -1 for a window that nothing tested, probability and protocol."""

    label: Ids
    probability: Values
    protocol: tuple[str, ...]


def predictions_of_tested(metrics: Metrics | None, windows: Windows) -> Predicted:
    """For each window of the dataset, the prediction of a probe that did not know its label.

    A window that several protocols test has that of the held-out one; its probabilities are means over draws of folds.
    """
    count = windows.num_windows
    label, probability, protocol = np.full(count, -1), np.full(count, np.nan), [""] * count
    unit = windows.recording if windows.label_unit == "recording" else np.arange(count)
    protocols = metrics.protocols if metrics else {}
    for name in sorted(protocols, key=lambda one: one.startswith("by_")):
        draws = protocols[name].predictions
        mean = np.mean([one.probabilities for one in draws], axis=0)
        row_of = {int(tested): row for row, tested in enumerate(draws[0].unit)}
        for window in np.flatnonzero(np.isin(unit, draws[0].unit)):
            row = mean[row_of[int(unit[window])]]
            label[window], probability[window], protocol[window] = row.argmax(), row.max(), name
    return Predicted(label, probability, tuple(protocol))


def embedding_clusters(features: NDArray[np.float32], pretrain: Ids, count: int, *, seed: int) -> Ids:
    """Cluster (N,) of each window: k-means on the standardised features (N, D) of the pretraining part, without labels.

    Args:
        features: one row a window.
        pretrain: the windows that the clusters are found on.
        count: number of clusters, fewer where there are fewer windows.
        seed: of the starts.
    """
    values = standardised(features, pretrain)
    found = kmeans(values[pretrain], min(count, len(pretrain)), num_starts=10, seed=seed)
    clusters: Ids = found.predict(values).astype(np.int64)
    return clusters


def standardised(features: NDArray[np.float32], rows: Ids) -> Values:
    """`features` (N, D) standardised by those of `rows`."""
    values = torch.from_numpy(np.asarray(features, dtype=np.float64))
    return np.asarray(standardise(values, *moments(values[rows])).numpy())


def similar_windows(
    values: Values, start_s: Values, window_s: float, count: int = NUM_SIMILAR
) -> list[list[tuple[int, float]]]:
    """For each window the rows of the most similar others and their cosine similarity, best first.

    None of them shares time with the window, nor with another of them, so that they are moments of their own.

    Args:
        values: (N, D) features of one recording's windows.
        start_s: (N,) their starts, which rise.
        window_s: their length.
        count: of similar ones, at most.
    """
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    found = []
    for row in range(len(unit)):
        cosine = unit @ unit[row]
        kept: list[tuple[int, float]] = []
        free = np.abs(start_s - start_s[row]) >= window_s
        while len(kept) < count and free.any():
            best = int(np.where(free, cosine, -np.inf).argmax())
            kept.append((best, float(cosine[best])))
            free &= np.abs(start_s - start_s[best]) >= window_s
        found.append(kept)
    return found


def window_events(
    start_s: Values, windows: Windows, value: Ids, share: Values | None = None, group: Sequence[str] | None = None
) -> tuple[Event, ...]:
    """Events of windows (N,): each fills the middle of its window, as long as the stride; equal neighbours are joined.

    Args:
        start_s: (N,) starts, which rise.
        windows: their length and stride.
        value: (N,) of each, -1 for none.
        share: (N,) of each; of joined ones the mean.
        group: (N,) windows of different groups are not joined.
    """
    half = min(windows.stride_s, windows.window_s) / 2
    runs: list[list[int]] = []
    for row in np.flatnonzero(value >= 0).tolist():
        before = runs[-1][-1] if runs else None
        joined = (
            before is not None
            and value[before] == value[row]
            and start_s[row] - start_s[before] <= 2 * half + 1e-6
            and (group is None or group[before] == group[row])
        )
        if joined:
            runs[-1].append(row)
        else:
            runs.append([row])
    middle = start_s + windows.window_s / 2
    return tuple(
        Event(
            max(float(middle[run[0]] - half), 0.0),
            float(middle[run[-1]] + half),
            int(value[run[0]]),
            None if share is None else float(np.mean(share[run])),
        )
        for run in runs
    )


def annotated_events(recording: Recording, num_classes: int) -> tuple[Event, ...]:
    """The annotations as events, other known activities as the value `num_classes`."""
    return tuple(
        Event(one.start_s, one.end_s, one.label if one.label >= 0 else num_classes) for one in recording.annotations
    )


def stage_1_clusters(assignments: Assignments, num_windows: int) -> Ids:
    """(N,) cluster of each pretraining window after Stage 1's last epoch; -1 elsewhere."""
    cluster = np.full(num_windows, -1)
    cluster[assignments.window] = assignments.cluster[-1]
    return cluster


def part_of_windows(split: Split, num_windows: int) -> Ids:
    """(N,) place of each window's part among `split.PARTS`; -1 for a window of none."""
    part = np.full(num_windows, -1)
    for place, ids in enumerate(split.parts.values()):
        part[ids] = place
    return part


def sensor_traces(recording: Recording, max_samples: int = MAX_SAMPLES) -> tuple[list[Trace], float]:
    """The channels in 8 bits, and their rate (Hz); a long one is thinned to each stretch's smallest and largest."""
    count = len(recording.channel_names)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for _, block in blocks(recording.sensor):
        low, high = np.fmin(low, np.fmin.reduce(block, axis=0)), np.fmax(high, np.fmax.reduce(block, axis=0))
    low, high = (np.where(np.isfinite(bound), bound, 0.0) for bound in (low, high))
    code = np.empty(recording.sensor.shape, np.uint8)
    step = np.where(high > low, high - low, 1.0) / (GAP - 1)
    for first, block in blocks(recording.sensor):
        scaled = np.rint((block.astype(np.float64) - low) / step)
        code[first : first + len(block)] = np.where(np.isnan(scaled), GAP, np.nan_to_num(scaled)).astype(np.uint8)
    code, rate_hz = _thinned(code, recording.sensor_hz, max_samples)
    return [
        Trace(name, unit, float(low[k]), float(high[k]), np.ascontiguousarray(code[:, k]))
        for k, (name, unit) in enumerate(zip(recording.channel_names, recording.channel_units, strict=True))
    ], rate_hz


def _thinned(code: NDArray[np.uint8], rate_hz: float, max_samples: int) -> tuple[NDArray[np.uint8], float]:
    """Smallest and largest code of each of `max_samples` / 2 stretches; a stretch without a value stays a gap."""
    length = -(-2 * len(code) // max_samples)
    if length < 3:
        return code, rate_hz
    padded = np.full((-len(code) % length, code.shape[1]), GAP, np.uint8)
    stretches = np.concatenate([code, padded]).reshape(-1, length, code.shape[1])
    smallest = stretches.min(axis=1)
    largest = np.where(stretches == GAP, 0, stretches).max(axis=1)
    largest = np.where(smallest == GAP, GAP, largest)
    return np.stack([smallest, largest], axis=1).reshape(-1, code.shape[1]), rate_hz * 2 / length


@dataclass(frozen=True, eq=False)
class Timeline:
    """All that one recording's page shows, apart from its pictures.

    `windows` has for each of the recording's windows its start and end (s), true and predicted class, probability,
    protocol, and similar windows by their places among these.
    """

    heading: dict[str, str]
    length_s: float
    lanes: tuple[Lane, ...]
    traces: list[Trace]
    trace_hz: float
    trace_start_s: float
    class_names: tuple[str, ...]
    windows: list[dict[str, Any]]
    tested_words: tuple[str, ...]


def build_timeline(
    recording: Recording,
    windows: Windows,
    split: Split,
    features: NDArray[np.float32],
    *,
    heading: dict[str, str],
    metrics: Metrics | None,
    assignments: Assignments | None,
    video_s: float,
) -> Timeline:
    """The timeline of `recording`.

    Args:
        recording: sensors and annotations.
        windows: of the whole dataset.
        split: parts of its windows.
        features: (N, D) the probed feature of every window.
        heading: what the page's head says, by its name.
        metrics: predictions of tested windows; None where nothing was probed.
        assignments: Stage 1's clusters; None for a method without one.
        video_s: length of the video, 0 without.
    """
    rows = np.flatnonzero(windows.recording == windows.recording_names.index(recording.recording_id))
    rows = rows[np.argsort(windows.start_s[rows], kind="stable")]
    start_s = windows.start_s[rows]
    predicted = predictions_of_tested(metrics, windows)
    own = [predicted.protocol[row] for row in rows]
    num_clusters = len(windows.class_names) or NUM_CLUSTERS
    cluster = embedding_clusters(features, split.pretrain, num_clusters, seed=split.seed)[rows]
    part = part_of_windows(split, windows.num_windows)[rows]
    lanes = [
        Lane(
            "Clusters",
            f"k-means of the sensors' embedding into {num_clusters} clusters, without labels",
            tuple(f"cluster {k}" for k in range(num_clusters)),
            window_events(start_s, windows, cluster),
        )
    ]
    if assignments is not None:
        clusters = stage_1_clusters(assignments, windows.num_windows)[rows]
        names = tuple(f"place {k}" for k in range(assignments.num_clusters))
        note = "pseudo-labels of places after Stage 1's last epoch; of pretraining windows alone"
        if (clusters >= 0).any():
            lanes.append(Lane("Stage 1", note, names, window_events(start_s, windows, clusters)))
    if windows.class_names:
        names = (*windows.class_names, "other activity")
        note = "by a probe that did not know the window's label"
        events = window_events(start_s, windows, predicted.label[rows], predicted.probability[rows], own)
        lanes.insert(0, Lane("Predicted", note, windows.class_names, events))
        truth = annotated_events(recording, len(windows.class_names))
        lanes.insert(0, Lane("True label", "annotations", names, truth))
    lanes.append(
        Lane(
            "Part", "which part of the split a window is in", tuple(split.parts), window_events(start_s, windows, part)
        )
    )
    traces, trace_hz = sensor_traces(recording)
    similar = similar_windows(standardised(features, split.pretrain)[rows], start_s, windows.window_s)
    return Timeline(
        heading=heading,
        length_s=max(len(recording.sensor) / recording.sensor_hz + float(recording.time_s[0]), video_s),
        lanes=tuple(lanes),
        traces=traces,
        trace_hz=trace_hz,
        trace_start_s=float(recording.time_s[0]),
        class_names=windows.class_names,
        windows=[
            {
                "start_s": float(start_s[place]),
                "end_s": float(start_s[place] + windows.window_s),
                "label": int(windows.label[row]),
                "predicted": int(predicted.label[row]),
                "probability": None if np.isnan(predicted.probability[row]) else float(predicted.probability[row]),
                "protocol": own[place],
                "similar": [[other, round(cosine, 4)] for other, cosine in similar[place]],
            }
            for place, row in enumerate(rows)
        ],
        tested_words=tuple(_tested_words(part, own, list(split.parts))),
    )


_BY = "whose probe knew no label of their recording"

_FOLDS = "cross-validated: the probe knew the labels of others, neighbours among them, and not the window's own"


def _tested_words(part: Ids, protocol: Sequence[str], parts: Sequence[str]) -> list[str]:
    """A sentence for each part of the split that the recording has windows of."""
    sentences = []
    for place in np.unique(part).tolist():
        of_part = np.flatnonzero(part == place).tolist()
        name = parts[place] if place >= 0 else "none"
        used = sorted({protocol[row] for row in of_part if protocol[row]})
        tested = sum(bool(protocol[row]) for row in of_part)
        words = f"{len(of_part)} windows {PART_WORDS.get(name, 'of no part of the split')} (part {name}): "
        if not tested:
            words += "no prediction is shown, since nothing tested them."
        else:
            how = " and ".join(f"{one}, {_BY if one.startswith('by_') else _FOLDS}" for one in used)
            words += f"{tested} with a prediction, under the protocol {how}."
        sentences.append(words)
    return sentences
