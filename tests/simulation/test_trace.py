import numpy as np

from detach_core.simulation.trace import Person, Trace


def test_duration_is_the_last_time():
    time_s = np.arange(0, 2.001, 0.01)
    zeros = np.zeros_like(time_s)
    person = Person(1.7, 1.2, True, 1.0, (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), 1.8)
    trace = Trace(
        home="h",
        recording_id="r",
        rate_hz=100.0,
        time_s=time_s,
        opening={},
        person=person,
        person_xy_m=np.zeros((len(time_s), 2)),
        heading_rad=zeros,
        walking=zeros,
        hand_m=np.full((len(time_s), 3), np.nan),
        gesture=zeros,
        posture=zeros,
        bend=zeros,
        distractor={},
        actions=(),
    )
    assert trace.duration_s == 2.0
