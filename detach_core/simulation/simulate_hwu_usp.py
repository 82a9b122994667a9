"""One HWU-USP-like sequence: person, script and trace, then switches, motion sensors, power and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detach_core.config.simulation import HwuHomeSection
from detach_core.contracts.recording import write_truth
from detach_core.foundation.files import write_text
from detach_core.simulation.camera import render_video
from detach_core.simulation.clocks import hold, read_times
from detach_core.simulation.contacts import Contact, contact_levels
from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.motion_sensors import motion_levels
from detach_core.simulation.performance import perform
from detach_core.simulation.person import draw_person
from detach_core.simulation.randomness import generator_for
from detach_core.simulation.routine import Performance
from detach_core.simulation.routine_hwu import hwu_routine
from detach_core.simulation.trace import Array
from detach_core.simulation.truth import active_sensor, truth_arrays
from detach_core.simulation.write_hwu_usp import POWER, ambient_text, sequence_paths

NAME = "hwu_usp"
PREFIX = "Ktch_"
# A cupboard's magnet is at its closed position; 1 means open.
CLOSED_REACH = 0.06
# The metered socket (W): standby, a kettle, and for how long it heats (s).
STANDBY_W, KETTLE_W, HEATING_S = 1.5, 2100.0, (20.0, 60.0)


class HwuSimulation:
    """Makes the sequences of the HWU-USP-like flat; each depends on (home, subject, take, seed) alone."""

    def __init__(self, knobs: HwuHomeSection, *, native: Mapping[str, Any], classes: Sequence[str]) -> None:
        self.knobs = knobs
        self.home = hwu_home()
        self._sensor_hz, self._video_hz = float(native["sensor_hz"]), float(native["video_hz"])
        self._channels = list(native["channels"])
        self._classes = tuple(classes)

    def perform(self, recording: str) -> Performance:
        """What happens in `recording`, whose id is `<activity>_<subject>`."""
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
        video = self.knobs.video.model_dump()
        width_px, height_px = video.pop("image_px")
        render_video(
            trace,
            self.home,
            video_path,
            width_px=width_px,
            height_px=height_px,
            rate_hz=self._video_hz,
            knobs=video,
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
        """Nothing: sequences share no file."""

    def _power(self, performance: Performance, clock: Array, generator: np.random.Generator) -> Array:
        watts = STANDBY_W + generator.normal(0, 0.2, len(clock))
        if performance.trace.recording_id.startswith("tea_"):
            for stay in performance.stays:
                if stay.label == "kettle":
                    heating = (clock >= stay.end_s) & (clock < stay.end_s + generator.uniform(*HEATING_S))
                    watts[heating] = KETTLE_W * generator.normal(1, 0.004, int(heating.sum()))
                    break
        return np.maximum(watts, 0.0)
