"""Live recognition of states whose silence means that nothing has changed."""

import time

import numpy as np
import pytest

from detach_core.recognition.live import _events, line_of
from detach_core.recognition.recognizer import Recognizer
from detach_core.recognition.sources import Clock, Samples
from detach_core.recognition.stream import Event


@pytest.fixture
def stream(run_folder):
    return Recognizer.load(run_folder).stream(resampling="previous")


def test_time_that_passes_without_an_event_completes_windows(stream, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    nothing = Samples(np.empty((0, 8)), np.empty(0))

    def source():
        yield Samples(np.zeros((1, 8)), np.array([1000.0]))
        for now[0] in (101.0, 104.5, 107.0):
            yield nothing
        # It comes a second late, for a window that is already named, and counts from then on.
        yield Samples(np.ones((1, 8)), np.array([1004.0]))

    found = [[event.start_s for event in events] for events in _events(source(), stream, holds=True)]
    assert found == [[], [], [1000.0], [1002.0], [], []]


def test_an_interrupt_ends_as_the_end_of_a_file(stream):
    def source():
        yield Samples(np.zeros((2, 8)), np.array([0.0, 2.5]))
        yield Samples(np.zeros((1, 8)), np.array([4.0]))
        raise KeyboardInterrupt

    found = [event.start_s for events in _events(source(), stream, holds=True) for event in events]
    assert found == [0.0, 2.0]


def test_a_line_says_what_is_known():
    event = Event(1.7e9, 1.7e9 + 2, "Open Door", "Door", "Open", 0.987, True)
    assert line_of(event, Clock(None, is_absolute=True)) == "2023-11-14T22:13:20.000+00:00  Open Door  Door/Open  0.99"
    unknown = Event(2.0, 4.0, "tea", "", "", 0.4, False)
    assert line_of(unknown, Clock(None)) == "2.000  unknown (perhaps tea)  0.40"
