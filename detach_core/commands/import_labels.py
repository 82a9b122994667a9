"""The command `detach import labels`: labels of other programs become a table of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from detach_core.commands.import_options import (
    Force,
    Home,
    Output,
    Recording,
    RepeatedHour,
    SkipBadRows,
    Zone,
    say,
    target_of,
)
from detach_core.foundation.errors import UserError

if TYPE_CHECKING:
    from detach_core.importers.events import Interval, Remarks
    from detach_core.importers.stamps import LocalTimes


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, SRT, WebVTT, ELAN, BORIS or Label Studio JSON.")],
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Date and time of the media's beginning, for labels in its seconds or frames."
        ),
    ] = None,
    file_format: Annotated[
        Literal["intervals", "subtitles", "elan", "boris", "label-studio"] | None,
        typer.Option("--format", help="The format, if the file's name and columns do not tell."),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="ELAN: the tier.")] = None,
    subject: Annotated[str | None, typer.Option(help="BORIS: the subject.")] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.001, help="Label Studio: frames per second, for labels in frames.")
    ] = None,
    time_zone: Zone = None,
    repeated_hour: RepeatedHour = None,
    skip_bad_rows: SkipBadRows = False,
    force: Force = False,
) -> None:
    """Read labels of a video or of sensors: intervals, subtitles, ELAN, BORIS or Label Studio.

    Without --start, labels in seconds of the media stay so: the table has start_s, end_s and label.

    \b
    Examples:
      detach import labels kitchen.srt --home my-home --recording monday --start '2026-01-05 08:00:00'
      detach import labels kitchen.eaf --tier activity -o labels.csv --start 2026-01-05T08:00:00+01:00
      detach import labels project.json --fps 25 -o labels.csv
    """
    from detach_core.importers.events import Remarks, lasting, write_labels
    from detach_core.importers.labels import format_of, wall_clock
    from detach_core.importers.stamps import LocalTimes, chosen_moment

    target = target_of(output, home, recording, force, time_zone, default_zone="UTC", events_only_labels=True)
    if start is not None and not target.is_zone_given and chosen_moment(start, target.zone, "--start") is not None:
        _refuse_local(start)
    begin = chosen_moment(start, target.zone, "--start")
    remarks, zone = Remarks(), target.zone if target.is_zone_given else None
    times = LocalTimes(file, zone, repeated_hour)
    labels = _read(file_format or format_of(file), file, times, remarks, tier, subject, fps)
    labels = lasting(file, wall_clock(labels, begin), remarks, skip_others=skip_bad_rows, unit="entry")
    finish = target.finishing({}, [one.label for one in labels], with_events=False)
    count = write_labels(target.labels, labels, zone=target.zone, source=file, unit="entry")
    say(f"{target.labels}: {count} labels of {len({one.label for one in labels})} classes")
    for sentence in remarks.sentences():
        say(sentence)
    finish()


def _refuse_local(start: str) -> None:
    from detach_core.importers.stamps import parse_stamp

    stamp = parse_stamp(start)
    if stamp is None or stamp.tzinfo is None:
        raise UserError(
            f"--start: {start} is local; give its zone as --time-zone, such as Europe/Amsterdam, or its offset, such as"
            f" {start}+01:00"
        )


def _read(
    name: str,
    file: Path,
    times: LocalTimes,
    remarks: Remarks,
    tier: str | None,
    subject: str | None,
    fps: float | None,
) -> list[Interval]:
    from detach_core.importers import labels

    if name == "intervals":
        return labels.read_intervals(file, times)
    if name == "subtitles":
        return labels.read_subtitles(file)
    if name == "elan":
        return labels.read_elan(file, tier)
    if name == "boris":
        return labels.read_boris(file, remarks, subject=subject)
    return labels.read_label_studio(file, times, fps=fps)
