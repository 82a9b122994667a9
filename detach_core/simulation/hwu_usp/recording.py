"""Recordings of the HWU-USP-like flat: switches, motion sensors, power, native files and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import write_truth
from detach_core.foundation.files import write_text
from detach_core.simulation.camera import render_video
from detach_core.simulation.home import Home
from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.hwu_usp.routine import hwu_routine
from detach_core.simulation.hwu_usp.settings import HwuHomeSettings, MotionSensorSettings
from detach_core.simulation.performance import perform
from detach_core.simulation.registry import NativeFiles
from detach_core.simulation.trace import (
    Array,
    Contact,
    Levels,
    Location,
    Performance,
    Trace,
    contact_levels,
    draw_person,
    generator_for,
    handled_fixture,
    hold,
    read_times,
    truth_arrays,
)

# Movement is looked for in pulses of this length (s), as such sensors count them.
PULSE_S = 0.5


def moving(trace: Trace) -> NDArray[np.bool_]:
    """Whether the person moves (T,): walking, handling or gesturing."""
    handling = np.isfinite(trace.hand_m).all(axis=1)
    return np.asarray((trace.walking > 0.2) | handling | (trace.gesture > 0.4))


def in_view(trace: Trace, field: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Whether the person is in the round field (x, y, radius in m) of a sensor (T,)."""
    distance: Array = np.linalg.norm(trace.person_xy_m - np.array(field[:2]), axis=1)
    return np.asarray(distance <= field[2])


def motion_levels(
    trace: Trace, home: Home, knobs: MotionSensorSettings, generator: np.random.Generator
) -> dict[str, Levels]:
    """Each motion sensor's levels (T,): 1 reports movement."""
    count, rate_hz = len(trace.time_s), trace.rate_hz
    pulse = round(PULSE_S * rate_hz)
    found = {}
    for name, (x, y, radius) in home.motion_sensors.items():
        seen = moving(trace) & in_view(trace, (x, y, radius + knobs.widen_m))
        level = np.zeros(count, dtype=np.int8)
        delay = round(knobs.delay_s * rate_hz)
        # Holds differ from time to time: the timer runs in the sensor's own steps.
        for start in range(0, count, pulse):
            noticed = seen[start : start + pulse].any() and generator.random() >= knobs.missed
            false = generator.random() < knobs.false_hz * PULSE_S
            held = round(knobs.hold_s * generator.uniform(0.8, 1.2) * rate_hz)
            if noticed or false:
                level[start + delay : start + delay + pulse + held] = 1
        found[name] = level
    return found


def active_sensor(trace: Trace, home: Home, times_s: Array, channels: Sequence[str]) -> Location:
    """(K,) the truly active one of `channels` at `times_s` (K,), -1 for none.

    A cupboard in use comes first; else the motion sensor whose field the moving person is in, the nearer of two. Fields
    are the layout's, however far the sensors see beyond them: a place does not depend on who watches it.
    """
    prefix = "Ktch_"
    cupboards = [channel.removeprefix(prefix) for channel in channels]
    found = handled_fixture(trace, times_s, cupboards)
    distances = np.full((len(times_s), len(channels)), np.inf)
    stirring = hold(moving(trace), trace.rate_hz, times_s)
    place = hold(trace.person_xy_m, trace.rate_hz, times_s)
    for index, channel in enumerate(channels):
        if channel in home.motion_sensors:
            x, y, _ = home.motion_sensors[channel]
            seen = hold(in_view(trace, home.motion_sensors[channel]), trace.rate_hz, times_s) & stirring
            distances[seen, index] = np.hypot(place[seen, 0] - x, place[seen, 1] - y)
    watched = np.where(np.isfinite(distances.min(axis=1)), distances.argmin(axis=1), -1)
    return np.where(found >= 0, found, watched).astype(np.int16)


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


NAME = "hwu_usp"

PREFIX = "Ktch_"


# A cupboard's magnet is at its closed position; 1 means open.
CLOSED_REACH = 0.06


# The metered socket (W): standby, a kettle, and for how long it heats (s).
STANDBY_W, KETTLE_W, HEATING_S = 1.5, 2100.0, (20.0, 60.0)


class HwuSimulation:
    """Simulation of the HWU-USP-like flat's sequences; each depends on (home, subject, take, seed) alone."""

    def __init__(self, knobs: HwuHomeSettings, *, native: NativeFiles, classes: Sequence[str]) -> None:
        self.knobs = knobs
        self.home = hwu_home()
        self._sensor_hz, self._video_hz = native.sensor_hz, native.video_hz
        self._channels = list(native.channels)
        self._classes = tuple(classes)

    def perform(self, recording: str) -> Performance:
        """The performance of `recording`, whose id is `<activity>_<subject>`."""
        knobs = self.knobs
        activity, _, subject = recording.rpartition("_")
        person = draw_person(generator_for(knobs.seed, NAME, subject, "person"))
        generator = generator_for(knobs.seed, NAME, subject, activity, "routine")
        visits = hwu_routine(
            activity, home=self.home, routine=knobs.routine, handling=knobs.handling, generator=generator
        )
        spread = 1 + knobs.routine.length_spread * float(generator.uniform(-1, 1))
        return perform(
            visits,
            home=self.home,
            recording_id=recording,
            person=person,
            length_s=knobs.routine.length_s * spread,
            handling=knobs.handling,
            distractors=knobs.distractors,
            generator=generator,
        )

    def sensors(self, performance: Performance) -> tuple[Array, dict[str, Array]]:
        """Sample times (T,) and the 11 ambient channels by column name."""
        knobs, trace = self.knobs, performance.trace

        def generator(purpose: str) -> np.random.Generator:
            return generator_for(knobs.seed, NAME, trace.recording_id, purpose)

        time_s = np.arange(int(np.floor(trace.duration_s * self._sensor_hz)) + 1) / self._sensor_hz
        clock = read_times(time_s, knobs.clocks, generator("clock"))
        channels: dict[str, Array] = {}
        for name, opening in trace.opening.items():
            contact = Contact(PREFIX + name, name, (0.0,), CLOSED_REACH, active=0)
            levels = contact_levels(
                contact, opening, rate_hz=trace.rate_hz, faults=knobs.switches, generator=generator(f"switch {name}")
            )
            channels[contact.name] = hold(levels, trace.rate_hz, clock).astype(np.float64)
        for name, levels in motion_levels(trace, self.home, knobs.motion_sensors, generator("motion")).items():
            channels[name] = hold(levels, trace.rate_hz, clock).astype(np.float64)
        channels[POWER] = self._power(performance, clock, generator("power"))
        return time_s, channels

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate `recording` and write its files below `root`; their paths."""
        performance = self.perform(recording)
        trace = performance.trace
        time_s, channels = self.sensors(performance)
        sensor_path, video_path = sequence_paths(root, recording)
        write_text(sensor_path, ambient_text(time_s, channels))
        render_video(
            trace,
            self.home,
            video_path,
            rate_hz=self._video_hz,
            settings=self.knobs.video,
            generator=generator_for(self.knobs.seed, NAME, recording, "video"),
        )
        truth_path = root / "truth" / f"{recording}.h5"
        write_truth(
            truth_path,
            sensor_hz=self._sensor_hz,
            location=active_sensor(trace, self.home, time_s, self._channels),
            location_names=self._channels,
            extra=truth_arrays(trace, time_s),
        )
        return [sensor_path, video_path, truth_path]

    def write_shared(self, root: Path) -> None:
        """No files, since sequences share none."""

    def _power(self, performance: Performance, clock: Array, generator: np.random.Generator) -> Array:
        watts = STANDBY_W + generator.normal(0, 0.2, len(clock))
        if performance.trace.recording_id.startswith("tea_"):
            for stay in performance.stays:
                if stay.label == "kettle":
                    heating = (clock >= stay.end_s) & (clock < stay.end_s + generator.uniform(*HEATING_S))
                    watts[heating] = KETTLE_W * generator.normal(1, 0.004, int(heating.sum()))
                    break
        return np.maximum(watts, 0.0)
