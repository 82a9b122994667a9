"""Settings of a home of one's own: the content of its `home.yaml`, which the configuration reads with the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from detach_core.datasets.registry import AnyNativeSettings, Origin, Rate, WantedFile
from detach_core.settings.base import Check, Label, Name, Range, Settings

Kind = Literal["switch", "motion", "accelerometer", "power", "temperature", "humidity", "light", "sound", "scalar"]

Resampling = Literal["hold", "average", "interpolate", "impulse"]

Scale = Literal["linear", "log"]

NO_CAMERA = "none"

STATES = ("switch", "motion")
"""kinds whose values are 0 and 1"""

_ONLY_CAMERA = "camera"

HOME_ORIGIN = Origin(
    title="a home of your own",
    sensor="your home's recorder",
    video="your camera",
    remark="home.yaml lists the files of each recording, relative to its own folder",
    page="docs/own-home.md describes home.yaml.",
)


def _refuse_unknown_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # of zoneinfo: an unknown name, a malformed one, a folder of names
        raise ValueError(f"must be a time zone such as Europe/Berlin or UTC, got {name!r}") from None
    return name


@dataclass(frozen=True)
class KindDefaults:
    """Treatment of a kind of sensor where its channel does not say otherwise."""

    resampling: Resampling
    scale: Scale
    unit: str
    activation: bool
    max_gap_s: float | None = None


# States and what reports only when it changes hold; dense signals are averaged, and between distant samples unknown.
# Light and power span decades, so that a lamp and an oven differ in log. What drifts over hours tells no event.
KINDS: dict[str, KindDefaults] = {
    "switch": KindDefaults("hold", "linear", "state", True),
    "motion": KindDefaults("hold", "linear", "state", True),
    "accelerometer": KindDefaults("interpolate", "linear", "g", True, max_gap_s=1.0),
    "power": KindDefaults("average", "log", "W", True),
    "temperature": KindDefaults("average", "linear", "°C", False),
    "humidity": KindDefaults("average", "linear", "%", False),
    "light": KindDefaults("average", "log", "lx", True),
    "sound": KindDefaults("average", "linear", "dB", True),
    "scalar": KindDefaults("average", "linear", "1", True),
}


@dataclass(frozen=True, kw_only=True)
class ChannelSettings(Settings):
    """A channel: a sensor's name in the event logs, or a column of the tables."""

    kind: Kind
    """switch | motion | accelerometer | power | temperature | humidity | light | sound | scalar"""
    unit: Label | None = None
    """of its values, for messages and tables; null: the usual one of the kind"""
    place: Label | None = None
    """where it is"""
    resampling: Resampling | None = None
    """onto the even clock; hold: the last value; average: the mean of a tick's values, else the last value;
    interpolate: the mean, else a line between the neighbours; impulse: the number of a tick's values other than 0;
    null: by kind"""
    scale: Scale | None = None
    """linear | log (sign(x) log(1 + |x|)), after `factor`; null: by kind"""
    factor: float = 1.0
    """by which values are multiplied"""
    activation: bool | None = None
    """whether it counts in the activation by which Stage 1 groups windows; null: by kind"""
    max_gap_s: Annotated[float, Range(gt=0)] | None = None
    """longest time between two values that is bridged (s), beyond it is a gap; null: by kind, mostly any"""
    initial: Literal["opposite", "unknown"] = "opposite"
    """the state of a switch before its first event; opposite, unless its log repeats states: then unknown"""
    words: dict[str, float] = field(default_factory=dict)
    """words that stand for numbers in this channel, beside on, off, open, closed, true, false and the like"""

    @property
    def usual(self) -> KindDefaults:
        """The treatment of its kind."""
        return KINDS[self.kind]

    @property
    def shown_unit(self) -> str:
        """The unit of the channel's values as they are stored."""
        unit = self.unit or self.usual.unit
        return f"log(1 + {unit})" if (self.scale or self.usual.scale) == "log" else unit


@dataclass(frozen=True)
class HomeCameraSettings(Settings):
    """A camera."""

    place: Label | None = None
    """where it is"""
    names: Literal["auto", "frigate", "compact", "iso"] = "auto"
    """what tells a file's start: frigate (YYYY-MM-DD/HH/<camera>/MM.SS.mp4, UTC), compact (YYYYMMDD_HHMMSS) or iso in
    its name, local time if without an offset; auto: whichever of them fits"""


@dataclass(frozen=True)
class ClassSettings(Settings):
    """A class of activities."""

    place: Label | None = None
    """where it happens"""
    action: Label | None = None
    """what is done, such as Open"""
    labels: tuple[str, ...] = ()
    """other spellings in the label tables"""


@dataclass(frozen=True)
class VideoFilesSettings(Settings):
    """The files of one camera in a recording."""

    files: tuple[str, ...] = ()
    """paths or patterns (`*`, `**`) relative to home.yaml"""
    starts: str | None = None
    """a CSV with columns file and start, in place of `files`; its files lie beside it"""
    start: str | None = None
    """when a single file starts whose name does not tell"""


@dataclass(frozen=True, kw_only=True)
class RecordingSettings(Settings):
    """A recording: one continuous capture."""

    subject: Name = "resident"
    """who lives there"""
    sensors: Annotated[tuple[str, ...], Range(min_length=1)]
    """files or patterns relative to home.yaml; several are read one behind the other"""
    labels: str | None = None
    """the table of labels"""
    start: str | None = None
    """when it starts; null: with its first sample"""
    end: str | None = None
    """when it ends; null: with its last sample"""
    video: dict[Name, VideoFilesSettings] = field(default_factory=dict)
    """the files of each camera; a path alone where there is one camera"""


@dataclass(frozen=True, kw_only=True)
class FolderNative(AnyNativeSettings):
    """The content of `home.yaml`."""

    origin: ClassVar[Origin | None] = HOME_ORIGIN
    file_kinds: ClassVar[tuple[str, ...]] = ("sensor", "video", "annotation")
    home_file: ClassVar[str] = "home.yaml"
    """read from the dataset's `root` where the configuration is loaded"""

    time_zone: Annotated[str, Check(_refuse_unknown_zone)]
    """of times without an offset, such as Europe/Berlin"""
    sensor_hz: Rate = 20.0
    """rate of the even clock onto which all channels are resampled; a window needs 36 samples"""
    video_hz: Rate = 25.0
    """nominal frames per second of the cameras; files at another rate are read, and logged"""
    camera: str | None = None
    """the camera that is used, where there are several; none: sensors alone"""
    channels: Annotated[dict[Label, ChannelSettings], Range(min_length=1)]
    """sensors by their names; in the order of these"""
    cameras: dict[Name, HomeCameraSettings] = field(default_factory=dict)
    """cameras by their names"""
    classes: dict[Label, ClassSettings] = field(default_factory=dict)
    """activities by their names; empty: there are no labels"""
    other_labels: Literal["refuse", "none"] = "refuse"
    """treatment of labels that `classes` does not have; none: they are no class"""
    recordings: Annotated[dict[Name, RecordingSettings], Range(min_length=1)]
    """recordings by their ids"""

    @classmethod
    def plain_home(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The content of `home.yaml` with its short forms written out: times as text, one file as a list of files."""
        home = {key: _plain_times(value) for key, value in values.items()}
        cameras = home.get("cameras")
        only = next(iter(cameras)) if isinstance(cameras, dict) and len(cameras) == 1 else _ONLY_CAMERA
        for part in ("channels", "cameras", "classes"):
            if isinstance(home.get(part), dict):
                home[part] = {key: {} if value is None else value for key, value in home[part].items()}
        if isinstance(home.get("recordings"), dict):
            home["recordings"] = {key: _plain_recording(value, only) for key, value in home["recordings"].items()}
        return home

    @classmethod
    def section_of_home(cls, native: FolderNative) -> dict[str, Any]:
        """What a dataset's section says of a home unless it says it itself."""
        return {
            "source": "local",
            "subjects": list(dict.fromkeys(one.subject for one in native.recordings.values())),
            "takes": list(native.recordings),
            "classes": list(native.classes),
            "label_unit": "window",
            "null_windows": "keep",
            # Whose log tells changes alone may have nothing to tell for a day.
            "missing": {"all_nan_channel": "zero"},
        }

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channels, in the order of their names, which survives every way of writing settings down."""
        return tuple(sorted(self.channels))

    @property
    def used_camera(self) -> str | None:
        """The camera that is used; None where there is none, or none is wanted."""
        known = self._known_cameras
        if self.camera is not None:
            return None if self.camera == NO_CAMERA else self.camera
        return known[0] if len(known) == 1 else None

    @property
    def has_video(self) -> bool:
        """Whether a camera is used."""
        return self.used_camera is not None

    @property
    def quiet_channels(self) -> tuple[str, ...]:
        """Channels whose `activation` is false."""
        chosen = ((name, self.channels[name]) for name in self.channel_names)
        return tuple(
            name for name, one in chosen if not (one.usual.activation if one.activation is None else one.activation)
        )

    @property
    def video_independent(self) -> Self:
        """These settings without the offset and rate of the video."""
        return replace(self, video_offset_s=0.0, video_hz=25.0)

    @property
    def sensor_independent(self) -> Self:
        """These settings without sensors and labels."""
        films = {name: replace(one, sensors=(), labels=None) for name, one in self.recordings.items()}
        return replace(self, sensor_hz=20.0, channels={}, classes={}, other_labels="refuse", recordings=films)

    @property
    def _known_cameras(self) -> list[str]:
        filmed = [name for one in self.recordings.values() for name in one.video]
        return list(dict.fromkeys([*self.cameras, *filmed]))

    def recording_ids(self, *, subjects: Sequence[str], takes: Sequence[str]) -> list[str]:
        """The recordings in `takes` that are of one of the subjects."""
        return [name for name in takes if name in self.recordings and self.recordings[name].subject in subjects]

    def wanted_files(self, kind: str, recording: str) -> tuple[WantedFile, ...]:
        """The files that `home.yaml` lists for the recording."""
        one = self.recordings[recording]
        key = f"recordings.{recording}"
        if kind == "sensor":
            return tuple(WantedFile((path,), f"{key}.sensors", several=True) for path in one.sensors)
        if kind == "annotation":
            return (WantedFile((one.labels,), f"{key}.labels"),) if one.labels else ()
        films = one.video.get(self.used_camera or "")
        if films is None:
            return ()
        if films.starts is not None:
            folder = films.starts.rpartition("/")[0]
            beside = f"{folder}/**" if folder else "**"
            listed = WantedFile((films.starts,), f"{key}.video")
            return (listed, WantedFile((f"{beside}/*",), f"{key}.video", several=True))
        return tuple(WantedFile((path,), f"{key}.video", several=True) for path in films.files)

    def mistakes(self) -> Iterator[str]:
        """One line for each value that contradicts another, with the place in `home.yaml`."""
        known = self._known_cameras
        if self.camera not in (None, NO_CAMERA) and self.camera not in known:
            yield f"camera: must be one of {', '.join(known) or 'no camera'}, or {NO_CAMERA}, got {self.camera!r}"
        if self.camera is None and len(known) > 1:
            yield f"camera: missing; must name one of {', '.join(known)}, whose pictures are used, or {NO_CAMERA}"
        if len(self.classes) == 1:
            yield f"classes: must be none, or at least two to tell apart, got {next(iter(self.classes))} alone"
        spelt = [(label, name) for name, one in self.classes.items() for label in (name, *one.labels)]
        for label in sorted({label for label, _ in spelt}):
            if len(owners := [name for one, name in spelt if one == label]) > 1:
                yield f"classes: the label {label!r} must belong to one class, got {' and '.join(owners)}"
        for name, one in self.recordings.items():
            yield from self._mistakes_of(f"recordings.{name}", one)

    def _mistakes_of(self, key: str, one: RecordingSettings) -> Iterator[str]:
        paths = [*one.sensors, *filter(None, [one.labels])]
        for camera, films in one.video.items():
            place = f"{key}.video.{camera}"
            paths += [*films.files, *filter(None, [films.starts])]
            if self.cameras and camera not in self.cameras:
                yield f"{place}: must be one of `cameras` ({', '.join(self.cameras)}), got {camera!r}"
            if bool(films.files) == bool(films.starts):
                yield f"{place}: must have either `files` or `starts`, got {'both' if films.files else 'neither'}"
        for path in paths:
            if path.startswith(("/", "~")) or ".." in path.split("/") or set("{}") & set(path):
                yield f"{key}: must name files below the home's folder, without .., {{ and }}, got {path!r}"
        if one.labels and not self.classes:
            yield f"{key}.labels: must not be given without `classes`, which say what labels mean, got {one.labels!r}"


def _plain_times(value: Any) -> Any:
    """`value` with dates as text, which YAML takes for times of its own."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain_times(item) for key, item in value.items()}
    return [_plain_times(item) for item in value] if isinstance(value, list) else value


def _plain_recording(value: Any, camera: str) -> Any:
    if not isinstance(value, dict):
        return value
    recording = {key: _as_text(item) if key in ("start", "end") else item for key, item in value.items()}
    if isinstance(recording.get("sensors"), str):
        recording["sensors"] = [recording["sensors"]]
    if (video := recording.get("video")) is not None:
        is_named = isinstance(video, dict) and not set(video) & {"files", "starts", "start"}
        films = video if is_named else {camera: video}
        recording["video"] = {name: _plain_films(item) for name, item in films.items()}
    return {key: item for key, item in recording.items() if item is not None}


def _plain_films(value: Any) -> Any:
    if isinstance(value, str | list):
        value = {"files": value}
    if not isinstance(value, dict):
        return value
    films = {key: _as_text(item) if key == "start" else item for key, item in value.items()}
    return films | {"files": [films["files"]]} if isinstance(films.get("files"), str) else films


def _as_text(value: Any) -> Any:
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
