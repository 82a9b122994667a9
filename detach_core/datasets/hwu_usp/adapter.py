"""HWU-USP: a CSV of ambient sensors and a video for each sequence; the sequence's name is its label.

Sequences are called `<activity>_sNN`. The first sample and the first video frame share time 0. Sensor states hold until
they change, so an uneven clock is read by the previous sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recording import Annotation, Places, Recording
from detach_core.contracts.rows import MappedRows, Rows
from detach_core.datasets.adapter import (
    DatasetAdapter,
    SensorSpool,
    check_gaps,
    check_increasing,
    check_rate,
    check_repeats,
)
from detach_core.datasets.clock_text import ClockText
from detach_core.datasets.hwu_usp.settings import HwuNative
from detach_core.datasets.text_file import CsvRows, LostWords, open_text
from detach_core.foundation.errors import BadInputError
from detach_core.signals.resampling import EvenTicks, is_even, on_even_clock
from detach_core.signals.sample_times import sample_times, stamped_clock

_FIRST_LINE = 2  # below the header
_ROWS_AT_ONCE = 4096


class HwuUsp(DatasetAdapter[HwuNative]):
    """Adapter of HWU-USP's native files."""

    settings_type = HwuNative

    def __init__(self, native: HwuNative, *, classes: Sequence[str]) -> None:
        super().__init__(native, classes=classes)
        self._values = {
            word.strip().casefold(): float("nan") if value is None else value
            for word, value in native.value_map.items()
        }
        self._lost = LostWords(native.lost_words)
        self.channel_names = native.channels
        self.channel_units = ("state",) * len(self.channel_names)
        # Each sensor watches one place; a sequence's label does not imply the place of its windows.
        self.places = Places(
            names=self.channel_names,
            of_class=(-1,) * len(self.class_names),
            channels=tuple((i,) for i in range(len(self.channel_names))),
        )

    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """The sequence's configured channels, under one annotation that spans it.

        Raises:
            BadInputError: a file is missing or violates its format.
        """
        files = self.find_files(root, recording)
        sensor_hz, time_column = self.native.sensor_hz, self.native.time_column
        clock = ClockText(files.sensor, scratch, first_line=_FIRST_LINE, column=time_column)
        spool = SensorSpool(files.sensor, scratch, channels=self.channel_names, first_line=_FIRST_LINE)
        for stamps, table in self._read_table(files.sensor):
            clock.append(stamps)
            spool.append(table)
        time_s: Rows = clock.seconds(expected_hz=sensor_hz)
        check_increasing(files.sensor, time_s, first_line=_FIRST_LINE, column=time_column)
        check_rate(files.sensor, time_s, sensor_hz=sensor_hz, tolerance=self.native.rate_tolerance)
        check_gaps(files.sensor, time_s, sensor_hz=sensor_hz, first_line=_FIRST_LINE, column=time_column)
        values: Rows = spool.rows()
        remarks = []
        if not is_even(time_s, sensor_hz):
            check_repeats(files.sensor, time_s, first_line=_FIRST_LINE, column=time_column)
            remarks.append(f"the clock is uneven; states are held on an even clock of {sensor_hz:g} Hz")
            time_s, values = _on_even_clock(time_s, values, sensor_hz, scratch)
        take, _, subject = recording.rpartition("_")
        label = self.class_names.index(take) if take in self.class_names else -1
        return Recording(
            recording_id=recording,
            subject=subject,
            sensor=values,
            time_s=time_s,
            sensor_hz=sensor_hz,
            channel_names=self.channel_names,
            channel_units=self.channel_units,
            annotations=(Annotation(float(time_s[0]), float(time_s[-1]) + 1.0 / sensor_hz, label),),
            video_path=files.video,
            video_hz=self.native.video_hz,
            remarks=tuple(remarks),
        )

    def _read_table(self, path: Path) -> Iterator[tuple[list[str], NDArray[np.float64]]]:
        """Time stamps and channels (n, C) of the file's rows, some thousand at a time."""
        with open_text(path) as file:
            rows = CsvRows(path, file)
            columns, width = self._find_columns(path, next(rows, []))
            is_empty = True
            while piece := list(islice(self._samples(path, rows, columns, width), _ROWS_AT_ONCE)):
                is_empty = False
                yield [stamp for stamp, _ in piece], np.array([values for _, values in piece], dtype=np.float64)
        if is_empty:
            raise BadInputError(path, "line 2", found="no samples", expected="one a line", remedy="copy the file again")

    def _find_columns(self, path: Path, first_row: list[str]) -> tuple[list[int], int]:
        """Columns of the stamps and of the channels, and the number of all columns."""
        header = [name.strip() for name in first_row]
        wanted = [self.native.time_column, *self.channel_names]
        if missing := [name for name in wanted if name not in header]:
            found = ", ".join(header) or "an empty file"
            remedy = "set `native.time_column` and `native.channels` to the file's names"
            raise BadInputError(path, "line 1", found=found, expected=f"columns {', '.join(missing)}", remedy=remedy)
        if twice := [name for name in wanted if header.count(name) > 1]:
            remedy = "keep one of them"
            raise BadInputError(path, "line 1", found=f"`{twice[0]}` twice", expected="one column", remedy=remedy)
        return [header.index(name) for name in wanted], len(header)

    def _samples(self, path: Path, rows: CsvRows, columns: list[int], width: int) -> Iterator[tuple[str, list[float]]]:
        for row in rows:
            if not any(row):
                continue
            if len(row) != width:
                found, expected = f"{len(row)} values", f"{width} as in the header"
                raise BadInputError(
                    path, f"line {rows.line_num}", found=found, expected=expected, remedy="mend the line"
                )
            values = [
                self._value(path, rows.line_num, name, row[column])
                for name, column in zip(self.channel_names, columns[1:], strict=True)
            ]
            yield row[columns[0]].strip(), values

    def _value(self, path: Path, line: int, column: str, text: str) -> float:
        word = text.strip().casefold()
        if word in self._values:
            return self._values[word]
        if word in self._lost:
            return float("nan")
        try:
            # Python alone takes 1_000 and digits of other scripts for numbers.
            value = float(word) if word.isascii() and "_" not in word else float("inf")
        except ValueError:
            value = float("inf")
        if np.isinf(value):
            expected = f"a number or one of {', '.join(self.native.value_map)}"
            remedy = "correct the line, or add the word to `native.value_map` or `native.lost_words`"
            raise BadInputError(
                path, f"line {line}, column {column}", found=repr(text[:20]), expected=expected, remedy=remedy
            )
        return value


def _on_even_clock(stamps_s: Rows, values: Rows, rate_hz: float, scratch: Path | None) -> tuple[Rows, Rows]:
    taken_s = sample_times(stamps_s, stamped_clock(stamps_s), scratch)
    origin_s = float(taken_s[0])
    time_s = MappedRows(taken_s, lambda piece: piece - origin_s)
    if is_even(time_s, rate_hz):
        return EvenTicks(0.0, len(time_s), rate_hz), values
    # A state is not older than its sample only because that was stamped a little late.
    early_s = 0.5 / rate_hz
    return on_even_clock(time_s, values, rate_hz=rate_hz, choice="previous", max_gap_s=np.inf, early_s=early_s)
