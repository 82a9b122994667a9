from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.contracts.recording import Annotation
from detach_core.datasets.opportunity.text import choose_intervals, column_intervals, to_annotations, track_intervals
from detach_core.foundation.errors import BadInputError

DOOR, FRIDGE = 406516, 406520
PATH = Path("S1-Drill.dat")


def test_an_interval_ends_where_the_next_sample_begins():
    time_s = np.array([0.0, 0.033, 0.067, 0.1, 0.133])
    codes = np.array([0.0, DOOR, DOOR, np.nan, FRIDGE])
    found = column_intervals(PATH, codes, time_s, period_s=1 / 30)
    assert found[0] == (0.033, 0.1, DOOR)
    assert found[1][0] == 0.133
    assert found[1][1] == pytest.approx(0.133 + 1 / 30)


def test_an_interval_does_not_reach_over_a_gap():
    found = column_intervals(PATH, np.array([DOOR, DOOR, 0.0]), np.array([0.0, 0.1, 9.0]), period_s=0.1)
    assert found[0][1] == pytest.approx(0.25)


def test_gestures_that_follow_at_once_are_two():
    found = column_intervals(PATH, np.array([DOOR, FRIDGE]), np.array([0.0, 0.1]), period_s=0.1)
    assert [code for *_, code in found] == [DOOR, FRIDGE]


@pytest.mark.parametrize("block_rows", [1, 2, 3, 5])
def test_intervals_do_not_depend_on_the_pieces_they_are_found_in(block_rows, monkeypatch):
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.choice([0.0, DOOR, FRIDGE, np.nan], 30), rng.integers(1, 5, 30))
    time_s = np.cumsum(rng.choice([0.1, 0.1, 0.1, 4.0], len(codes)))
    expected = column_intervals(PATH, codes, time_s, period_s=0.1)
    assert len(expected) > 5
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 8 * block_rows)
    assert column_intervals(PATH, codes, time_s, period_s=0.1) == expected
    codes[-1] = 7.0
    with pytest.raises(BadInputError, match=f"line {len(codes)}, column 250"):
        column_intervals(PATH, codes, time_s, period_s=0.1)


@pytest.mark.parametrize("code", [999.0, 406516.5, -1.0])
def test_an_unknown_code_is_named_by_its_line(code):
    with pytest.raises(BadInputError, match=r"line 2, column 250: found label code"):
        column_intervals(PATH, np.array([0.0, code]), np.array([0.0, 0.1]), period_s=0.1)


@pytest.fixture
def track(tmp_path):
    def write(caption):
        path = tmp_path / "S1-Drill_ml_both_arms.srt"
        path.write_text(f"1\n00:00:01,000 --> 00:00:02,000\n{caption}\n")
        return path

    return write


@pytest.mark.parametrize("caption", ["406516 - Open Door 1", "406516", "Open Door 1", "open door 1"])
def test_a_caption_is_read_by_code_or_name(track, caption):
    assert track_intervals(track(caption)) == [(1.0, 2.0, DOOR)]


def test_a_null_caption_is_no_interval(track):
    assert track_intervals(track("0 - null")) == []


@pytest.mark.parametrize("caption", ["123 - Open Door 1", "Open Sesame"])
def test_an_unknown_caption_is_named_by_its_line(track, caption):
    with pytest.raises(BadInputError, match="line 2: found label code"):
        track_intervals(track(caption))


def test_the_column_rules_and_small_differences_are_silent():
    column = [(1.0, 2.0, DOOR)]
    assert choose_intervals(column, [(1.3, 2.4, DOOR)], tolerance_s=0.5) == (column, [])
    assert choose_intervals(column, None, tolerance_s=0.5) == (column, [])


def test_large_differences_are_reported():
    column = [(1.0, 2.0, DOOR), (5.0, 6.0, FRIDGE)]
    chosen, remarks = choose_intervals(column, [(1.0, 2.75, DOOR), (5.0, 6.0, FRIDGE)], tolerance_s=0.5)
    assert chosen == column
    assert len(remarks) == 1
    assert "1 of 2 gestures" in remarks[0]
    assert "Open Door 1 at 1.00 s differs by 0.75 s" in remarks[0]


def test_a_missing_counterpart_is_reported():
    _, remarks = choose_intervals([(1.0, 2.0, DOOR), (5.0, 6.0, FRIDGE)], [(1.0, 2.0, DOOR)], tolerance_s=0.5)
    assert "has 2 gestures, the .srt track 1" in remarks[0]
    assert "has no counterpart" in remarks[1]


def test_without_the_column_the_track_rules():
    track = [(1.0, 2.0, DOOR)]
    chosen, remarks = choose_intervals([], track, tolerance_s=0.5)
    assert chosen == track
    assert "the .srt track is used" in remarks[0]


def test_no_gesture_at_all_is_reported():
    assert choose_intervals([], [], tolerance_s=0.5) == ([], ["no gesture is annotated"])


def test_gestures_that_are_no_class_become_other_and_all_are_ordered():
    found = to_annotations([(5.0, 6.0, FRIDGE), (1.0, 2.0, DOOR)], ["Open Fridge"])
    assert found == (Annotation(1.0, 2.0, -1), Annotation(5.0, 6.0, 0))
