"""The command `detach new-home`: a folder for a home of one's own, with a commented template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from detach_core.foundation.errors import UserError


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder; it must be empty or absent.")],
    time_zone: Annotated[str, typer.Option(help="The home's time zone, such as Europe/Amsterdam.")] = "UTC",
) -> None:
    """Make a folder for a home of your own, with a commented home.yaml, an overlay and a place for recordings.

    \b
    Examples:
      detach new-home my-home --time-zone Europe/Amsterdam
      detach import home-assistant home-assistant_v2.db --home my-home --recording week1
    """
    from detach_core.commands import home_file
    from detach_core.foundation.files import write_text
    from detach_core.importers import stamps

    stamps.time_zone(time_zone)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        found = "a folder with files in it" if folder.is_dir() else "a file"
        raise UserError(f"{folder}: found {found}, expected an empty or no folder; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recordings").mkdir()
    name = re.sub(r"[^a-z0-9_]+", "_", folder.resolve().name.lower()).strip("_") or "home"
    write_text(folder / home_file.HOME_FILE, home_file.home_text(time_zone))
    write_text(folder / "overlay.yaml", home_file.overlay_text(name, folder))
    typer.echo(
        f"{folder} is made; next: `detach import ... --home {folder} --recording ID` for each recording, then correct"
        f" {folder / home_file.HOME_FILE}"
    )
