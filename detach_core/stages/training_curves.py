"""Stage `training_curves`: the plot of a training's history."""

from __future__ import annotations

from pathlib import Path

from detach_core.contracts.history import read_history
from detach_core.foundation.errors import UserError
from detach_core.foundation.files import atomic_path
from detach_core.foundation.logs import stage_log
from detach_core.reports.figures.drawing import SEPARATOR, add_provenance, house_style
from detach_core.reports.figures.training_curves import curve_frame, draw_curves


def training_curves(*, history_path: str | Path, png_path: str | Path, log_path: str | Path) -> None:
    """Write the curves of `history_path` to `png_path`, atomically; equal histories give equal bytes."""
    with stage_log(log_path, "training_curves") as log:
        history = read_history(history_path)
        frame = curve_frame(history)
        if frame.empty:
            raise UserError(f"{history_path}: epochs: found no number, expected at least one; rerun its training")
        made = history.provenance
        source = "Simulated data" if made.source == "simulated" else f"Recordings: {made.source}"
        with house_style(), atomic_path(png_path) as partial:
            figure = draw_curves(frame)
            add_provenance(figure, SEPARATOR.join((source, f"seed {made.seed}", f"commit {made.commit}")))
            figure.savefig(partial, format="png", metadata={"Software": None})
        log.info("%d curves of %d epochs", frame["name"].nunique(), frame["epoch"].nunique())
