"""Files of tensors: checkpoints between stages, and weight files that a user brings. Pickled code must never run."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from detach_core.contracts.checkpoint import (
    HEADER_KEY,
    read_checkpoint,
    read_snapshots,
    read_tensors,
    read_training_state,
    write_checkpoint,
    write_snapshots,
    write_tensors,
    write_training_state,
)
from detach_core.contracts.classifier import read_classifier, write_classifier
from detach_core.contracts.provenance import make_provenance
from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.encoders.video_weights import read_video_weights
from tests.contracts.test_checkpoint import make_checkpoint
from tests.contracts.test_classifier import make_classifier
from tests.contracts.test_training_state import IDENTITY, make_state

TESTS = Path(__file__).parents[1]
MADE = make_provenance(stage="pretrain", source="simulated", settings={}, seed=0)


class Payload:
    """What a hostile pickle holds: code that runs when it is loaded, here one that leaves a file behind."""

    def __reduce__(self):
        return os.system, ("touch code_has_run",)


def checkpoint(path):
    write_checkpoint(path, make_checkpoint())


def classifier(path):
    write_classifier(path, make_classifier())


def snapshots(path):
    write_snapshots(path, {0: {"w": torch.ones(2)}}, num_epochs=3, provenance=MADE)


def training_state(path):
    write_training_state(path, make_state(), identity=IDENTITY)


def plain(path):
    write_tensors(path, {"w": torch.ones(2)}, {"schema": "detach.test/1"})


def read_plain(path):
    return read_tensors(path, schema="detach.test/1", fields=(), rule="pretrain")


READERS = {
    "read_checkpoint": (read_checkpoint, checkpoint),
    "read_classifier": (read_classifier, classifier),
    "read_snapshots": (read_snapshots, snapshots),
    "read_training_state": (read_training_state, training_state),
    "read_tensors": (read_plain, plain),
}


def header_of(path, change):
    """The file with another header text; its tensors stay."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        names = file.keys()
        text, tensors = file.metadata()[HEADER_KEY], {name: file.get_tensor(name) for name in names}
    save_file(tensors, path, metadata={HEADER_KEY: change(text)})


def field(name, value):
    return lambda path: header_of(path, lambda text: json.dumps(json.loads(text) | {name: value}))


def raw_header(header, content=b""):
    """A safetensors file with this header, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return lambda path: path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def pickled(path):
    path.write_bytes(pickle.dumps({"w": Payload()}))


def not_finite(path):
    from safetensors.torch import load_file

    tensors = load_file(path)
    name = next(name for name, value in tensors.items() if value.is_floating_point())
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    text: dict[str, Any] = {}
    header_of(path, lambda found: text.setdefault("header", found))
    save_file(tensors, path, metadata={HEADER_KEY: text["header"]})


EVERYWHERE = {
    "pickled code": (pickled, "file: found"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-4]), "file: found"),
    "a header longer than the file": (lambda path: path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}"), "file: found"),
    "a tensor of terabytes": (
        raw_header({"w": {"dtype": "F32", "shape": [1 << 38], "data_offsets": [0, 1 << 40]}}),
        "file: found",
    ),
    "tensors that overlap": (
        raw_header(
            {
                "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
            },
            bytes(12),
        ),
        "file: found",
    ),
    "a header nested without end": (lambda path: header_of(path, lambda text: "[" * 100_000), "file: found"),
    "a header that is a list": (lambda path: header_of(path, lambda text: "[]"), "schema: found list"),
    "another schema": (field("schema", "detach.other/1"), "schema: found detach.other/1"),
    "NaN among the weights": (not_finite, "\\S*(w(eight)?|coefficients): found NaN or infinity"),
    "a NaN in the header": (
        lambda path: header_of(path, lambda text: text.replace("{", '{"x": NaN, ', 1)),
        "file: found .*NaN",
    ),
}
SPECIAL = {
    ("read_checkpoint", "settings of text"): (field("settings", "x"), "settings: found str"),
    ("read_checkpoint", "a maker of no name"): (field("provenance", "[]"), "provenance: found"),
    ("read_checkpoint", "an epoch of text"): (field("epoch", "2"), "epoch: found str"),
    ("read_classifier", "a maker of no name"): (field("provenance", "[]"), "provenance: found"),
    ("read_classifier", "class names of text"): (field("class_names", "ab"), "class_names: found str"),
    ("read_classifier", "no class"): (field("class_names", []), "class_names: found 0"),
    ("read_classifier", "a class that is a list"): (field("class_names", ["a", ["b"]]), "class_names: found list"),
    ("read_classifier", "a class with an escape"): (field("class_names", ["a", "b\x1b[2J"]), "class_names: found the"),
    ("read_classifier", "a formula for a place"): (field("class_places", ["=A1", ""]), "class_places: found '='"),
    ("read_classifier", "actions of fewer classes"): (field("class_actions", ["x"]), "class_actions: found 1"),
    ("read_classifier", "a penalty of text"): (field("c", "1.0"), "c: found str"),
    ("read_classifier", "a feature of a number"): (field("feature", 3), "feature: found int"),
    ("read_snapshots", "epochs of text"): (field("epochs", ["first"]), "epochs: found"),
    ("read_snapshots", "tensors of no epoch"): (field("epochs", [1]), "0/w: found 0"),
    ("read_training_state", "rows of text"): (field("rows", "x"), "rows: found str"),
}


def contract_case(reader, name, spoil, refused):
    read, write = READERS[reader]

    def build(folder):
        write(folder / "a.safetensors")
        spoil(folder / "a.safetensors")

    refused = rf"a\.safetensors: {refused}"
    return {
        "name": f"{reader}: {name}",
        "group": "safetensors",
        "build": build,
        "call": lambda folder: read(folder / "a.safetensors"),
        "reads": (reader,),
        "refused": refused,
    }


LAST = "projection.0.weight"


def state():
    return SpatialCnn2d(dim=16, size="small").state_dict()


def weights(name, make, *, file="w.pt", refused=None, handled=None):
    def build(folder):
        make(folder / file)

    def call(folder):
        return read_video_weights(folder / file, size="small")

    refused = refused and rf"{file}: {refused}"
    return {
        "name": f"weight file: {name}",
        "group": "weight_file",
        "build": build,
        "call": call,
        "reads": ("read_video_weights",),
        "refused": refused,
        "handled": handled,
    }


def with_tensor(key, tensor):
    return lambda path: torch.save({**state(), key: tensor}, path)


def cut_off(path):
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-500])


def zip_bomb(path):
    """A .pt whose zip packs its numbers, though torch never does: a gigabyte and a half of zeros in a few megabytes."""
    few, many = 1_000_003, 400_000_009
    torch.save({**state(), LAST: torch.zeros(few)}, path)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in records.items():
            data = data.replace(struct.pack("<i", few), struct.pack("<i", many)) if name.endswith("data.pkl") else data
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
                if len(data) == 4 * few:
                    for _ in range(4 * (many - few) // (1 << 24) + 1):
                        file.write(bytes(1 << 24))


def zipped_code(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": Payload()}, protocol=2))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")


def read_whole(folder, found):
    assert (found.network, found.width) == ("trunk", 16)


WEIGHTS = [
    weights("pickled code", pickled, refused="file: found UnpicklingError"),
    weights("pickled code in a zip", zipped_code, refused="file: found UnpicklingError"),
    weights(
        "code beside the weights",
        lambda path: torch.save({**state(), "x": Payload()}, path),
        refused="file: found UnpicklingError",
    ),
    weights("pickled code under another name", pickled, file="w.safetensors", refused="file: found SafetensorError"),
    weights(
        "a whole module",
        lambda path: torch.save(torch.nn.Linear(2, 2), path),
        file="w.pth",
        refused="file: found UnpicklingError",
    ),
    weights("a zip bomb", zip_bomb, refused="file: found [0-9]+ packed bytes"),
    weights(
        "cut off",
        cut_off,
        refused="file: found",
    ),
    weights("empty", lambda path: path.touch(), refused="file: found"),
    weights("a list", lambda path: torch.save([torch.ones(2)], path), refused="file: found list"),
    weights(
        "numbers among the tensors",
        lambda path: torch.save({**state(), "epoch": 3}, path),
        refused="keys: found `epoch`",
    ),
    weights(
        "one number that claims a terabyte",
        with_tensor(LAST, torch.zeros(1).expand(1 << 33, 128)),
        refused=f"`{LAST}`: found a tensor of more numbers than its storage holds",
    ),
    weights(
        "one number that claims three gigabytes",
        with_tensor(LAST, torch.zeros(1).expand(6_000_000, 128)),
        refused=f"`{LAST}`: found a tensor of more numbers",
    ),
    weights(
        "a sparse tensor",
        with_tensor(LAST, torch.zeros(16, 128).to_sparse()),
        refused=f"`{LAST}`: found a tensor of more numbers",
    ),
    weights(
        "a tensor without numbers",
        with_tensor(LAST, torch.empty(16, 128, device="meta")),
        refused=f"(file|`{LAST}`): found",
    ),
    weights("NaN", with_tensor(LAST, torch.full_like(state()[LAST], float("nan"))), refused=f"`{LAST}`: found NaN"),
    weights("another shape", with_tensor(LAST, torch.zeros(16, 5)), refused=f"`{LAST}`: found shape"),
    weights("a key of a thousand letters", with_tensor("x" * 1000, torch.zeros(1)), refused="keys: found"),
    weights("keys of no network", lambda path: torch.save({"a": torch.ones(1)}, path), refused="keys: found `a`"),
    weights("missing", lambda path: None, refused="file: found nothing"),
    weights("sound", lambda path: torch.save(state(), path), handled=read_whole),
]

CASES = [contract_case(reader, name, *spoil) for reader in READERS for name, spoil in EVERYWHERE.items()]
CASES += [contract_case(*key, *spoil) for key, spoil in SPECIAL.items()]
CASES += WEIGHTS
