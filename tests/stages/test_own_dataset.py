"""A dataset of a user's own package goes from the configuration to its windows, without an edit here."""

import copy
import sys
from pathlib import Path

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.contracts.windows import read_windows
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from tests.fixtures.native_files import write_video

ROOT = Path(__file__).resolve().parents[2]
SOURCE = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detach_core.contracts.recording import Annotation, Recording
from detach_core.datasets.adapter import DatasetAdapter
from detach_core.datasets.registry import NativeSettings


@dataclass(frozen=True, kw_only=True)
class LabNative(NativeSettings):
    recording_pattern: ClassVar[str] = "{take}-{subject}"
    delimiter: str = ";"
    """between two columns"""


class Lab(DatasetAdapter[LabNative]):
    settings_type = LabNative

    def __init__(self, native, *, classes):
        super().__init__(native, classes=classes)
        self.channel_names, self.channel_units = ("lamp", "door"), ("state", "state")
        self.class_actions = tuple(name.partition("_")[0] for name in classes)

    def read_recording(self, root, recording, *, scratch=None):
        files = self.find_files(root, recording)
        table = np.loadtxt(files.sensor, delimiter=self.native.delimiter)
        return Recording(
            recording, recording.rpartition("-")[2], table[:, 1:].astype(np.float32), table[:, 0],
            self.native.sensor_hz, self.channel_names, self.channel_units, (Annotation(0.0, 6.0, 1),),
            files.video, self.native.video_hz,
        )
'''


def test_it_goes_from_the_configuration_to_windows(tmp_path, monkeypatch):
    (tmp_path / "my_lab.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    raw = tmp_path / "raw"
    raw.mkdir()
    rows = [f"{k / 10};{k % 2};{int(k > 30)}" for k in range(60)]
    (raw / "day-p1.csv").write_text("\n".join(rows) + "\n")
    write_video(raw / "day-p1.mp4", num_frames=60, hz=10)
    data = copy.deepcopy(read_default(checkout=ROOT))
    data["datasets"]["lab"] = {
        "adapter": "my_lab:Lab",
        "source": "local",
        "root": str(raw),
        "subjects": ["p1"],
        "takes": ["day"],
        "label_unit": "window",
        "classes": ["push_door", "pull_door"],
        "null_windows": "drop",
        "native": {
            "sensor_hz": 10,
            "video_hz": 10,
            "sensor_glob": ["{recording}.csv"],
            "video_glob": ["{recording}.mp4"],
        },
    }
    config = load_config(data)
    shard, log = {"recordings": config.recordings("lab"), "root_path": raw, "dataset": "lab"}, tmp_path / "log"
    sensor, frames, moved, windows = (
        tmp_path / "out" / f"{name}.h5" for name in ("sensor", "frames", "flow", "windows")
    )
    ingest(settings=config.ingest("lab"), sensor_path=sensor, log_path=log, **shard)
    extract_frames(settings=config.extract_frames("lab"), frames_path=frames, log_path=log, **shard)
    flow(settings=config.flow("lab"), frames_path=frames, flow_path=moved, log_path=log)
    paths = {"sensor_paths": [sensor], "frames_paths": [frames], "flow_paths": [moved], "windows_path": windows}
    pack(dataset="lab", settings=config.pack("lab"), log_path=log, **paths)
    found = read_windows(windows)
    assert found.sensor.shape == (5, 2, 20)
    assert found.label.tolist() == [1] * 5
    assert (found.recording_names, found.class_actions) == (("day-p1",), ("push", "pull"))
    sys.modules.pop("my_lab", None)
