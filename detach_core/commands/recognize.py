"""The command `detach recognize`: activities of recordings, of growing files, and of sensors that are live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    recognizer: Annotated[str, typer.Argument(metavar="RECOGNIZER", help="Folder that the rule `recognizer` wrote.")],
    sensors: Annotated[
        str, typer.Argument(metavar="SENSORS", help="CSV or Parquet, `-` for standard input, or mqtt://HOST.")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Timeline to write, .parquet or .csv.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on as the file grows, and print each window as it ends.")] = False,
    smooth: Annotated[bool, typer.Option(help="Regard the windows before, by the hidden Markov model.")] = False,
    mqtt: Annotated[str | None, typer.Option(help="Broker to tell of each window: mqtt://USER@HOST:PORT.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Topic of the sensors, such as 'zigbee2mqtt/#'.")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="CHANNEL=UNIT where it is not the recogniser's.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Zone of times without offset: Europe/Amsterdam.")] = None,
    idle: Annotated[float | None, typer.Option(help="End after so many seconds without anything new.")] = None,
    quiet: Annotated[bool, typer.Option(help="Print no windows.")] = False,
) -> None:
    """Recognise activities from sensors alone.

    \b
    Examples:
      detach recognize results/home/default/best/seed0 today.csv -o timeline.parquet
      detach recognize results/home/default/best/seed0 events.csv --follow --smooth
      detach recognize results/home/default/best/seed0 mqtt://localhost --topic 'zigbee2mqtt/#' --mqtt mqtt://localhost
    """
    from detach_core.recognition.live import recognize

    count, known = recognize(
        recognizer,
        sensors,
        output=output,
        follow=follow,
        smoothing=smooth,
        broker=mqtt,
        topics=topic or [],
        units=_units(unit or []),
        zone=time_zone,
        idle_s=idle,
        show=None if quiet else typer.echo,
        note=lambda text: typer.echo(f"detach: {text}", err=True),
    )
    place = "" if output is None else f"; {output} is written"
    typer.echo(f"detach: {count} windows, {known} known{place}", err=True)


def _units(texts: list[str]) -> dict[str, str]:
    """Channel -> unit of texts CHANNEL=UNIT.

    Raises:
        UserError: one is no such text.
    """
    from detach_core.foundation.errors import UserError, shown

    found = dict(text.rpartition("=")[::2] for text in texts)
    if "" in found or "" in found.values():
        raise UserError(f"--unit: found {shown(texts)}, expected CHANNEL=UNIT, such as 'Wrist x=g'; correct it")
    return found
