"""Writes HWU-USP sequences as the originals are laid out: a CSV of ambient sensors in a folder per activity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from detach_core.simulation.trace import Array

COLUMNS = (
    "Ktch_B1_Drawer", "Ktch_B2_Cupboard", "Ktch_B3_Cupboard", "Ktch_B4_Cupboard", "Ktch_Motion_1", "Ktch_Motion_2",
    "Ktch_T1_Cupboard", "Ktch_T2_Cupboard", "Ktch_T3_Cupboard", "Ktch_T4_Cupboard", "TP_L_Power",
)  # fmt: skip
TIME, POWER = "timestamp", "TP_L_Power"


def ambient_text(time_s: Array, channels: Mapping[str, Array]) -> str:
    """The CSV: states as 0 and 1, power in watts with one decimal.

    Args:
        time_s: (T,) sample times.
        channels: column -> (T,) values, exactly those of `COLUMNS`.
    """
    if set(channels) != set(COLUMNS):
        raise ValueError(f"wrong channels: {sorted(set(channels) ^ set(COLUMNS))}")
    states = [map(str, np.asarray(channels[name], dtype=np.int64).tolist()) for name in COLUMNS if name != POWER]
    power = [f"{value:.1f}" for value in channels[POWER].tolist()]
    stamps = [f"{moment:.3f}" for moment in time_s.tolist()]
    lines = [",".join((TIME, *COLUMNS)), *map(",".join, zip(stamps, *states, power, strict=True))]
    return "\n".join(lines) + "\n"


def sequence_paths(root: Path, recording: str) -> tuple[Path, Path]:
    """The CSV and the video of `<activity>_sNN`."""
    activity = recording.rpartition("_")[0]
    return root / "ambient" / activity / f"{recording}.csv", root / "rgb_blurred" / activity / f"{recording}.mp4"
