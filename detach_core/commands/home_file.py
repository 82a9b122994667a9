"""The file home.yaml: a commented template, and entries of imports put into it without touching what is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from detach_core.config.errors import ConfigError
from detach_core.config.yaml_file import read_yaml
from detach_core.foundation.errors import BadInputError, UserError
from detach_core.importers.channels import scalar

HOME_FILE = "home.yaml"
RECORDING_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

TEMPLATE = """\
# A home of your own, described for DETACH. `detach import ... --home .` fills it in; correct it by hand where you like.

# The zone of times that have no offset from universal time.
time_zone: {time_zone}

# The sensors, by the names in the tables of events:
#   hall_door: {{kind: switch, place: hall}}
#   lamp_power: {{kind: power, unit: W, place: living room}}
# kinds: switch, motion, accelerometer, power, temperature, humidity, light, sound, scalar
channels: {{}}

# Cameras, needed for training alone; leave them out for a home without video:
#   kitchen: {{place: kitchen}}
cameras: {{}}

# The activities, by their labels; place and action are free words for the recogniser's answers:
#   Cooking: {{place: kitchen, action: cook}}
classes: {{}}

# What was recorded, one entry a recording (a day, a visit); paths are relative to this file:
#   monday:
#     sensors: recordings/monday/events.csv
#     labels: recordings/monday/labels.csv
#     video: {{files: recordings/monday/video.mp4, start: "2026-01-05 08:00:00"}}
recordings: {{}}
"""

OVERLAY = """\
# Over the default configuration:  ./run snakemake results/table1.csv --cores 2 --configfile {path}
datasets:
  {name}:
    adapter: folder
    root: {root}

tables:
  table1:
    datasets: [{name}]
    # Without a camera, only rows that need none:
    # rows: [statistics, random_encoder, supervised]

# The recordings that are kept for testing, by their names in home.yaml:
# splits:
#   default:
#     {name}: {{hold_out: recordings, held_out: [sunday], pretrain: 0.5, folds: 5, fold_draws: 20}}
"""


@dataclass(frozen=True)
class Additions:
    """What an import adds to a home.yaml.

    Attributes:
        time_zone: name of the zone, for a new file.
        recording: id of the recording.
        files: its entry, key -> path relative to the home's folder.
        channels: name -> line of YAML.
        classes: label -> line of YAML.
    """

    time_zone: str
    recording: str
    files: Mapping[str, str]
    channels: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The additions as a section of YAML, for a home.yaml written by hand."""
        parts = [f"time_zone: {self.time_zone}\n"]
        for key, lines in (("channels", self.channels), ("classes", self.classes)):
            if lines:
                parts.append("\n".join([f"{key}:", *(f"  {line}" for line in lines.values())]) + "\n")
        entry = [f"    {key}: {scalar(path)}" for key, path in self.files.items()]
        return "".join([*parts, "\n".join(["recordings:", f"  {self.recording}:", *entry]), "\n"])


def with_additions(folder: Path, additions: Additions) -> tuple[str, str]:
    """The text of the home's file with the additions, and a sentence of what they are; the template is the first text.

    Channels and classes that are there already stay as they are.

    Raises:
        BadInputError: the recording has another file there, or the file is written so that nothing can be added by
            rule; says what to add by hand.
    """
    path = folder / HOME_FILE
    is_new = not path.exists()
    before = yaml.safe_load(home_text(additions.time_zone)) if is_new else _read(path)
    text = home_text(additions.time_zone) if is_new else path.read_text(encoding="utf-8-sig")
    channels = _absent(additions.channels, before.get("channels"))
    classes = _absent(additions.classes, before.get("classes"))
    files = _new_files(path, additions, before.get("recordings"))
    lines = text.splitlines()
    try:
        _insert(lines, "channels", list(channels.values()))
        _insert(lines, "classes", list(classes.values()))
        _insert_recording(lines, additions.recording, files, _section(before, "recordings"))
        text = "\n".join(lines) + "\n"
        is_right = yaml.safe_load(text) == _expected(before, channels, classes, files, additions)
    except (LookupError, yaml.YAMLError):
        is_right = False
    if not is_right:
        remedy = f"add by hand: {additions.text()!r}"
        found = "sections that are not written with one entry a line"
        raise BadInputError(path, "file", found=found, expected="entries that can be added to", remedy=remedy)
    added = f"{len(channels)} channels, {len(classes)} classes and {', '.join(files) or 'no file'} of the recording"
    return text, f"{path}: {'written with' if is_new else 'added'} {added} {additions.recording}"


def check_home(folder: Path, additions: Additions) -> None:
    """Raise what `with_additions` would raise for the recording's files, before a long import.

    Raises:
        BadInputError: the recording has another file there.
    """
    path = folder / HOME_FILE
    if path.exists():
        _new_files(path, additions, _read(path).get("recordings"))


def home_text(zone: str) -> str:
    """The template of a home.yaml in the time zone `zone`."""
    return TEMPLATE.format(time_zone=zone)


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_yaml(path)
    except ConfigError as error:
        raise UserError(str(error)) from None


def _section(home: Mapping[str, Any], key: str) -> dict[Any, Any]:
    value = home.get(key)
    return dict(value) if isinstance(value, Mapping) else {}


def _absent(lines: Mapping[str, str], present: Any) -> dict[str, str]:
    known = present if isinstance(present, Mapping) else {}
    return {name: line for name, line in lines.items() if name not in known}


def _new_files(path: Path, additions: Additions, recordings: Any) -> dict[str, str]:
    entry = recordings.get(additions.recording) if isinstance(recordings, Mapping) else None
    entry = entry if isinstance(entry, Mapping) else {}
    for key, file in additions.files.items():
        if key in entry and entry[key] != file:
            place = f"recordings.{additions.recording}.{key}"
            remedy = "choose another --recording, or take that line out"
            raise BadInputError(path, place, found=repr(entry[key]), expected=f"nothing, or {file!r}", remedy=remedy)
    return {key: file for key, file in additions.files.items() if key not in entry}


def _insert(lines: list[str], key: str, entries: Sequence[str]) -> None:
    """Put `entries` at the end of the block below the top-level `key`, at the end of the file if there is none."""
    if not entries:
        return
    if not any(re.match(rf"{key}:", line) for line in lines):
        lines += ["", f"{key}:"]
    head = _head(lines, rf"{key}:")
    end, indentation = _block(lines, head)
    lines[end:end] = [f"{indentation}{entry}" for entry in entries]


def _insert_recording(lines: list[str], recording: str, files: Mapping[str, str], before: Mapping[str, Any]) -> None:
    entries = [f"{key}: {scalar(path)}" for key, path in files.items()]
    if recording not in before:
        _insert(lines, "recordings", [f"{recording}:", *(f"  {entry}" for entry in entries)])
    elif entries:
        start = _head(lines, "recordings:")
        head = _head(lines, rf"[ \t]+{recording}:", start)
        indentation = re.match(r"[ \t]*", lines[head + 1])
        lines[head + 1 : head + 1] = [f"{indentation[0] if indentation else ''}{entry}" for entry in entries]


def _head(lines: list[str], pattern: str, start: int = 0) -> int:
    """The line that is the key `pattern` alone, an empty `{}` behind it taken away."""
    form = re.compile(rf"({pattern})[ \t]*(?:\{{[ \t]*\}})?([ \t]*#.*)?")
    for row in range(start, len(lines)):
        if match := form.fullmatch(lines[row]):
            lines[row] = f"{match[1]}{match[2] or ''}"
            return row
    raise LookupError(pattern)


def _block(lines: list[str], head: int) -> tuple[int, str]:
    """The line behind the block below the line `head`, and the indentation of its entries."""
    end, indentation = head + 1, "  "
    for row in range(head + 1, len(lines)):
        if lines[row].startswith((" ", "\t")) and lines[row].strip():
            if end == head + 1:
                indentation = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
            end = row + 1
        elif lines[row].strip() and not lines[row].startswith("#"):
            break
    return end, indentation


def _expected(
    before: Mapping[str, Any],
    channels: Mapping[str, str],
    classes: Mapping[str, str],
    files: Mapping[str, str],
    additions: Additions,
) -> dict[str, Any]:
    expected = dict(before)
    for key, lines in (("channels", channels), ("classes", classes)):
        if lines:
            added = {name: value for line in lines.values() for name, value in yaml.safe_load(line).items()}
            expected[key] = {**_section(before, key), **added}
    recordings = _section(before, "recordings")
    recordings[additions.recording] = {**_section(recordings, additions.recording), **files}
    return {**expected, "recordings": recordings}


def overlay_text(name: str, folder: Path) -> str:
    """The overlay that makes the home in `folder` a dataset `name` of the workflow."""
    return OVERLAY.format(name=name, path=folder / "overlay.yaml", root=scalar(str(folder.resolve())))
