"""The whole chain from native files to `windows.h5`, asked how far video and sensors lie apart.

One lamp and one switch are on in the same seconds, at places all over a recording of three minutes.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from detach_core.contracts.windows import read_windows
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from tests.fixtures.native_files import OpportunityFolder, opportunity_lines
from tests.fixtures.videos import write_stamped

LENGTH_S, WORKING_HZ, OPEN_FRIDGE = 180, 5, 406520
# Between two ticks, so that no picture is so near to an edge that its side is chance.
EVENTS = [(start_s, start_s + 4) for start_s in (8.5, 47.5, 95.5, 133.5, 171.5)]
SECONDS = [k / 10 for k in range(10 * LENGTH_S)]
VARYING = np.cumsum(np.random.default_rng(3).choice([0.02, 0.05, 0.1, 0.18], 3 * LENGTH_S * 10)).round(3)
GAPS = [second for second in SECONDS if not 30 <= second < 31.7 and not 60 <= second < 66]
PLACES, MILLISECONDS = {"tick": Fraction(1, 10)}, {"tick": Fraction(1, 1000)}
CASES = {
    "even": ("a.mp4", SECONDS, {}),
    "even, as a camera's transport stream of hours": ("a.ts", SECONDS, {"file_options": {"output_ts_offset": "7200"}}),
    "a little fast": ("a.mp4", [k / 10.4 for k in range(int(10.4 * LENGTH_S))], {}),
    "a little slow": ("a.mkv", [k * 1.001 / 10 for k in range(10 * LENGTH_S)], {}),
    "three times as fast": ("a.flv", [k * 1.001 / 30 for k in range(30 * LENGTH_S)], {}),
    "one in thirty lost": ("a.mp4", [k / 10 for k in range(10 * LENGTH_S) if k % 30 != 17], {}),
    "two gaps": ("a.mp4", GAPS, {}),
    "two gaps, by places": ("a.avi", GAPS, PLACES),
    "even, by places": ("a.avi", SECONDS, PLACES),
    "late": ("a.mp4", [3 + s for s in SECONDS[:-30]], {}),
    "late, by stamps alone": ("a.mkv", [3 + s for s in SECONDS[:-30]], {}),
    "late behind the sound": ("a.ts", [3 + s for s in SECONDS[:-30]], {"audio_s": LENGTH_S}),
    "late and without reordering": ("a.flv", [3 + s for s in SECONDS[:-30]], {"options": {"bf": "0"}}),
    "varying": ("a.mkv", VARYING, {}),
    "varying, MPEG-4": ("a.mp4", VARYING, {"codec": "mpeg4", **MILLISECONDS}),
}  # fmt: skip


@pytest.fixture(scope="module")
def sensors(tmp_path_factory):
    """The folder of the recording's sensors, and their `sensor.h5`."""
    folder = OpportunityFolder(tmp_path_factory.mktemp("lag") / "opportunity")
    folder.native["video_glob"] = ["**/a.*"]
    lines = opportunity_lines(LENGTH_S, gestures=[(*event, OPEN_FRIDGE) for event in EVENTS])
    folder.sensor_path().parent.mkdir(parents=True)
    folder.sensor_path().write_text("\n".join(lines) + "\n")
    write_stamped(folder.root / "a.mp4", [0])
    path = folder.root.parent / "sensor.h5"
    common = {"dataset": "opportunity", "recordings": ["S1-Drill"], "root_path": folder.root}
    ingest(settings=folder.settings("ingest"), sensor_path=path, log_path=folder.root.parent / "log", **common)
    (folder.root / "a.mp4").unlink()
    return folder, path


def lamp(stamp):
    """A picture with a bright half while the lamp is on."""
    picture = np.full((24, 32, 3), 40, np.uint8)
    picture[:, :16] = 220 if any(start_s <= stamp < end_s for start_s, end_s in EVENTS) else 40
    return picture


def windows_of(folder, sensor_path, name, stamps, options):
    for old in folder.root.glob("a.*"):
        old.unlink()
    write_stamped(folder.root / name, stamps, pictures=map(lamp, stamps), size=(32, 24), gop=50, **options)
    out, video = folder.root.parent, {"working_hz": WORKING_HZ, "image_px": [16, 12]}
    paths = {"frames_path": out / "frames.h5", "log_path": out / "log"}
    settings = folder.settings("extract_frames", video=video)
    extract_frames(dataset="opportunity", settings=settings, recordings=["S1-Drill"], root_path=folder.root, **paths)
    flow(settings=folder.settings("flow", flow={"method": "farneback"}), flow_path=out / "flow.h5", **paths)
    pack(
        dataset="opportunity",
        settings=folder.settings("pack", null_windows="keep"),
        sensor_paths=[sensor_path],
        frames_paths=[out / "frames.h5"],
        flow_paths=[out / "flow.h5"],
        windows_path=out / "windows.h5",
        log_path=out / "log",
    )
    return read_windows(out / "windows.h5")


def edges_s(state, start_s, rate_hz):
    """The seconds in the middle of each change of `state` (T,)."""
    return start_s + (np.flatnonzero(np.diff(state.astype(int))) + 0.5) / rate_hz


def lags_s(windows):
    """By how much each of the lamp's edges lies behind the switch's like edge, window by window."""
    streams = windows.load_streams()
    switch = windows.channel_names.index("REED SWITCH FRIDGE S3")
    lags = []
    for window, first in enumerate(streams.first):
        bright = streams.rgb[first : first + windows.frames_per_window, :, :6].mean(axis=(1, 2, 3)) > 130
        on = windows.sensor[window, switch] > 0.5
        seen = edges_s(bright, windows.start_s[window], WORKING_HZ)
        felt = edges_s(on, windows.start_s[window], windows.sensor_hz)
        lags += (seen - felt).tolist()
    return lags


@pytest.mark.parametrize("case", CASES)
def test_video_and_sensors_lie_less_than_a_working_frame_apart_everywhere(sensors, case):
    name, stamps, options = CASES[case]
    folder, sensor_path = sensors
    windows = windows_of(folder, sensor_path, name, stamps, options)
    lags = lags_s(windows)
    # Ten edges, each in two windows, of which the recording's end cuts one off.
    assert len(lags) >= 19
    assert max(abs(lag) for lag in lags) < 1 / WORKING_HZ
    left_out = {*range(LENGTH_S - 1)} - {int(start_s) for start_s in windows.start_s}
    if case == "two gaps":
        # A tick is at most a second from a picture, but for those from 61.0 to 64.8.
        assert left_out == {60, 61, 62, 63, 64}
    elif case == "two gaps, by places":
        # The last picture stays, but after a second, at 31.0 and 61.0, it shows nothing of its moment any more.
        assert left_out == {30, 31, 60, 61, 62, 63, 64, 65}
    elif case.startswith("late"):
        # From 2.0 on a tick is a second from the first picture, or a little more where its writer shifted the sound.
        assert left_out == ({0, 1, 2} if "sound" in case else {0, 1})
    else:
        assert left_out <= {LENGTH_S - 2}
