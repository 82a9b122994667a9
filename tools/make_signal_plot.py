"""Plot of one minute of a simulated Opportunity recording: switches, accelerometers and labels, to `docs/images/`.

./run python -m tools.make_signal_plot
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from detach_core.contracts.recording import Recording, read_recordings

ROOT = Path(__file__).resolve().parents[1]
RECORDING, START_S, LENGTH_S = "S1-Drill", 20.0, 60.0
SHOWN = ("FRIDGE", "DISHWASHER", "UPPERDRAWER", "MIDDLEDRAWER", "DOOR1")


def main() -> None:
    """Draw and save."""
    shard = read_recordings(ROOT / "results" / "opportunity" / "shards" / "S1-Drill" / "sensor.h5")
    recording = next(one for one in shard.recordings if one.recording_id == RECORDING)
    figure, axes = plt.subplots(len(SHOWN), 1, figsize=(9, 8), sharex=True, layout="constrained")
    for axis, name in zip(axes, SHOWN, strict=True):
        draw(axis, name, recording, shard.class_names)
    axes[-1].set_xlabel("time (s)")
    figure.suptitle(
        f"{RECORDING}, simulated: accelerometers (mg, mean removed) and reed switches, labels shaded", fontsize=10
    )
    target = ROOT / "docs" / "images" / "signals_opportunity.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=110)


def draw(axis: Axes, name: str, recording: Recording, class_names: Sequence[str]) -> None:
    """One fixture's channels."""
    time, sensor = np.asarray(recording.time_s), np.asarray(recording.sensor)
    chosen = (time >= START_S) & (time < START_S + LENGTH_S)
    lines = [k for k, channel in enumerate(recording.channel_names) if name in channel and "acc" in channel]
    contacts = [k for k, channel in enumerate(recording.channel_names) if name in channel and "REED" in channel]
    for k in lines:
        values = sensor[chosen, k]
        axis.plot(time[chosen], values - np.nanmean(values), linewidth=0.6)
    low = axis.get_ylim()[0]
    span = axis.get_ylim()[1] - low
    for row, k in enumerate(contacts):
        level = low - span * 0.14 * (row + 1)
        axis.step(time[chosen], level + sensor[chosen, k] * span * 0.1, where="post", color="black", linewidth=0.8)
    fixture = {"UPPERDRAWER": "Drawer 1", "MIDDLEDRAWER": "Drawer 2", "DOOR1": "Door 1"}.get(name, name.capitalize())
    for one in recording.annotations:
        label = class_names[one.label] if one.label >= 0 else ""
        if label.endswith(fixture) and START_S <= one.start_s < START_S + LENGTH_S:
            axis.axvspan(
                one.start_s, one.end_s, color="tab:orange" if label.startswith("Open") else "tab:blue", alpha=0.2
            )
    axis.set_ylabel(fixture)
    axis.set_xlim(START_S, START_S + LENGTH_S)


if __name__ == "__main__":
    main()
