"""Trains toys in one of several processes, in float64: `shared_worker.py FOLDER OUT`, run by torchrun.

OUT gets NAME.rank{r}.safetensors and .json: what each of `CASES` came to in each process.
"""

import json
import logging
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save_file

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.history import json_value
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import WindowBatch
from detach_core.methods.detach.settings import PlateauSettings
from detach_core.methods.registry import METHODS, build_method
from detach_core.settings.base import to_plain
from detach_core.training import processes, session
from detach_core.training.batches import ResidentWindows, input_shape
from detach_core.training.job import TrainingJob, with_stage_1
from tests.fixtures.toy_windows import DETACH, MACHINES, SETTINGS, SPATIAL

# In two processes 15 windows are 8 and 7.
BATCH = {"batch_size": 15}
CASES = {
    "detach_spatial": ("detach_spatial", {}),
    "video_goes_on": ("detach_spatial", {"freeze_video": False, "video_time_average": "features"}),
    "stops_early": ("detach_spatial", {"stop": "adaptive", "plateau": PlateauSettings(rate=1.1, epochs=1)}),
    "detach": ("detach", {}),
    "no_momentum": ("detach", {"momentum_encoder": False, "sensor_temporal": "cnn_gru"}),
    "imu2clip": ("imu2clip", {}),
    "primus": ("primus", {}),
    "comodo": ("comodo", {}),
    "cav_mae": ("cav_mae", {"frames": 2}),
    "supervised": ("supervised", {}),
    "random_encoder": ("random_encoder", {}),
}
DROPOUT = ("detach", {"sensor_temporal": "transformer"})
SEED = 5
TIMES = ("seconds", "windows_per_s", "epoch_seconds")


@contextmanager
def in_float64():
    """Networks and windows in double precision, so that nothing but another computation can make a difference."""
    gather, build = ResidentWindows.gather, build_method

    def doubled(self, *args, **kwargs):
        torch.set_default_dtype(torch.float32)  # augmentation is made for it
        batch = vars(gather(self, *args, **kwargs))
        torch.set_default_dtype(torch.float64)
        floats = {
            name: value.double() for name, value in batch.items() if getattr(value, "dtype", None) == torch.float32
        }
        return WindowBatch(**{**batch, **floats})

    with (
        mock.patch.object(ResidentWindows, "gather", doubled),
        mock.patch.object(session, "build_method", lambda *args, **kwargs: build(*args, **kwargs).double()),
    ):
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def first_spatial(windows, split, settings):
    """A Stage 1 as its seed makes it: DETACH needs one to stand on, not a good one."""
    torch.manual_seed(0)
    statistics = split.normalisation.activation["centred"]
    activation = {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}
    method = build_method("detach_spatial", settings=settings, shape=input_shape(windows), activation=activation)
    return Checkpoint(
        method="detach_spatial",
        settings=to_plain(settings),
        shape=method.shape.as_dict(),
        normalisation=session.normalisation_as_dict(split.normalisation),
        dataset="toy",
        class_names=[],
        class_places=[],
        class_actions=[],
        channel_names=[],
        window_s=2.0,
        max_nan_share=0.5,
        flow_method="dis fast",
        flow_max_px=16.0,
        epoch=0,
        facts={},
        tensors=method.state_dict(),
        provenance=make_provenance(stage="pretrain_spatial", source="simulated", settings=to_plain(settings)),
    )


def train(folder, name, changes, among=None):
    """A whole training: its tensors by name, and the history's rows without times."""
    windows, split = read_windows(folder / "windows.h5"), read_split(folder / "split.json")
    settings = DETACH if name == "detach" else SETTINGS[name]
    batch = BATCH if hasattr(settings, "batch_size") else {}
    job = TrainingJob(name, replace(settings, **batch, **changes), MACHINES)
    spatial = first_spatial(windows, split, SPATIAL) if METHODS.settings(name).needs_spatial else None
    result = session.run_session(
        with_stage_1(job, spatial),
        place="x",
        windows=windows,
        split=split,
        spatial=spatial,
        seed=SEED,
        log=logging.getLogger("silent"),
        processes=among,
    )
    rows = [{key: value for key, value in row.items() if key not in TIMES} for row in result.run.rows]
    own = {key: value for key, value in result.method.training_state().items() if isinstance(value, torch.Tensor)}
    tensors = {**result.method.state_dict(), **{f"own/{key}": value for key, value in own.items()}}
    return {key: value.detach().clone().contiguous() for key, value in tensors.items()}, json_value(rows)


def keep(out, name, rank, found):
    save_file(found[0], out / f"{name}.rank{rank}.safetensors")
    (out / f"{name}.rank{rank}.json").write_text(json.dumps(found[1]), encoding="utf-8")


def main(folder, out):
    with processes.joined("cpu", 2) as among:
        with in_float64():
            for name, case in CASES.items():
                keep(out, name, among.rank, train(folder, *case, among))
        answers: list[Any] = [among.agree({"near": torch.ones(2) + 1e-5 * among.rank, "same": torch.ones(1)})]
        for name, far in {
            "far": torch.ones(2) * among.rank,
            "stream": torch.tensor([among.rank], dtype=torch.uint8),
        }.items():
            try:
                among.agree({name: far})
            except UserError as error:
                answers.append(str(error))
        (out / f"agreed.rank{among.rank}.json").write_text(json.dumps(answers), encoding="utf-8")
        keep(out, "dropout", among.rank, train(folder, *DROPOUT, among))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
