"""Artifacts between stages: a sound one of each kind is made, then spoilt in every way that fits its format."""

from __future__ import annotations

import importlib
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from detach_core.contracts import history, raw_files
from detach_core.contracts.embeddings import Assignments, Embeddings, write_assignments, write_embeddings
from detach_core.contracts.frames import create_flow, create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import DownloadedFile, write_download_manifest
from detach_core.contracts.recording import Annotation, Places, Recording, write_recordings, write_truth
from detach_core.contracts.split import write_split
from tests.contracts.test_split import make_split
from tests.fixtures.artifacts import make_metrics, make_windows
from tests.fixtures.maps import make_maps
from tests.fixtures.pairs import make_pairs

MADE = make_provenance(stage="pack", source="simulated", settings={}, seed=0)


def written(module, noun, value):
    return lambda path: getattr(importlib.import_module(f"detach_core.contracts.{module}"), f"write_{noun}")(
        path, value()
    )


def embeddings(path):
    texts = dict.fromkeys(("method", "variant", "split", "probed", "dataset", "source", "video_init"), "x")
    write_embeddings(
        path, Embeddings(features={"sensor": np.ones((4, 3), np.float32)}, **texts, seed=0, provenance=MADE)
    )


def recordings(path):
    names: dict[str, Any] = {
        "channel_names": ("a", "b"),
        "channel_units": ("x", "x"),
        "recording_id": "S1-Drill",
        "subject": "S1",
    }
    stream: dict[str, Any] = {
        "sensor": np.ones((10, 2), np.float32),
        "time_s": np.arange(10) / 30,
        "sensor_hz": 30.0,
        "video_hz": 10.0,
    }
    one = Recording(**names, **stream, annotations=(Annotation(0.1, 0.2, 0),), video_path=None)
    places = Places(("Fridge",), (0, -1), ((0,),))
    write_recordings(
        path, [one], dataset="d", class_names=["Open", "Close"], class_actions=["", ""], places=places, provenance=MADE
    )


def frames(path):
    with create_frames(path, working_hz=5, image_px=(4, 2), provenance=MADE) as writer:
        for stored in writer.add_recording("S1-Drill", num_frames=3, video="a.mp4"):
            stored[...] = 7


def flow(path):
    with create_flow(path, max_px=16, working_hz=5, image_px=(4, 2), method="dis", provenance=MADE) as writer:
        writer.add_recording("S1-Drill", num_frames=3)[...] = 1


def assignments(path):
    cluster = np.zeros((2, 3), np.int32)
    write_assignments(path, Assignments(np.arange(3), cluster, cluster > 0, ("start", "warm-up"), 2, MADE))


def truth(path):
    write_truth(path, sensor_hz=30, location=np.zeros(5, int), location_names=["Fridge"], extra={"light": np.ones(5)})


# reader -> (module, file's name, writer, a dataset of floats or bytes in it)
HDF5 = {
    "read_recordings": ("recording", "sensor.h5", recordings, "S1-Drill/sensor"),
    "read_frames": ("frames", "frames.h5", frames, "S1-Drill/rgb"),
    "read_flow": ("frames", "flow.h5", flow, "S1-Drill/flow"),
    "read_windows": (
        "windows",
        "windows.h5",
        written("windows", "windows", make_windows),
        "sensor",
    ),
    "read_embeddings": ("embeddings", "embeddings.h5", embeddings, "sensor"),
    "read_assignments": ("embeddings", "assignments.h5", assignments, "cluster"),
    "read_truth": ("recording", "truth.h5", truth, "location"),
    "read_negative_pairs": (
        "analysis",
        "negative_pairs.h5",
        written("analysis", "negative_pairs", make_pairs),
        "epoch0_weight",
    ),
    "read_activation_maps": (
        "analysis",
        "activation_maps.h5",
        written("analysis", "activation_maps", make_maps),
        "baseline_cells",
    ),
}


def replaced(change):
    """A change of the dataset: it is deleted, and `change(file, place, values)` puts something else there."""

    def spoil(path, place):
        with h5py.File(path, "r+") as file:
            values = file[place][()]
            del file[place]
            change(file, place, values)

    return spoil


def attribute(name, value):
    def spoil(path, place):
        with h5py.File(path, "r+") as file:
            file.attrs[name] = value

    return spoil


def cut(path, place):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def huge(file, place, values, *, chunked=False):
    shape = (1 << 40, *values.shape[1:])
    options = {"chunks": (1024, *values.shape[1:]), "compression": "gzip"} if chunked else {}
    file.create_dataset(place, shape=shape, dtype=values.dtype, **options)


def large(file, place, values):
    """More than a gigabyte, but not so much that no machine would give it."""
    rows = (3 << 30) // max(values[:1].nbytes, 1)
    file.create_dataset(place, shape=(rows, *values.shape[1:]), dtype=values.dtype, chunks=(4096, *values.shape[1:]))


def elsewhere(file, place, values):
    Path(file.filename).with_name("secret").write_bytes(bytes(values.nbytes))
    file.create_dataset(place, shape=values.shape, dtype=values.dtype, external=[("secret", 0, values.nbytes)])


def linked(file, place, values):
    with h5py.File(Path(file.filename).with_name("other.h5"), "w") as other:
        other["x"] = values
    file[place] = h5py.ExternalLink("other.h5", "x")


def virtual(file, place, values):
    with h5py.File(Path(file.filename).with_name("other.h5"), "w") as other:
        other["x"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource("other.h5", "x", values.shape)
    file.create_virtual_dataset(place, layout)


def of_text(file, place, values):
    file[place] = np.full(values.shape, "x", dtype=object).astype(h5py.string_dtype())


def not_finite(file, place, values):
    file[place] = np.full_like(values, np.inf)


def without_values(file, place, values):
    file.create_dataset(place, data=h5py.Empty(values.dtype))


def group_instead(file, place, values):
    file.create_group(place)


SCHEMA = attribute("schema", "detach.other/1")
DEEP = "[" * 100_000
EVERYWHERE = {
    "cut off": (cut, "file: found"),
    "no HDF5": (lambda path, place: path.write_bytes(b"PK\3\4" + bytes(5000)), "file: found"),
    "another schema": (SCHEMA, "/@schema: found detach.other/1"),
    "a shape of terabytes": (replaced(huge), "PLACE: found shape"),
    "a shape of three gigabytes": (replaced(large), "PLACE: found shape"),
    "values in another file": (replaced(elsewhere), "PLACE: found values that lie in another file"),
    "text for numbers": (replaced(of_text), "PLACE: found object"),
}
SPECIAL = {
    ("read_recordings", "packed terabytes"): (replaced(partial(huge, chunked=True)), "PLACE: found shape"),
    ("read_recordings", "a link to another file"): (replaced(linked), "PLACE: found values that lie in another file"),
    ("read_recordings", "a virtual dataset"): (replaced(virtual), "PLACE: found values that lie in another file"),
    ("read_recordings", "infinity"): (replaced(not_finite), "PLACE: found infinity"),
    ("read_recordings", "no values"): (replaced(without_values), "PLACE: found a dataset without values"),
    ("read_recordings", "a group"): (replaced(group_instead), "PLACE: found a group"),
    ("read_recordings", "places of no number"): (attribute("class_places", '["a", 0]'), "/@class_places: found"),
    ("read_recordings", "channels of no list"): (attribute("place_channels", "[5]"), "/@place_channels: found"),
    ("read_recordings", "names nested without end"): (attribute("class_names", "[" * 30_000), "/@class_names: found"),
    ("read_recordings", "a maker of no name"): (attribute("provenance", "[]"), "/@provenance: found"),
    ("read_recordings", "a maker of other fields"): (attribute("provenance", '{"stage": 5}'), "/@provenance: found"),
    ("read_frames", "a grid of no size"): (attribute("image_px", "[0, 4]"), "/@image_px: found"),
    ("read_frames", "a grid of three"): (attribute("image_px", "[4, 4, 4]"), "/@image_px: found"),
    ("read_flow", "a grid of words"): (attribute("image_px", '["a", "b"]'), "/@image_px: found"),
    ("read_flow", "a motion of NaN"): (attribute("max_px", np.nan), "/@max_px: found"),
    ("read_embeddings", "NaN"): (replaced(not_finite), "PLACE: found NaN or infinity"),
    ("read_embeddings", "a seed of text"): (attribute("seed", "one"), "/@seed: found str"),
    ("read_windows", "streams of no kind"): (
        attribute("streams", '[{"recording": 1, "frames": 2, "flow": 3, "rows": "x"}]'),
        "/@streams: found",
    ),
    ("read_truth", "a group beside"): (lambda path, place: grouped(path), "strange: found a group"),
}


def grouped(path):
    with h5py.File(path, "a") as file:
        file.create_group("strange")


def split(path):
    write_split(path, make_split())


def raw_manifest(path):
    raw_files.write_raw_manifest(
        path, recordings=["S1-Drill"], files=[raw_files.RawFile("a.dat", 1, "0" * 64)], provenance=MADE
    )


def download_manifest(path):
    file = DownloadedFile("a.dat", 1, "0" * 64, "http://x/a.dat")
    write_download_manifest(path, files=[file], provenance=MADE)


def training_history(path):
    history.write_history(path, [{"epoch": 0}], run={"momentum": 0.9}, provenance=MADE)


JSON = {
    "read_split": ("split", "split.json", split),
    "read_metrics": (
        "metrics",
        "metrics.json",
        written("metrics", "metrics", make_metrics),
    ),
    "read_label_curve": (
        "metrics",
        "label_curve.json",
        written("metrics", "metrics", make_metrics),
    ),
    "read_raw_manifest": ("raw_files", "shard0.json", raw_manifest),
    "read_download_manifest": ("raw_files", "download.json", download_manifest),
    "read_history": ("history", "history.jsonl", training_history),
}


def edited(*keys, value):
    """Another value at a place of the first line's document."""

    def spoil(path):
        first, *rest = path.read_text().split("\n") if path.suffix == ".jsonl" else [path.read_text()]
        document = json.loads(first)
        node = document
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = value
        path.write_text("\n".join([json.dumps(document), *rest]))

    return spoil


ANY_JSON = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 3]), "(file|line 1): found"),
    "nested without end": (lambda path: path.write_text(DEEP), "(file|line 1): found"),
    "not UTF-8": (lambda path: path.write_bytes(b"\xff\xfe{}"), "(file|line 1): found"),
    "a list": (lambda path: path.write_text("[]"), "(schema|line 1): found"),
    "another schema": (edited("schema", value="detach.other/1"), "schema: found"),
    "a maker of no name": (edited("provenance", value=5), "provenance: found"),
    "a number of five thousand digits": (lambda path: path.write_text("9" * 5000), "(file|line 1): found"),
}
SPECIAL_JSON = {
    ("read_split", "ids beyond all integers"): (edited("parts", "pretrain", value=[10**30]), "parts/pretrain: found"),
    ("read_split", "a mean beyond all numbers"): (
        edited("normalisation", "mean", value=[10**400, 1]),
        "normalisation/mean: found",
    ),
    ("read_split", "NaN"): (edited("normalisation", "mean", value=[float("nan"), 1]), "normalisation/mean: found"),
    ("read_metrics", "figures of text"): (
        edited("protocols", "paper", "per_class", "a", "f1", value="high"),
        "per_class: found",
    ),
    ("read_metrics", "no class"): (edited("class_names", value=[]), "class_names: found none"),
    ("read_metrics", "a count beyond all integers"): (
        edited("protocols", "paper", "n_test", value=10**30),
        "n_test: found",
    ),
    ("read_metrics", "infinity"): (edited("protocols", "paper", "map", value=float("inf")), "map: found inf"),
    ("read_raw_manifest", "a path that leads outside"): (
        edited("files", 0, "path", value="../../etc/passwd"),
        "files/0/path: found '../../etc/passwd'",
    ),
    ("read_download_manifest", "an absolute path"): (
        edited("files", 0, "path", value="/etc/passwd"),
        "files/0/path: found '/etc/passwd'",
    ),
    ("read_history", "a run of text"): (edited("run", value="x"), "run: found str"),
    ("read_history", "a line that is a list"): (
        lambda path: path.write_text(path.read_text() + "[1]\n"),
        "line 3: found",
    ),
}


def case(group, reader, module, file, write, name, spoil, place, refused):
    def build(folder):
        write(folder / file)
        spoil(folder / file, place) if place else spoil(folder / file)

    def call(folder):
        return getattr(importlib.import_module(f"detach_core.contracts.{module}"), reader)(folder / file)

    refused = rf"^\S*{re.escape(file)}: .*" + refused.replace("PLACE", re.escape(place))
    return {
        "name": f"{reader}: {name}",
        "group": group,
        "build": build,
        "call": call,
        "reads": (reader,),
        "refused": refused,
    }


CASES = [
    case("hdf5", reader, module, file, write, name, spoil, place, refused)
    for reader, (module, file, write, place) in HDF5.items()
    for name, (spoil, refused) in EVERYWHERE.items()
]
for (reader, name), (spoil, refused) in SPECIAL.items():
    module, file, write, place = HDF5[reader]
    CASES.append(case("hdf5", reader, module, file, write, name, spoil, place, refused))
CASES += [
    case("json", reader, module, file, write, name, spoil, "", refused)
    for reader, (module, file, write) in JSON.items()
    for name, (spoil, refused) in ANY_JSON.items()
]
for (reader, name), (spoil, refused) in SPECIAL_JSON.items():
    CASES.append(case("json", reader, *JSON[reader], name, spoil, "", refused))
