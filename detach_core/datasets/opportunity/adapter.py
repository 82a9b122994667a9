"""OPPORTUNITY and Opportunity++: 250-column text files, .srt tracks, one video a recording.

UCI's `<RUN>.dat` and Opportunity++'s `<RUN>_sensors_data.txt` hold the same columns. The video's time
stamps are the MILLISEC clock. Ambient sensors are wired and rarely lose samples; a gap in MILLISEC becomes NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.recording import Places, Recording
from detach_core.contracts.rows import Rows, Spool
from detach_core.datasets.adapter import (
    DatasetAdapter,
    SensorSpool,
    check_gaps,
    check_increasing,
    check_rate,
    check_repeats,
)
from detach_core.datasets.opportunity.settings import OpportunityNative
from detach_core.datasets.opportunity.text import (
    FIXTURES,
    GESTURES,
    LABEL_COLUMN,
    NUM_COLUMNS,
    TIME_COLUMN,
    action_of_gesture,
    ambient_columns,
    choose_intervals,
    column_intervals,
    fixture_of_channel,
    fixture_of_gesture,
    to_annotations,
    track_intervals,
)
from detach_core.datasets.text_file import LostWords, read_number_blocks
from detach_core.foundation.errors import UserError
from detach_core.signals.resampling import EvenTicks, is_even, on_even_clock, sampling_rate_hz
from detach_core.signals.sample_times import sample_times, stamped_clock

_GAP_PERIODS = 1.6  # between the one of samples that follow each other and the two about a single lost one


class Opportunity(DatasetAdapter[OpportunityNative]):
    """Adapter of OPPORTUNITY's native files."""

    settings_type = OpportunityNative

    def __init__(self, native: OpportunityNative, *, classes: Sequence[str]) -> None:
        super().__init__(native, classes=classes)
        unknown = [name for name in classes if name not in GESTURES.values()]
        if unknown:
            known = ", ".join(GESTURES.values())
            raise UserError(f"datasets.opportunity.classes: unknown class {', '.join(unknown)}; known are {known}")
        self._lost = LostWords(native.lost_words)
        self._columns = ambient_columns(deckchair=native.deckchair)
        self.channel_names = tuple(self._columns)
        self.channel_units = tuple(unit for _, unit in self._columns.values())
        self.class_actions = tuple(map(action_of_gesture, classes))
        names = tuple(FIXTURES)
        self.places = Places(
            names=names,
            of_class=tuple(names.index(fixture) if (fixture := fixture_of_gesture(name)) else -1 for name in classes),
            channels=tuple(
                tuple(i for i, channel in enumerate(self.channel_names) if fixture_of_channel(channel) == name)
                for name in names
            ),
        )

    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """The run's ambient channels and gestures.

        Raises:
            BadInputError: a file is missing or violates its format.
        """
        files = self.find_files(root, recording)
        sensor_hz = self.native.sensor_hz
        columns = [TIME_COLUMN, *(column for column, _ in self._columns.values()), LABEL_COLUMN]
        clock, codes = Spool(scratch, (), "float64"), Spool(scratch, (), "float64")
        spool = SensorSpool(files.sensor, scratch, channels=self.channel_names, first_line=1)
        tables = read_number_blocks(files.sensor, num_columns=NUM_COLUMNS, columns=columns, lost=self._lost)
        for table in tables:
            clock.append(table[:, 0] / 1000.0)
            spool.append(table[:, 1:-1])
            codes.append(table[:, -1])
        time_s: Rows = clock.rows()
        check_increasing(files.sensor, time_s, first_line=1, column=f"{TIME_COLUMN} (MILLISEC)")
        check_rate(files.sensor, time_s, sensor_hz=sensor_hz, tolerance=self.native.rate_tolerance)
        check_gaps(files.sensor, time_s, sensor_hz=sensor_hz, first_line=1, column=f"{TIME_COLUMN} (MILLISEC)")
        values: Rows = spool.rows()
        even = is_even(time_s, sensor_hz)
        if not even:
            check_repeats(files.sensor, time_s, first_line=1, column=f"{TIME_COLUMN} (MILLISEC)")
            time_s = sample_times(time_s, stamped_clock(time_s), scratch)
        column = column_intervals(files.sensor, codes.rows(), time_s, period_s=1.0 / sensor_hz)
        track = None if files.annotation is None else track_intervals(files.annotation)
        tolerance_s = self.native.annotation_tolerance_s
        intervals, remarks = choose_intervals(column, track, tolerance_s=tolerance_s)
        if not even:
            remarks.append(f"MILLISEC is uneven; the nearest samples on an even clock of {sensor_hz:g} Hz are used")
            time_s, values = _on_even_clock(time_s, values, sensor_hz)
        return Recording(
            recording_id=recording,
            subject=recording.split("-")[0],
            sensor=values,
            time_s=time_s,
            sensor_hz=sensor_hz,
            channel_names=self.channel_names,
            channel_units=self.channel_units,
            annotations=to_annotations(intervals, self.class_names),
            video_path=files.video,
            video_hz=self.native.video_hz,
            remarks=tuple(remarks),
        )


def _on_even_clock(time_s: Rows, values: Rows, rate_hz: float) -> tuple[Rows, Rows]:
    if is_even(time_s, rate_hz):
        return EvenTicks(float(time_s[0]), len(time_s), rate_hz), values
    longest_s = _GAP_PERIODS / min(rate_hz, sampling_rate_hz(time_s))
    return on_even_clock(
        time_s, values, rate_hz=rate_hz, choice="nearest", max_gap_s=0.5 / rate_hz, longest_step_s=longest_s
    )
