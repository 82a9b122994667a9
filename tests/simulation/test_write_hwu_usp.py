from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.write_hwu_usp import COLUMNS, ambient_text, sequence_paths


def test_a_sequence_is_written_as_time_states_and_power():
    channels = {name: np.array([0, 1, 1]) for name in COLUMNS} | {"TP_L_Power": np.array([1.5, 2.0, 2100.04])}
    lines = ambient_text(np.arange(3) / 50, channels).splitlines()
    assert lines[0] == (
        "timestamp,Ktch_B1_Drawer,Ktch_B2_Cupboard,Ktch_B3_Cupboard,Ktch_B4_Cupboard,Ktch_Motion_1,Ktch_Motion_2,"
        "Ktch_T1_Cupboard,Ktch_T2_Cupboard,Ktch_T3_Cupboard,Ktch_T4_Cupboard,TP_L_Power"
    )
    assert lines[1] == "0.000,0,0,0,0,0,0,0,0,0,0,1.5"
    assert lines[3] == "0.040,1,1,1,1,1,1,1,1,1,1,2100.0"


def test_missing_channels_are_refused():
    with pytest.raises(ValueError, match="TP_L_Power"):
        ambient_text(np.zeros(1), {})


def test_files_lie_in_a_folder_per_activity(tmp_path):
    sensor, video = sequence_paths(tmp_path, "tea_s01")
    assert sensor == tmp_path / "ambient" / "tea" / "tea_s01.csv"
    assert video == tmp_path / "rgb_blurred" / "tea" / "tea_s01.mp4"
