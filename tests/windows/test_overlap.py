import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.contracts.split import Fold
from detach_core.foundation.errors import ContractError
from detach_core.windows.splitting import audit, refuse_leaks, shared_instances, shared_seconds

NONE = np.empty(0, np.int64)
STARTS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30)), min_size=1, max_size=12)


def columns(rows):
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float)


@settings(deadline=None)
@given(STARTS, STARTS)
def test_shared_seconds_are_those_of_a_count_second_by_second(rows_a, rows_b):
    covered = [{(recording, start + k) for recording, start in rows for k in range(3)} for rows in (rows_a, rows_b)]
    (recording_a, start_a), (recording_b, start_b) = columns(rows_a), columns(rows_b)
    found = shared_seconds(recording_a, start_a, recording_b, start_b, 3.0)
    assert found == pytest.approx(len(covered[0] & covered[1]))


def test_a_window_outside_any_gesture_shares_no_instance():
    assert shared_instances(np.array([-1, 3, 4]), np.array([-1, 4, 4, 5])) == 1


def test_a_planted_second_is_found_between_parts_and_inside_folds(make_windows):
    windows = make_windows()
    windows = dataclasses.replace(
        windows, start_s=np.arange(windows.num_windows) * 10.0, recording=windows.recording * 0
    )
    windows.start_s[40] = windows.start_s[3] + 1.0
    parts = {"pretrain": np.arange(20), "downstream": np.arange(20, 60), "held_out": np.arange(60, 70)}
    folds = {"paper": [Fold(np.array([20, 21]), NONE, np.array([22]))]}
    found = {(pair.a, pair.b): pair.shared_s for pair in audit(windows, parts, folds)}
    assert found == {
        ("pretrain", "downstream"): 1.0,
        ("pretrain", "held_out"): 0.0,
        ("downstream", "held_out"): 0.0,
        ("paper/fold0/train", "paper/fold0/test"): 0.0,
    }


def leak(windows, parts, label_unit="window"):
    refuse_leaks(audit(windows, parts, {}), label_unit=label_unit, path="windows.h5")


def parts_by_recording(windows):
    return {
        "pretrain": np.flatnonzero(windows.recording == 0),
        "downstream": np.flatnonzero(windows.recording == 1),
        "held_out": np.flatnonzero(windows.recording >= 2),
    }


def test_recordings_held_out_whole_share_nothing(make_windows):
    windows = make_windows()
    leak(windows, parts_by_recording(windows))


def test_a_planted_instance_in_a_held_out_unit_is_refused(make_windows):
    windows = make_windows()
    parts = parts_by_recording(windows)
    windows.instance[parts["held_out"][0]] = windows.instance[parts["downstream"][0]]
    with pytest.raises(ContractError, match="downstream and held_out: found 0 s and 1 instances in both"):
        leak(windows, parts)


def test_planted_seconds_of_a_held_out_unit_are_refused(make_windows):
    windows = make_windows()
    parts = parts_by_recording(windows)
    windows.recording[parts["held_out"][0]] = 0
    windows.start_s[parts["held_out"][0]] = windows.start_s[0] + 0.5
    with pytest.raises(ContractError, match=r"pretrain and held_out: found 2 s"):
        leak(windows, parts)


def test_windows_may_share_seconds_between_pretraining_and_probe_but_sequences_may_not(make_windows):
    windows = make_windows()
    even = np.flatnonzero(windows.recording < 2)
    parts = {"pretrain": even[::2], "downstream": even[1::2], "held_out": np.flatnonzero(windows.recording >= 2)}
    leak(windows, parts)
    with pytest.raises(ContractError, match="pretrain and downstream"):
        leak(windows, parts, label_unit="recording")
