"""Tiny native files of both datasets, written here so that no simulator is needed."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from detach_core.datasets.settings import LOST_WORDS

VALUES = {
    "source": "simulated",
    "all_nan_channel": "refuse",
    "max_nan_share": 0.5,
    "label_unit": "window",
    "null_windows": "drop",
    "window": {"length_s": 2.0, "stride_s": 1.0},
    "video": {"working_hz": 5, "image_px": [48, 36], "crop_px": None, "length_tolerance_s": 1.0},
    "length_tolerance_s": 1.0,
    "flow": {"method": "dis", "preset": "fast", "max_px": 16.0},
}
KEYS = {
    "ingest": ("source", "adapter", "classes", "native", "all_nan_channel"),
    "extract_frames": ("source", "adapter", "native", "video"),
    "flow": ("source", "flow"),
    "pack": ("source", "classes", "label_unit", "null_windows", "window", "max_nan_share", "length_tolerance_s"),
}


def stage_settings(stage, adapter, native, classes, **changes):
    """JSON of a stage's settings."""
    values = VALUES | {"adapter": adapter, "native": native, "classes": classes}
    for key, value in changes.items():
        values[key] = values[key] | value if isinstance(value, dict) else value
    return json.dumps({key: values[key] for key in KEYS[stage]})


CLASSES = ["Open Fridge", "Close Fridge", "Open Drawer 1"]
OPEN_FRIDGE, CLOSE_FRIDGE, OPEN_DRAWER, TOGGLE = 406520, 404520, 406519, 405506


def write_video(path, *, num_frames, hz, size=(96, 72), step_px=1.0, codec="mpeg4"):
    """A textured square that moves `step_px` to the right per frame over a textured wall."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    rng = np.random.default_rng(1)
    coarse = rng.integers(60, 200, (height // 6 + 2, width // 6 + 2))
    wall = np.kron(coarse, np.ones((6, 6)))[:height, :width]
    square = np.kron(rng.integers(0, 255, (6, 6)), np.ones((4, 4)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=hz)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"qscale": "2"}
        stream.bit_rate = 4_000_000
        for number in range(num_frames):
            grey = wall.copy()
            left = int(10 + number * step_px) % (width - 24)
            grey[20:44, left : left + 24] = square
            picture = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def opportunity_lines(seconds, *, gestures=(), hz=30):
    """Lines of the 250-column file; the fridge's switch 196 is on during gestures, body columns are NaN."""
    count = int(seconds * hz)
    rng = np.random.default_rng(0)
    table = np.full((count, 250), "NaN", dtype=object)
    milliseconds = np.floor(np.arange(count) * 1000 / hz + 0.5).astype(int)
    table[:, 0] = milliseconds
    table[:, 194:207] = 0
    table[:, 207:231] = rng.integers(-1000, 1000, (count, 24))
    table[:, 243:250] = 0
    for start, end, code in gestures:
        rows = (milliseconds >= start * 1000) & (milliseconds < end * 1000)
        table[rows, 249] = code
        table[rows, 195] = 1
    return [" ".join(str(value) for value in row) for row in table]


def srt_time(seconds):
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d},{whole % 1000:03d}"


def srt_text(gestures):
    return "\n".join(
        f"{number}\n{srt_time(start)} --> {srt_time(end)}\n{code} - Some Gesture\n"
        for number, (start, end, code) in enumerate(gestures, start=1)
    )


GESTURES = [(2.0, 5.0, OPEN_FRIDGE), (6.0, 8.0, CLOSE_FRIDGE), (9.0, 10.0, TOGGLE)]


class OpportunityFolder:
    """A folder of Opportunity++ files and the settings that read it."""

    def __init__(self, root):
        self.root = root
        self.native = {
            "sensor_hz": 30,
            "video_hz": 10,
            "rate_tolerance": 0.05,
            "sensor_glob": ["**/{recording}_sensors_data.txt", "**/{recording}.dat"],
            "video_glob": ["**/{recording}.mp4", "**/{recording}.avi"],
            "annotation_glob": ["**/{recording}*ml_both_arms*.srt"],
            "lost_words": list(LOST_WORDS),
            "deckchair": False,
            "annotation_tolerance_s": 0.5,
        }

    def sensor_path(self, recording="S1-Drill"):
        return self.root / "data" / recording / f"{recording}_sensors_data.txt"

    def video_path(self, recording="S1-Drill"):
        return self.root / "data" / recording / f"{recording}.mp4"

    def track_path(self, recording="S1-Drill"):
        return self.root / "data" / recording / f"{recording}_ml_both_arms.srt"

    def add(self, recording="S1-Drill", *, seconds=12, gestures=GESTURES, video_s=None, step_px=1.0):
        folder = self.root / "data" / recording
        folder.mkdir(parents=True, exist_ok=True)
        self.sensor_path(recording).write_text("\n".join(opportunity_lines(seconds, gestures=gestures)) + "\n")
        self.track_path(recording).write_text(srt_text(gestures))
        frames = round((seconds if video_s is None else video_s) * 10)
        write_video(self.video_path(recording), num_frames=frames, hz=10, step_px=step_px)
        return recording

    def edit(self, line, column, value, recording="S1-Drill"):
        """Put `value` at a 1-based line and column; None removes the value, column None the whole column."""
        path = self.sensor_path(recording)
        rows = [text.split() for text in path.read_text().splitlines()]
        for row in rows if line is None else [rows[line - 1]]:
            if value is None:
                del row[column - 1]
            else:
                row[column - 1] = value
        path.write_text("\n".join(" ".join(row) for row in rows) + "\n")

    def settings(self, stage, **changes):
        """The settings of a stage; a change of a section changes the keys that it names."""
        return stage_settings(stage, "opportunity", self.native, CLASSES, **changes)


HWU_HEADER = (
    "timestamp,Ktch_B1_Drawer,Ktch_B2_Cupboard,Ktch_B3_Cupboard,Ktch_B4_Cupboard,Ktch_Motion_1,Ktch_Motion_2,"
    "Ktch_T1_Cupboard,Ktch_T2_Cupboard,Ktch_T3_Cupboard,Ktch_T4_Cupboard,TP_L_Power"
)


class HwuFolder:
    """A folder of HWU-USP files and the settings that read it."""

    def __init__(self, root):
        self.root = root
        self.native = {
            "sensor_hz": 50,
            "video_hz": 25,
            "rate_tolerance": 0.05,
            "sensor_glob": ["**/{recording}*.csv"],
            "video_glob": ["**/rgb*/**/{recording}*.mp4"],
            "time_column": "timestamp",
            "channels": [
                "Ktch_B4_Cupboard",
                "Ktch_Motion_1",
                "Ktch_Motion_2",
                "Ktch_T1_Cupboard",
                "Ktch_T2_Cupboard",
                "Ktch_T3_Cupboard",
            ],
            "value_map": {"OPEN": 1, "CLOSED": 0, "ON": 1, "OFF": 0},
            "lost_words": list(LOST_WORDS),
        }

    def sensor_path(self, recording="tea_s01"):
        return self.root / "ambient" / recording.split("_")[0] / f"{recording}.csv"

    def video_path(self, recording="tea_s01"):
        return self.root / "rgb_blurred" / recording.split("_")[0] / f"{recording}.mp4"

    def add(self, recording="tea_s01", *, seconds=6, stamp=lambda second: f"{1000 + second:.3f}"):
        """Cupboard B4 opens from second 2 to 4; motion sensor 1 is on all the time."""
        rows = [HWU_HEADER]
        for k in range(seconds * 50):
            cupboard = "OPEN" if 2 <= k / 50 < 4 else "CLOSED"
            rows.append(f"{stamp(k / 50)},0,0,0,{cupboard},ON,OFF,0,0,0,0,12.5")
        self.sensor_path(recording).parent.mkdir(parents=True, exist_ok=True)
        self.sensor_path(recording).write_text("\n".join(rows) + "\n")
        write_video(self.video_path(recording), num_frames=seconds * 25, hz=25)
        return recording

    def settings(self, stage, classes, **changes):
        """The settings of a stage; a change of a section changes the keys that it names."""
        return stage_settings(stage, "hwu_usp", self.native, classes, **changes)

    def edit(self, line, old, new, recording="tea_s01"):
        path = self.sensor_path(recording)
        rows = path.read_text().splitlines()
        assert old in rows[line - 1]
        rows[line - 1] = rows[line - 1].replace(old, new, 1)
        path.write_text("\n".join(rows) + "\n")


@pytest.fixture
def opportunity_folder(tmp_path):
    return OpportunityFolder(tmp_path / "opportunity")


@pytest.fixture
def hwu_folder(tmp_path):
    return HwuFolder(tmp_path / "hwu_usp")


@pytest.fixture
def make_video(tmp_path):
    def make(name="video.mp4", **options):
        path = tmp_path / name
        write_video(path, **{"num_frames": 40, "hz": 10, **options})
        return path

    return make


@pytest.fixture
def real_video():
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "one-by-one-person-detection.mp4"
    if not path.is_file():
        pytest.skip(f"the real video is not there: {path}")
    return path
