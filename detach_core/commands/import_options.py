"""Options that the commands of `detach import` share, and the places that their tables go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from detach_core.foundation.errors import UserError, shown

if TYPE_CHECKING:
    from detach_core.importers.channels import Channel

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The table to write, .csv or .parquet; or give --home.")
]
Home = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The home's folder: tables go to its recordings/ID, entries to its home.yaml."),
]
Recording = Annotated[str | None, typer.Option(metavar="ID", help="With --home: the recording's name.")]
Force = Annotated[bool, typer.Option("--force", help="Write over tables that are there.")]
Zone = Annotated[
    str | None,
    typer.Option(
        help="The zone of local times, such as Europe/Amsterdam; with --home that of its home.yaml if not given."
    ),
]
RepeatedHour = Annotated[
    Literal["earlier", "later"] | None,
    typer.Option(help="The pass of the hour that the end of summer time repeats, where the log's order does not tell."),
]

SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Leave out rows and labels that do not end after they start.")
]


def say(text: str) -> None:
    """Tell the user, on standard error, as standard output may be a file's content."""
    from detach_core.foundation.errors import one_line

    typer.echo(one_line(text), err=True)


@dataclass(frozen=True)
class Target:
    """Where an import's tables go.

    Attributes:
        events: the table of events.
        labels: the table of labels.
        home: the home's folder, or None.
        recording: id of the recording.
        zone: the home's time zone.
        zone_name: its name.
        is_zone_given: whether the user, or the home's file, has said it.
    """

    events: Path
    labels: Path
    home: Path | None
    recording: str
    zone: tzinfo
    zone_name: str
    is_zone_given: bool

    def check(self) -> None:
        """Refuse a recording that has other files in the home already, before a log is read."""
        from detach_core.commands.home_file import Additions, check_home

        if self.home is not None:
            check_home(self.home, Additions(self.zone_name, self.recording, self._files({"sensors": self.events})))

    def finishing(
        self, channels: Mapping[str, Channel], labels: Iterable[str], *, with_events: bool
    ) -> Callable[[], None]:
        """What puts the channels, classes and files into the home's file, or prints them as a section of one.

        Raises:
            BadInputError: they cannot be put there.
        """
        from detach_core.commands.home_file import HOME_FILE, Additions, with_additions
        from detach_core.foundation.files import write_text
        from detach_core.importers import channels as section

        classes = section.class_lines(labels)
        tables = {"sensors": self.events} if with_events else {}
        tables |= {"labels": self.labels} if classes else {}
        lines = section.channel_lines(channels)
        additions = Additions(self.zone_name, self.recording, self._files(tables), lines, classes)
        if self.home is None:
            return lambda: typer.echo(additions.text(), nl=False)
        path = self.home / HOME_FILE
        text, sentence = with_additions(self.home, additions)

        def write() -> None:
            write_text(path, text)
            say(sentence)

        return write

    def _files(self, tables: Mapping[str, Path]) -> dict[str, str]:
        """The tables' paths as the home's file has them, which is relative to its folder."""
        return {key: (path.relative_to(self.home) if self.home else path).as_posix() for key, path in tables.items()}


def target_of(
    output: Path | None,
    home: Path | None,
    recording: str | None,
    force: bool,
    time_zone: str | None,
    *,
    labels: Path | None = None,
    default_zone: str | None = None,
    events_only_labels: bool = False,
) -> Target:
    """The target that a command's options name.

    Raises:
        UserError: neither or both of --output and --home, a recording's name that is none, a table that is there
            already, or no time zone though the log has local times (`default_zone` is None).
    """
    from detach_core.commands.home_file import RECORDING_ID
    from detach_core.importers.stamps import time_zone as zone_of

    if (output is None) == (home is None):
        raise UserError("expected either --output FILE, for the table alone, or --home DIR with --recording ID")
    if home is not None and (recording is None or not RECORDING_ID.fullmatch(recording)):
        raise UserError(
            f"--recording: found {shown(recording)}, expected a name of letters, digits, _ and -, for --home"
        )
    if home is not None and labels is not None:
        raise UserError("--labels-output goes with --output; with --home, labels go beside the recording's events")
    given = time_zone or (_home_zone(home) if home else None)
    name = given or default_zone
    if name is None:
        raise UserError(
            "the log's times are local; give their zone as --time-zone, such as Europe/Amsterdam, or UTC to take them"
            " as they are"
        )
    if home is not None:
        folder = home / "recordings" / str(recording)
        events, labels = folder / "events.csv", folder / "labels.csv"
    else:
        events = output or Path()
        labels = labels or (events if events_only_labels else events.with_name(f"{events.stem}_labels.csv"))
    for path in [labels] if events_only_labels else [events, labels]:
        if path.exists() and not force:
            raise UserError(
                f"{path}: is there already; write over it by --force, or choose another --output or --recording"
            )
    return Target(events, labels, home, recording or events.stem, zone_of(name), name, given is not None)


def _home_zone(home: Path) -> str | None:
    from detach_core.commands.home_file import HOME_FILE
    from detach_core.config.errors import ConfigError
    from detach_core.config.yaml_file import read_yaml

    path = home / HOME_FILE
    if not path.exists():
        return None
    try:
        zone = read_yaml(path).get("time_zone")
    except ConfigError as error:
        raise UserError(str(error)) from None
    return zone if isinstance(zone, str) else None
