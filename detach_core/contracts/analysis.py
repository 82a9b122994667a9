"""Measurements behind the figures: `negative_pairs.h5` and `activation_maps.h5`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import ArtifactReader, create_artifact, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

PAIRS_SCHEMA = "detach.negative_pairs/1"
"""`negative_pairs.h5`: similarities and weights of all pairs in a fixed batch of windows, at snapshots of a training.

Row i is a video, column j a sensor window. A pair has its kind above the diagonal alone, so that it counts once.
"""

PAIRS_RULE = "negative_pairs"

NO_PAIR = -1

_PAIRS_TEXTS = ("dataset", "source", "split", "method", "variant", "kinds_from")

_PAIRS_NAMES = ("class_names", "place_names", "action_names", "kind_names")


# Name -> smallest and largest possible value; rounding to float32 may cross the edge by a hair.
_RANGES = {"spatial_similarity": (0.0, 1.0), "temporal_similarity": (-1.0, 1.0), "weight": (0.0, np.inf)}

_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class PairValues:
    """The pairs of the batch at one epoch, each (B, B) float32.

    Attributes:
        epoch: of Stage 2; 0 is the state before any step.
        spatial_similarity: the paper's A, within [0, 1].
        temporal_similarity: T, within [-1, 1]; the mean of both modalities where the variant weighs across them.
        weight: W as the variant uses it; 0 on the diagonal.
    """

    epoch: int
    spatial_similarity: NDArray[np.float32]
    temporal_similarity: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NegativePairs:
    """All pairs of a batch of B windows at the epochs of `snapshots`, in their order.

    Attributes:
        window: (B,) int64, ids in windows.h5.
        label: (B,) int32, index into `class_names`, -1 for none.
        place: (B,) int32, index into `place_names`, -1 where the class names none.
        action: (B,) int32, index into `action_names`, -1 where the class names none.
        kind: (B, B) int8, index into `kind_names`; `NO_PAIR` on and below the diagonal and where a place is unknown.
        kinds_from: what the kinds were derived from, in words.
        num_epochs: of the whole training.
    """

    window: NDArray[np.int64]
    label: NDArray[np.int32]
    place: NDArray[np.int32]
    action: NDArray[np.int32]
    kind: NDArray[np.int8]
    snapshots: tuple[PairValues, ...]
    class_names: tuple[str, ...]
    place_names: tuple[str, ...]
    action_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    dataset: str
    source: str
    split: str
    method: str
    variant: str
    seed: int
    num_epochs: int
    kinds_from: str
    provenance: Provenance


def write_negative_pairs(path: Path | str, pairs: NegativePairs) -> None:
    """Write `pairs` to `path`, atomically."""
    with create_artifact(path, schema=PAIRS_SCHEMA, provenance=pairs.provenance) as file:
        for name in _PAIRS_TEXTS:
            file.attrs[name] = getattr(pairs, name)
        file.attrs["seed"], file.attrs["num_epochs"] = pairs.seed, pairs.num_epochs
        write_json(file, epochs=[one.epoch for one in pairs.snapshots])
        write_json(file, **{name: list(getattr(pairs, name)) for name in _PAIRS_NAMES})
        file["window"] = pairs.window.astype(np.int64, copy=False)
        for name in ("label", "place", "action"):
            file[name] = getattr(pairs, name).astype(np.int32, copy=False)
        file["kind"] = pairs.kind.astype(np.int8, copy=False)
        for one in pairs.snapshots:
            for name in _RANGES:
                file[f"epoch{one.epoch}_{name}"] = getattr(one, name).astype(np.float32, copy=False)


def read_negative_pairs(path: Path | str) -> NegativePairs:
    """The pairs that `write_negative_pairs` wrote.

    Raises:
        ContractError: another schema, a missing field, another type or shape, or a value out of its range.
    """
    with open_artifact(path, schema=PAIRS_SCHEMA, rule=PAIRS_RULE) as reader:
        names = {name: reader.names(name) for name in _PAIRS_NAMES}
        window = reader.dataset("window", dtype="int64", shape=(None,))[()]
        count = len(window)
        fields: dict[str, Any] = {**names, **{name: reader.label(name) for name in _PAIRS_TEXTS}}
        fields |= {name: reader.attribute(name, int) for name in ("seed", "num_epochs")}
        for name, listed in (("label", "class_names"), ("place", "place_names"), ("action", "action_names")):
            fields[name] = reader.dataset(name, dtype="int32", shape=(count,))[()]
            _check_range(reader, name, fields[name], -1, len(names[listed]) - 1)
        kind = reader.dataset("kind", dtype="int8", shape=(count, count))[()]
        _check_range(reader, "kind", kind, NO_PAIR, len(names["kind_names"]) - 1)
        if (kind[np.tril_indices(count)] != NO_PAIR).any():
            raise reader.error("kind", expected="pairs above the diagonal alone", found="pairs on or below it")
        return NegativePairs(
            window=window,
            kind=kind,
            snapshots=_read_snapshots(reader, count),
            **fields,
            provenance=reader.provenance(),
        )


def _read_snapshots(reader: ArtifactReader, count: int) -> tuple[PairValues, ...]:
    epochs = reader.json("epochs", list)
    if not epochs or not all(isinstance(epoch, int) for epoch in epochs) or epochs != sorted(set(epochs)):
        raise reader.error("/@epochs", expected="one or more whole numbers that rise", found=str(epochs)[:80])
    snapshots = []
    for epoch in epochs:
        values = {}
        for name, (low, high) in _RANGES.items():
            place = f"epoch{epoch}_{name}"
            values[name] = reader.dataset(place, dtype="float32", shape=(count, count), finite=True)[()]
            _check_range(reader, place, values[name], low - _ROUNDING, high + _ROUNDING)
        snapshots.append(PairValues(epoch, **values))
    return tuple(snapshots)


def _check_range(reader: ArtifactReader, name: str, values: NDArray[Any], low: float, high: float) -> None:
    if values.size and (values.min() < low or values.max() > high):
        found = f"{values.min():g}..{values.max():g}"
        raise reader.error(name, expected=f"values {low:.3g}..{high:.3g}", found=found)


MAPS_SCHEMA = "detach.activation_maps/1"
"""`activation_maps.h5`: activation maps of DETACH's and a baseline's video networks in a few windows (Fig. 8).

A map holds channel means as the network left them, not normalised and not enlarged, with the places of its cells.
Beside them stands, for every window of the part in which something moves, how the maps lie to the moving pixels.
"""

MAPS_RULE = "activation_maps"

MAPS = BASELINE, SPATIAL, TEMPORAL = "baseline", "spatial", "temporal"


# The trained network, the same before training, and the motion itself seen through the map's own grid: the most that
# cells so large can tell.
VERSIONS = TRAINED, START, MOTION = "trained", "start", "motion"

_MAPS_TEXTS = ("dataset", "source", "split", "part", "variant", "baseline")

_SHOWN = {"window": "int64", "start_s": "float64", "frames": "uint8", "change": "uint8"}

_MAPS_NUMBERS = ("moving", "working_hz")


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """One network's maps of the shown windows.

    Attributes:
        cells: (K, T, h, w) f32, channel means; T is 1 where a window has one map.
        rows_px: (h,) f64, rising: the picture's row at the centre of each row of cells.
        columns_px: (w,) f64, rising: the same of columns.
        span: (T, 2) i64, which steps from frame to frame [first, stop) a map is of.
    """

    cells: NDArray[np.float32]
    rows_px: NDArray[np.float64]
    columns_px: NDArray[np.float64]
    span: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MotionShares:
    """Overlap of maps with moving pixels, in each of M windows; maps in the order of `MAPS`, versions of `VERSIONS`.

    Attributes:
        window: (M,) i64, rows of windows.h5.
        share: (M, 3, 3) f32 by map and version: of the map's mass from its minimum up, how much lies on moving pixels.
        peak: (M, 3, 3) bool by map and version: whether the map's highest pixel moves.
        even: (M, 3) f32 by map: the share of an even map, which is the share of pixels that move.
    """

    window: NDArray[np.int64]
    share: NDArray[np.float32]
    peak: NDArray[np.bool_]
    even: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Maps of K shown windows, and their overlap with motion over all windows of `part`.

    Shapes: window (K,) i64 rows of windows.h5; start_s (K,) f64; frames (K, F, H, W, 3) u8, at `working_hz`; change (K,
    F - 1, H, W) u8, grey levels by which each pixel differs from its last frame. Above `moving` it counts as moving.
    """

    window: NDArray[np.int64]
    class_names: tuple[str, ...]
    recordings: tuple[str, ...]
    start_s: NDArray[np.float64]
    frames: NDArray[np.uint8]
    change: NDArray[np.uint8]
    moving: float
    working_hz: float
    maps: dict[str, FeatureMaps]
    measured: MotionShares
    dataset: str
    source: str
    split: str
    part: str
    variant: str
    baseline: str
    provenance: Provenance


def write_activation_maps(path: Path | str, maps: ActivationMaps) -> None:
    """Write `maps` to `path`, atomically."""
    with create_artifact(path, schema=MAPS_SCHEMA, provenance=maps.provenance) as file:
        for name in _MAPS_TEXTS:
            file.attrs[name] = getattr(maps, name)
        for name in _MAPS_NUMBERS:
            file.attrs[name] = float(getattr(maps, name))
        write_json(file, class_names=list(maps.class_names), recordings=list(maps.recordings))
        for name, dtype in _SHOWN.items():
            file[name] = getattr(maps, name).astype(dtype, copy=False)
        # All side by side: a group would carry the time of its making, and equal maps must give equal bytes.
        for name in MAPS:
            one = maps.maps[name]
            file[f"{name}_cells"] = one.cells.astype(np.float32, copy=False)
            file[f"{name}_rows_px"] = one.rows_px.astype(np.float64, copy=False)
            file[f"{name}_columns_px"] = one.columns_px.astype(np.float64, copy=False)
            file[f"{name}_span"] = one.span.astype(np.int64, copy=False)
        file["measured_window"] = maps.measured.window.astype(np.int64, copy=False)
        for name in ("share", "even"):
            file[f"measured_{name}"] = getattr(maps.measured, name).astype(np.float32, copy=False)
        file["measured_peak"] = maps.measured.peak.astype(np.uint8)


def read_activation_maps(path: Path | str) -> ActivationMaps:
    """The maps that `write_activation_maps` wrote.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=MAPS_SCHEMA, rule=MAPS_RULE) as reader:
        window = reader.dataset("window", dtype="int64", shape=(None,))[()]
        count = len(window)
        frames = reader.dataset("frames", dtype="uint8", shape=(count, None, None, None, 3))[()]
        _, num_frames, height, width, _ = frames.shape
        shape = (count, num_frames - 1, height, width)
        fields: dict[str, Any] = {name: reader.label(name) for name in _MAPS_TEXTS}
        fields |= {name: reader.attribute(name, float) for name in _MAPS_NUMBERS}
        for name in ("class_names", "recordings"):
            fields[name] = reader.names(name)
            if len(fields[name]) != count:
                raise reader.error(f"/@{name}", expected=f"{count} names", found=f"{len(fields[name])}")
        return ActivationMaps(
            window=window,
            start_s=reader.dataset("start_s", dtype="float64", shape=(count,), finite=True)[()],
            frames=frames,
            change=reader.dataset("change", dtype="uint8", shape=shape)[()],
            maps={name: _read_maps(reader, name, count, num_frames - 1) for name in MAPS},
            measured=_read_measured(reader),
            **fields,
            provenance=reader.provenance(),
        )


def _read_maps(reader: ArtifactReader, name: str, count: int, num_steps: int) -> FeatureMaps:
    cells = reader.dataset(f"{name}_cells", dtype="float32", shape=(count, None, None, None), finite=True)[()]
    _, steps, height, width = cells.shape
    span = reader.dataset(f"{name}_span", dtype="int64", shape=(steps, 2))[()]
    if (span[:, 0] < 0).any() or (span[:, 0] >= span[:, 1]).any() or (span[:, 1] > num_steps).any():
        raise reader.error(f"{name}_span", expected=f"ranges within 0..{num_steps}", found=str(span.tolist())[:80])
    centres = {}
    for axis, cells_along in (("rows_px", height), ("columns_px", width)):
        centres[axis] = reader.dataset(f"{name}_{axis}", dtype="float64", shape=(cells_along,), finite=True)[()]
        if (np.diff(centres[axis]) <= 0).any():
            raise reader.error(f"{name}_{axis}", expected="rising positions", found=str(centres[axis].tolist())[:80])
    return FeatureMaps(cells=cells, span=span, **centres)


def _read_measured(reader: ArtifactReader) -> MotionShares:
    window = reader.dataset("measured_window", dtype="int64", shape=(None,))[()]
    by_version = (len(window), len(MAPS), len(VERSIONS))
    arrays = {
        "share": reader.dataset("measured_share", dtype="float32", shape=by_version, finite=True)[()],
        "even": reader.dataset("measured_even", dtype="float32", shape=by_version[:2], finite=True)[()],
        "peak": reader.dataset("measured_peak", dtype="uint8", shape=by_version)[()],
    }
    for name, values in arrays.items():
        if values.size and (values.min() < 0 or values.max() > 1):
            found = f"{values.min()}..{values.max()}"
            raise reader.error(f"measured_{name}", expected="values within 0..1", found=found)
    return MotionShares(window, arrays["share"], arrays["peak"].astype(bool), arrays["even"])
