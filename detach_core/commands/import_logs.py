"""The commands `detach import ...`: logs of other programs become tables of events and labels, and a home.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from detach_core.commands import import_labels
from detach_core.commands.import_options import (
    Force,
    Home,
    Output,
    Recording,
    RepeatedHour,
    SkipBadRows,
    Target,
    Zone,
    say,
    target_of,
)

if TYPE_CHECKING:
    from detach_core.importers.channels import Hint
    from detach_core.importers.events import Event, Interval, Remarks
    from detach_core.importers.stamps import LocalTimes

app = typer.Typer(
    help="Read logs and labels of other programs into tables of events and labels, and a home.yaml.",
    no_args_is_help=True,
)
app.command("labels")(import_labels.command)

LogFile = Annotated[Path, typer.Argument(metavar="FILE", help="The log.")]
Sensors = Annotated[
    list[str] | None,
    typer.Option("--sensor", "-s", help="Only sensors of these names; * and ? fit any letters. May be repeated."),
]
From = Annotated[str | None, typer.Option("--from", help="Only from this date, or date and time, on.")]
To = Annotated[str | None, typer.Option("--to", help="Only before this date, or date and time.")]
Sort = Annotated[bool, typer.Option("--sort", help="Sort a log whose times run back, instead of refusing it.")]
LabelsOutput = Annotated[
    Path | None, typer.Option(help="The table of labels; beside the events, with _labels in its name, if not given.")
]


@dataclass(frozen=True)
class _Import:
    """What one command has set up: where the tables go, and what its options choose."""

    target: Target
    zone: tzinfo
    sensors: list[str]
    start: datetime | None
    end: datetime | None
    remarks: Remarks

    def run(
        self,
        source: Path | str,
        events: Iterable[Event],
        *,
        hints: Callable[[], Mapping[str, Hint]] = dict,
        labels: Callable[[], list[Interval]] = list,
        labels_source: Path | None = None,
        skip_bad_rows: bool = False,
        keeps_repeats: bool = False,
        unit: str = "line",
    ) -> None:
        """Write the tables and the home's entries; tell what was left out."""
        from detach_core.importers import events as pipeline
        from detach_core.importers.channels import Survey

        events = pipeline.chosen(events, self.sensors, self.start, self.end, remarks=self.remarks)
        events = pipeline.valid_values(Path(source), events, self.remarks, unit=unit)
        if not keeps_repeats:
            events = pipeline.without_repeats(events, self.remarks, unit=unit)
        survey, target = Survey(), self.target
        read: list[Interval] = []
        target.check()
        finish: list[Callable[[], None]] = []

        def write_labels() -> None:
            told_in = labels_source or Path(source)
            whole = pipeline.lasting(told_in, labels(), self.remarks, skip_others=skip_bad_rows)
            read.extend(pipeline.clipped(whole, self.start, self.end, self.remarks))
            finish.append(target.finishing(survey.channels(hints()), [one.label for one in read], with_events=True))
            if read:
                pipeline.write_labels(target.labels, read, zone=self.zone, source=told_in)

        count = pipeline.write_events(target.events, events, survey, zone=self.zone, source=source, then=write_labels)
        say(f"{target.events}: {count} events of {len(survey)} sensors")
        if read:
            say(f"{target.labels}: {len(read)} labels")
        for sentence in self.remarks.sentences():
            say(sentence)
        if not target.is_zone_given:
            say(f"the home's time zone is taken to be {target.zone_name}; say another by --time-zone")
        finish[0]()


def _import(
    target: Target, sensors: list[str] | None = None, start: str | None = None, end: str | None = None
) -> _Import:
    from detach_core.importers.events import Remarks
    from detach_core.importers.stamps import chosen_moment

    begin, until = chosen_moment(start, target.zone, "--from"), chosen_moment(end, target.zone, "--to")
    return _Import(target, target.zone, sensors or [], begin, until, Remarks())


def _ordered(path: Path, events: Iterable[Event], remarks: Remarks, sort: bool) -> Iterable[Event]:
    from detach_core.importers.events import in_order, sorted_events

    if sort:
        return sorted_events(path, events, remarks)
    return in_order(path, events, remedy="check the clock of what wrote the log, or sort it by --sort")


def _times(path: Path, zone: tzinfo | None, repeated: Literal["earlier", "later"] | None) -> LocalTimes:
    from detach_core.importers.stamps import LocalTimes

    return LocalTimes(path, zone, repeated)


@app.command("home-assistant")
def home_assistant(
    database: Annotated[str, typer.Argument(metavar="DATABASE", help="home-assistant_v2.db, or an SQLAlchemy URL.")],
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor", "--entity", "-s", help="Only these entities; * and ? fit any letters. May be repeated."
        ),
    ] = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    force: Force = False,
) -> None:
    """Read the states in the database of Home Assistant's recorder, also while Home Assistant runs.

    Without --sensor all binary sensors, sensors, switches, lights, covers and fans are read.

    \b
    Examples:
      detach import home-assistant home-assistant_v2.db --home my-home --recording week1
      detach import home-assistant /config/home-assistant_v2.db -o events.csv \\
          --sensor 'binary_sensor.*' --sensor 'sensor.*_power' --from 2026-01-05 --to 2026-01-12
      detach import home-assistant mysql+pymysql://user:password@host/homeassistant -o events.parquet
    """
    from detach_core.importers.home_assistant import Recorder

    job = _import(target_of(output, home, recording, force, time_zone, default_zone="UTC"), sensor, start, end)
    recorder = Recorder(database, sensor or (), job.start, job.end, remarks=job.remarks)
    job.run(recorder.source, recorder.events(), hints=recorder.hints, keeps_repeats=True, unit="state")


@app.command("home-assistant-history")
def home_assistant_history(
    file: LogFile,
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    sensor: Sensors = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    force: Force = False,
) -> None:
    """Read the CSV that Home Assistant's history page saves ("Download data").

    \b
    Example:
      detach import home-assistant-history history.csv --home my-home --recording monday
    """
    from detach_core.importers.events import sorted_events
    from detach_core.importers.home_assistant import history_events

    job = _import(target_of(output, home, recording, force, time_zone, default_zone="UTC"), sensor, start, end)
    # The page writes one entity after the other, so that its order is none of time.
    job.run(file, sorted_events(file, history_events(file), job.remarks))


@app.command("mqtt")
def mqtt(
    file: LogFile,
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    base: Annotated[str, typer.Option(help="The topic above Zigbee2MQTT's devices.")] = "zigbee2mqtt",
    with_housekeeping: Annotated[
        bool, typer.Option("--with-housekeeping", help="Keep battery, link quality and the like as sensors too.")
    ] = False,
    sensor: Sensors = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    repeated_hour: RepeatedHour = None,
    sort: Sort = False,
    force: Force = False,
) -> None:
    """Read a log of MQTT messages: JSON lines, lines of time, topic and payload, or Zigbee2MQTT's own log.

    \b
    Examples:
      mosquitto_sub -h broker -t '#' -F %J >> messages.jsonl      # records
      detach import mqtt messages.jsonl --home my-home --recording week1
      detach import mqtt log.log -o events.csv --time-zone Europe/Amsterdam --sensor '*/contact'
    """
    from detach_core.importers import mqtt as reader

    job = _import(target_of(output, home, recording, force, time_zone, default_zone="UTC"), sensor, start, end)
    left_out = () if with_housekeeping else reader.HOUSEKEEPING
    reports = reader.Reports(job.remarks, base=base, left_out=left_out)
    # Only Zigbee2MQTT's own log has local times; without a zone they are refused, not taken for universal time.
    zone = job.zone if job.target.is_zone_given else None
    messages = reader.read_messages(file, _times(file, zone, repeated_hour), job.remarks)
    job.run(file, _ordered(file, reports.events(messages), job.remarks, sort), hints=lambda: reports.hints)


@app.command("casas")
def casas(
    file: LogFile,
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    labels_output: LabelsOutput = None,
    sensor: Sensors = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    repeated_hour: RepeatedHour = None,
    sort: Sort = False,
    skip_bad_rows: SkipBadRows = False,
    force: Force = False,
) -> None:
    """Read a CASAS log: date, time, sensor, value, and begins and ends of activities.

    \b
    Example:
      detach import casas aruba.txt --home aruba --recording aruba --time-zone America/Los_Angeles
    """
    from detach_core.importers.activity_logs import Log, casas_events

    job = _import(target_of(output, home, recording, force, time_zone, labels=labels_output), sensor, start, end)
    log = Log()
    events = casas_events(file, _times(file, job.zone, repeated_hour), log, job.remarks)
    job.run(
        file,
        _ordered(file, events, job.remarks, sort),
        hints=lambda: log.hints,
        labels=lambda: log.labels,
        skip_bad_rows=skip_bad_rows,
    )


@app.command("aras")
def aras(
    files: Annotated[list[Path], typer.Argument(metavar="DAY_1.txt DAY_2.txt ...", help="The days of one house.")],
    first_day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Date of day 1; the dataset has none.")],
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    labels_output: LabelsOutput = None,
    resident: Annotated[int, typer.Option(min=1, max=2, help="Whose activities become the labels.")] = 1,
    sensor: Sensors = None,
    time_zone: Zone = None,
    force: Force = False,
) -> None:
    """Read days of an ARAS house: a line a second with 20 sensors and two residents' activities.

    \b
    Example:
      detach import aras 'House A'/DAY_*.txt --first-day 2013-01-01 --home aras --recording house_a
    """
    from detach_core.importers.activity_logs import Log, aras_events

    target = target_of(output, home, recording, force, time_zone, labels=labels_output, default_zone="UTC")
    job, log = _import(target, sensor), Log()
    events = aras_events(files, first_day.date(), job.zone, log, job.remarks, resident=resident)
    ordered = _ordered(files[0].parent, events, job.remarks, False)
    job.run(files[0].parent, ordered, labels=lambda: log.labels)


@app.command("van-kasteren")
def van_kasteren(
    sensors_file: Annotated[Path, typer.Argument(metavar="SENSORS", help="Table of start, end and sensor.")],
    activities_file: Annotated[
        Path | None, typer.Argument(metavar="[ACTIVITIES]", help="Table of start, end and activity.")
    ] = None,
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    labels_output: LabelsOutput = None,
    sensor: Sensors = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    repeated_hour: RepeatedHour = None,
    skip_bad_rows: SkipBadRows = False,
    force: Force = False,
) -> None:
    """Read van Kasteren's or Ordonez' tables: start, end and sensor (or location, type, place), and activities.

    \b
    Examples:
      detach import van-kasteren kasterenSenseData.txt kasterenActData.txt -o events.csv \\
          --time-zone Europe/Amsterdam
      detach import van-kasteren OrdonezA_Sensors.txt OrdonezA_ADLs.txt --home ordonez \\
          --recording a --time-zone Europe/Madrid --skip-bad-rows
    """
    from detach_core.importers.activity_logs import IntervalTable, Log, interval_events, interval_labels

    job = _import(target_of(output, home, recording, force, time_zone, labels=labels_output), sensor, start, end)

    def table(path: Path) -> IntervalTable:
        return IntervalTable(path, _times(path, job.zone, repeated_hour))

    log = Log()
    log.labels = interval_labels(table(activities_file)) if activities_file else []
    events = interval_events(table(sensors_file), log, job.remarks, skip_bad_rows=skip_bad_rows)
    job.run(
        sensors_file,
        events,
        hints=lambda: log.hints,
        labels=lambda: log.labels,
        labels_source=activities_file,
        skip_bad_rows=skip_bad_rows,
        keeps_repeats=True,
    )


@app.command("pyadlml")
def pyadlml(
    devices_file: Annotated[Path, typer.Argument(metavar="DEVICES", help="CSV of time, device and value.")],
    activities_file: Annotated[
        Path | None, typer.Argument(metavar="[ACTIVITIES]", help="CSV of start_time, end_time and activity.")
    ] = None,
    output: Output = None,
    home: Home = None,
    recording: Recording = None,
    labels_output: LabelsOutput = None,
    device_names: Annotated[Path | None, typer.Option(help="CSV of id and device (device_mapping.csv).")] = None,
    sensor: Sensors = None,
    start: From = None,
    end: To = None,
    time_zone: Zone = None,
    repeated_hour: RepeatedHour = None,
    sort: Sort = False,
    skip_bad_rows: SkipBadRows = False,
    force: Force = False,
) -> None:
    """Read tables in the layout of pyadlml: time, device, value and start_time, end_time, activity.

    \b
    Example:
      detach import pyadlml devices.csv activities.csv --home my-home --recording week1 --time-zone Europe/Berlin
    """
    from detach_core.importers.activity_logs import pyadlml_events, pyadlml_labels

    job = _import(target_of(output, home, recording, force, time_zone, labels=labels_output), sensor, start, end)
    labels = (
        pyadlml_labels(activities_file, _times(activities_file, job.zone, repeated_hour)) if activities_file else []
    )
    events = pyadlml_events(devices_file, _times(devices_file, job.zone, repeated_hour), device_names)
    job.run(
        devices_file,
        _ordered(devices_file, events, job.remarks, sort),
        labels=lambda: labels,
        labels_source=activities_file,
        skip_bad_rows=skip_bad_rows,
    )
