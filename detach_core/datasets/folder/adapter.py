"""A home of one's own as a dataset: each channel on one even clock, labels as annotations, video in segments.

A recording's time 0 is the start of its video, or of its sensors where no camera is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from detach_core.contracts.recording import Annotation, Places, Recording
from detach_core.datasets.adapter import DatasetAdapter, RecordingFiles, VideoSegment
from detach_core.datasets.folder.segments import video_starts
from detach_core.datasets.folder.sensors import Samples, TextTable, open_table, read_samples
from detach_core.datasets.folder.settings import STATES, ChannelSettings, FolderNative
from detach_core.datasets.folder.times import StampColumn, StampError, read_moment
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import list_files, matching_files, name_some
from detach_core.signals.resampling import ChannelResampling, EvenTicks, ResampledChannels

MAX_DAYS = 366  # a single wrong year would else make a recording of decades

_DAY_S = 86_400.0


class Folder(DatasetAdapter[FolderNative]):
    """Adapter of a home of one's own."""

    settings_type = FolderNative

    def __init__(self, native: FolderNative, *, classes: Sequence[str]) -> None:
        super().__init__(native, classes=classes)
        channels = [native.channels[name] for name in native.channel_names]
        activities = [native.classes.get(name) for name in classes]
        self.channel_names = native.channel_names
        self.channel_units = tuple(channel.shown_unit for channel in channels)
        self.class_actions = tuple((one.action if one else None) or "" for one in activities)
        told = [one.place if one else None for one in activities]
        places = [*told, *(channel.place for channel in channels)]
        names = tuple(dict.fromkeys(place for place in places if place))
        # Of what watches a place, only states tell by their changes that something happens there.
        watching = [(k, channel.place) for k, channel in enumerate(channels) if channel.kind in STATES]
        self.places = Places(
            names=names,
            of_class=tuple(names.index(place) if place else -1 for place in told),
            channels=tuple(tuple(k for k, place in watching if place == name) for name in names),
        )

    def find_files(self, root: Path, recording: str) -> RecordingFiles:
        """The first sensor file, the first video file and the labels of `recording`.

        Raises:
            BadInputError: a file is missing, or a video's start is not told.
        """
        starts = video_starts(self.native, root, recording)
        labels = self.native.recordings[recording].labels
        return RecordingFiles(
            sensor=self._sensor_paths(root, recording)[0],
            video=starts[0][0] if starts else None,
            annotation=None if labels is None else root / labels,
        )

    def video_segments(self, root: Path, recording: str) -> tuple[VideoSegment, ...]:
        """The files of the used camera; the first starts at 0.

        Raises:
            BadInputError: a file is missing, or its start is not told; two start together.
        """
        starts = video_starts(self.native, root, recording)
        # In microseconds, as the sum of a float and exact times of pictures would not be even.
        return tuple(VideoSegment(path, Fraction(round((s - starts[0][1]) * 1e6), 1_000_000)) for path, s in starts)

    def read_recording(self, root: Path, recording: str, *, scratch: Path | None = None) -> Recording:
        """The recording's channels on an even clock, and its labels.

        Raises:
            BadInputError: a file is missing or violates its form.
        """
        home, one = self.native, self.native.recordings[recording]
        remarks: list[str] = []
        paths = self._sensor_paths(root, recording)
        samples = read_samples(home, paths, remarks)
        begin_s, end_s = self._extent(root, recording, samples, paths[0])
        starts = video_starts(home, root, recording)
        zero_s = starts[0][1] if starts else begin_s
        rules = {name: channel_rule(home.channels[name], samples[name]) for name in self.channel_names}
        count = math.floor((end_s - begin_s) * home.sensor_hz + 1e-6) + 1
        ticks = EvenTicks(begin_s - zero_s, count, home.sensor_hz)
        sensor = ResampledChannels(
            [(samples[name].time_s - zero_s, samples[name].value) for name in self.channel_names],
            [rules[name] for name in self.channel_names],
            ticks,
            home.sensor_hz,
        )
        labels = () if one.labels is None else self._annotations(root / one.labels, zero_s, remarks)
        return Recording(
            recording_id=recording,
            subject=one.subject,
            sensor=sensor,
            time_s=ticks,
            sensor_hz=home.sensor_hz,
            channel_names=self.channel_names,
            channel_units=self.channel_units,
            annotations=labels,
            video_path=starts[0][0] if starts else None,
            video_hz=home.video_hz,
            remarks=tuple(remarks),
        )

    def _sensor_paths(self, root: Path, recording: str) -> list[Path]:
        listed, paths = list_files(root), list[Path]()
        for pattern in self.native.recordings[recording].sensors:
            found = matching_files(listed, [pattern], recording)
            if not found:
                place, remedy = f"recording {recording}", "put the file there, or correct home.yaml"
                raise BadInputError(root, place, found="nothing", expected=f"a file like {pattern}", remedy=remedy)
            paths += [root / name for name in found]
        return list(dict.fromkeys(paths))

    def _extent(self, root: Path, recording: str, samples: dict[str, Samples], path: Path) -> tuple[float, float]:
        """The times of the recording's first and last tick, in seconds since 1970."""
        one, key = self.native.recordings[recording], f"recordings.{recording}"
        present = [found for found in samples.values() if len(found.time_s)]
        if not present:
            found = f"no sample of {name_some(self.channel_names, limit=4)}"
            remedy = "correct the names of `channels`, or the list of `sensors`"
            raise BadInputError(path, "file", found=found, expected="samples of a channel", remedy=remedy)
        begin_s = min(float(found.time_s[0]) for found in present)
        end_s = max(float(found.time_s[-1]) for found in present)
        edges = {"start": begin_s, "end": end_s}
        for edge, text in (("start", one.start), ("end", one.end)):
            if text is not None:
                try:
                    edges[edge] = read_moment(text, ZoneInfo(self.native.time_zone))
                except StampError as error:
                    raise error.at(root / self.native.home_file, f"{key}.{edge}") from None
        days = (edges["end"] - edges["start"]) / _DAY_S
        if not 0 < days <= MAX_DAYS:
            found, remedy = f"{days:.6g} days from start to end", "correct the times, or make several recordings of it"
            expected = f"more than 0, at most {MAX_DAYS}"
            raise BadInputError(path, f"recording {recording}", found=found, expected=expected, remedy=remedy)
        return edges["start"], edges["end"]

    def _annotations(self, path: Path, zero_s: float, remarks: list[str]) -> tuple[Annotation, ...]:
        """The labels as annotations in the order of their starts, on the recording's clock."""
        table = open_table(path)
        relative = {"start_s", "end_s", "label"} == set(table.names)
        if not relative and set(table.names) != {"start", "end", "label"}:
            expected = "columns start, end, label, or start_s, end_s, label in seconds of the recording"
            place, found = f"{table.unit} 1", ", ".join(table.names)
            raise BadInputError(path, place, found=found, expected=expected, remedy="name the columns so")
        columns = ("start_s", "end_s") if relative else ("start", "end")
        zone = ZoneInfo(self.native.time_zone)
        edges = [StampColumn(path, column, zone, unit=table.unit) for column in columns]
        labels: list[str] = []
        for piece in table.pieces([*columns, "label"]):
            for column, stamps in zip(columns, edges, strict=True):
                stamps.append(piece.columns[column], piece.numbers)
            labels += [text.strip() for text in piece.columns["label"]]
        start_s, end_s = (stamps.seconds(in_order=False) - (0.0 if relative else zero_s) for stamps in edges)
        numbers = edges[0].numbers()
        if (back := np.flatnonzero(end_s <= start_s)).size:
            place = table.place(int(numbers[back[0]]), columns[1])
            found, expected = f"an end {start_s[back[0]] - end_s[back[0]]:g} s before its start", "one after it"
            raise BadInputError(path, place, found=found, expected=expected, remedy="mend the line")
        index = self._class_of(table, labels, numbers.tolist())
        if others := sorted({label for label, number in zip(labels, index, strict=True) if number < 0}):
            remarks.append(f"{path.name}: the labels {name_some(others)} are no classes")
        order = np.lexsort((end_s, start_s))
        return tuple(Annotation(float(start_s[k]), float(end_s[k]), index[k]) for k in order)

    def _class_of(self, table: TextTable, labels: Sequence[str], numbers: Sequence[int]) -> list[int]:
        """The index of each label's class, -1 for one that is none of those used."""
        spelt = {label: name for name, one in self.native.classes.items() for label in (name, *one.labels)}
        used = {name: k for k, name in enumerate(self.class_names)}
        for label, number in zip(labels, numbers, strict=True):
            if label not in spelt and self.native.other_labels == "refuse":
                place, found = table.place(number, "label"), repr(label[:40])
                expected = f"one of `classes`: {name_some(list(spelt))}"
                remedy = "add it to `classes`, or to the `labels` of one, or set `other_labels: none`"
                raise BadInputError(table.path, place, found=found, expected=expected, remedy=remedy)
        return [used.get(spelt.get(label, ""), -1) for label in labels]


def channel_rule(channel: ChannelSettings, samples: Samples) -> ChannelResampling:
    """The rule by which a channel's samples are resampled; its state before the first depends on them."""
    usual = channel.usual
    gap_s = channel.max_gap_s or usual.max_gap_s
    return ChannelResampling(
        channel.resampling or usual.resampling,
        log=(channel.scale or usual.scale) == "log",
        factor=channel.factor,
        max_gap_s=math.inf if gap_s is None else gap_s,
        initial=_initial_state(samples) if channel.kind in STATES and channel.initial == "opposite" else math.nan,
    )


def _initial_state(samples: Samples) -> float:
    """The opposite of the first state, if the log tells changes alone; NaN, unknown, if it repeats states."""
    known = samples.value[~np.isnan(samples.value)]
    if not len(known) or math.isnan(samples.value[0]) or (np.diff(known) == 0).any():
        return math.nan
    return 1.0 - float(known[0])
