"""The program `detach`: its commands, and errors of input as one sentence instead of a traceback."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from detach_core.foundation.errors import UserError, one_line

# Command -> the module of `detach_core.commands` with either a Typer `app`, for a group of commands, or one function
# `command`. Modules load libraries inside their functions, so that `--help` and completion stay quick.
COMMANDS: dict[str, str] = {
    "new-home": "new_home",
    "import": "import_logs",
    "recognize": "recognize",
    "forget-video": "forget_video",
    "suggest": "suggest",
}


def program() -> typer.Typer:
    """The program with all commands."""
    app = typer.Typer(
        name="detach",
        help="Recognise activities at home from its own sensors; the camera is only needed for training.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for name, module_name in COMMANDS.items():
        module = import_module(f"detach_core.commands.{module_name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    return app


def main() -> None:
    """Run the program; wrong input, or a file that cannot be used, ends it with status 1 and one sentence."""
    try:
        program()(prog_name="detach")
    except UserError as error:
        typer.echo(f"detach: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(one_line(f"detach: {error.filename}: {error.strerror}"), err=True)
        sys.exit(1)
