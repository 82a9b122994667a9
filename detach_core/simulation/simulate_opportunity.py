"""One Opportunity-like recording: person, routine and trace, then sensors, labels and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from detach_core.config.simulation import OpportunityHomeSection
from detach_core.contracts.atomic import write_text
from detach_core.contracts.truth import write_truth
from detach_core.datasets.opportunity.columns import DECKCHAIR, FIXTURES, fixture_of_gesture
from detach_core.simulation.accelerometer_faults import deckchair_force, with_faults
from detach_core.simulation.accelerometers import true_acceleration
from detach_core.simulation.camera import render_video
from detach_core.simulation.clocks import annotated, hold, read_times
from detach_core.simulation.contacts import contact_levels
from detach_core.simulation.home import Home
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.performance import perform
from detach_core.simulation.person import draw_person
from detach_core.simulation.randomness import generator_for
from detach_core.simulation.reed_switches import reed_switches
from detach_core.simulation.routine import Performance
from detach_core.simulation.routine_opportunity import opportunity_routine
from detach_core.simulation.tags import tag_positions
from detach_core.simulation.trace import Array, Trace
from detach_core.simulation.tracks import Tracks, gesture_intervals, other_tracks
from detach_core.simulation.truth import handled_fixture, truth_arrays
from detach_core.simulation.write_opportunity import (
    columns_text,
    legend_text,
    recording_paths,
    sensor_text,
    write_tracks,
)

NAME = "opportunity"


class OpportunitySimulation:
    """Makes the recordings of the Opportunity-like home; each depends on (home, subject, take, seed) alone."""

    def __init__(self, knobs: OpportunityHomeSection, *, native: Mapping[str, Any], classes: Sequence[str]) -> None:
        self.knobs = knobs
        self.home = _home()
        self._sensor_hz, self._video_hz = float(native["sensor_hz"]), float(native["video_hz"])
        wanted = {fixture_of_gesture(label) for label in classes}
        self._fixtures = [name for name in self.home.fixtures if name in wanted]

    def perform(self, recording: str) -> Performance:
        """What happens in `recording`, whose id is `<subject>-<take>`."""
        knobs = self.knobs
        subject, _, take = recording.partition("-")
        person = draw_person(generator_for(knobs.seed, NAME, subject, "person"))
        generator = generator_for(knobs.seed, NAME, subject, take, "routine")
        spread = 1 + knobs.routine.length_spread * float(generator.uniform(-1, 1))
        visits = opportunity_routine(
            knobs.takes[take],
            fixtures=self._fixtures,
            routine=knobs.routine,
            handling=knobs.handling,
            generator=generator,
        )
        return perform(
            visits,
            home=self.home,
            recording_id=recording,
            person=person,
            length_s=knobs.takes[take].length_s * spread,
            handling=knobs.handling,
            distractors=knobs.distractors,
            generator=generator,
        )

    def sensors(self, trace: Trace) -> tuple[Array, dict[str, Array], Array]:
        """Sample times (T,), the 37 ambient channels by name, the tags' positions (T, 12)."""
        knobs, rate_hz = self.knobs, trace.rate_hz

        def generator(purpose: str) -> np.random.Generator:
            return generator_for(knobs.seed, NAME, trace.recording_id, purpose)

        time_s = np.arange(int(np.floor(trace.duration_s * self._sensor_hz)) + 1) / self._sensor_hz
        ambient: dict[str, Array] = {}
        clock = read_times(time_s, knobs.clocks, generator("switch clock"))
        for contact in reed_switches(self.home, seed=knobs.seed):
            draws = generator(f"switch {contact.name}")
            opening = trace.opening[contact.fixture]
            levels = contact_levels(contact, opening, rate_hz=rate_hz, faults=knobs.switches, generator=draws)
            ambient[f"REED SWITCH {contact.name}"] = hold(levels, rate_hz, clock).astype(np.float64)
        clock = read_times(time_s, knobs.clocks, generator("accelerometer clock"))
        draws = generator("accelerometers")
        felt = true_acceleration(trace, self.home, knobs.accelerometers, seed=knobs.seed, generator=draws)
        by_word = {word: felt[name] for name, word in FIXTURES.items()}
        near = (np.linalg.norm(trace.person_xy_m - np.array(self.home.places["deckchair"]), axis=1) < 0.7).astype(float)
        by_word[DECKCHAIR] = deckchair_force(trace.posture, near, rate_hz, draws)
        for word, signal in by_word.items():
            sampled = hold(signal, rate_hz, clock)
            read = with_faults(
                sampled, rate_hz=self._sensor_hz, knobs=knobs.accelerometers, generator=generator(f"faults {word}")
            )
            ambient |= {f"Accelerometer {word} acc{axis}": read[:, i] for i, axis in enumerate("XYZ")}
        clock = read_times(time_s, knobs.clocks, generator("tag clock"))
        return time_s, ambient, tag_positions(trace, clock, knobs.tags, generator("tags"))

    def tracks(self, performance: Performance) -> Tracks:
        """All label tracks as annotators leave them."""
        trace = performance.trace
        gestures = annotated(
            gesture_intervals(performance),
            until_s=trace.duration_s,
            label_jitter_s=self.knobs.clocks.label_jitter_s,
            generator=generator_for(self.knobs.seed, NAME, trace.recording_id, "annotation"),
        )
        return {"ml_both_arms": gestures, **other_tracks(performance, gestures)}

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate `recording` and write its files below `root`; their paths."""
        performance = self.perform(recording)
        trace, tracks = performance.trace, self.tracks(performance)
        time_s, ambient, tags = self.sensors(trace)
        sensor_path, video_path, folder = recording_paths(root, recording, layout=self.knobs.layout)
        write_text(sensor_path, sensor_text(time_s, ambient, tags, tracks))
        written = [sensor_path, video_path, root / "truth" / f"{recording}.h5"]
        written += [] if folder is None else write_tracks(folder, recording, tracks)
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
        names = list(self.home.fixtures)
        write_truth(
            written[2],
            sensor_hz=self._sensor_hz,
            location=handled_fixture(trace, time_s, names),
            location_names=names,
            extra=truth_arrays(trace, time_s),
        )
        return written

    def write_shared(self, root: Path) -> None:
        """Write the two files that all recordings share; they are the same whoever writes them."""
        write_text(root / "label_legend.txt", legend_text())
        write_text(root / "column_names.txt", columns_text())


@lru_cache(maxsize=1)
def _home() -> Home:
    return opportunity_home()
