import numpy as np

from detach_core.evaluation.embedding_map import Pictures, brightness_change, grey_levels


def test_a_window_shows_its_own_rows_of_its_recording(windows):
    pictures = Pictures(windows)
    window = int(np.flatnonzero(windows.recording == 2)[3])
    frames = pictures.frames(window)
    rgb, _ = windows.open_streams()[2]
    first = windows.first_frame[window]
    np.testing.assert_array_equal(frames, rgb[first : first + windows.frames_per_window])
    assert np.abs(frames.mean(axis=0) - windows.mean_frame[window]).max() < 1.0
    np.testing.assert_array_equal(pictures.change(window), brightness_change(frames))


def test_exposure_is_no_change_and_a_moved_block_is_one():
    frames = np.full((3, 8, 10, 3), 100, dtype=np.uint8)
    frames[1:] += 7
    frames[2, 2:4, 3:5] = 207
    change = brightness_change(frames)
    assert change.shape == (2, 8, 10)
    assert change[0].max() == 0
    assert sorted(np.argwhere(change[1]).tolist()) == [[2, 3], [2, 4], [3, 3], [3, 4]]
    assert (change[1, 2:4, 3:5] == 100).all()


def test_what_grows_darker_changes_as_much():
    frames = np.full((2, 4, 4, 3), 200, dtype=np.uint8)
    frames[1, 0, 0] = 20
    assert brightness_change(frames)[0, 0, 0] == 180


def test_grey_weighs_the_colours_as_the_eye_does():
    np.testing.assert_allclose(grey_levels(np.eye(3, dtype=np.uint8)[None] * 100), [[29.9, 58.7, 11.4]])
