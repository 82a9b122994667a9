"""Fig. 8: frames of three windows under the maps of a baseline and of DETACH, spatial and temporal.

Every map runs from its window's minimum to its maximum over all steps and is enlarged bilinearly from where its cells
lie. The outlines are no part of the maps: they show which pixels move.
"""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from detach_core.contracts.analysis import BASELINE, MAPS, SPATIAL, TEMPORAL, VERSIONS, ActivationMaps
from detach_core.evaluation.embedding_map import enlarge, min_max, placement
from detach_core.foundation.errors import UserError
from detach_core.reports.figures.drawing import HEAT_MAP, SMALL_PT, Artifacts, Drawing, hide_ticks, literal, new_figure
from detach_core.reports.figures.registry import ActivationMapsSettings

STEPS_SHOWN = 3
# How much of a map's colour covers the frame beneath.
OPACITY = 0.6
_LUMA = np.array([0.299, 0.587, 0.114])
_TITLES = {"primus": "PRIMUS", "imu2clip": "IMU2CLIP", "detach": "DETACH"}
ALL_WINDOWS = "all"
_COLUMNS = ("row", "class_name", "recording", "start_s", "window", "map", "quantity", "step", "y_px", "x_px", "value")


def _row_lines(shown: ActivationMaps, row: int) -> list[dict[str, Any]]:
    window = int(shown.window[row])
    about = {
        "row": str(row + 1),
        "class_name": shown.class_names[row],
        "recording": shown.recordings[row],
        "start_s": float(shown.start_s[row]),
        "window": window,
    }
    lines = []
    for place, name in enumerate(MAPS):
        one = shown.maps[name]
        cells = min_max(one.cells[row].astype(np.float64))
        for (step, y, x), value in np.ndenumerate(cells):
            where = {"step": step, "y_px": float(one.rows_px[y]), "x_px": float(one.columns_px[x])}
            lines.append({**about, "map": name, "quantity": "activation", **where, "value": float(value)})
        (at,) = np.flatnonzero(shown.measured.window == window)
        values = _shares(
            shown.measured.share[at, place], shown.measured.even[at, place], shown.measured.peak[at, place]
        )
        lines += [{**about, "map": name, "quantity": quantity, "value": value} for quantity, value in values.items()]
    return lines


def _mean_lines(found: list[ActivationMaps]) -> list[dict[str, Any]]:
    """Means over windows, then over seeds."""
    lines = []
    for place, name in enumerate(MAPS):
        share, even, peak = (
            np.mean([getattr(one.measured, field)[:, place].mean(axis=0) for one in found], axis=0)
            for field in ("share", "even", "peak")
        )
        values = {**_shares(share, even, peak), "windows": float(len(found[0].measured.window))}
        lines += [{"map": name, "quantity": quantity, "value": value} for quantity, value in values.items()]
    return lines


def _shares(share: NDArray[Any], even: Any, peak: NDArray[Any]) -> dict[str, float]:
    return {
        **{f"share_{version}": float(value) for version, value in zip(VERSIONS, share, strict=True)},
        "share_even": float(even),
        **{f"peak_{version}": float(value) for version, value in zip(VERSIONS, peak, strict=True)},
    }


def _titles(shown: ActivationMaps) -> list[str]:
    detach = _TITLES.get(shown.variant, shown.variant)
    maps = [_TITLES.get(shown.baseline, shown.baseline), f"{detach}\nspatial", "", f"{detach}\ntemporal"]
    return ["first\nframe", "middle\nframe", "last\nframe", *maps]


def _draw_row(panels: NDArray[Any], lines: pd.DataFrame, shown: ActivationMaps, place: int) -> None:
    frames, hz = shown.frames[place], shown.working_hz
    panels[0].set_ylabel(literal(lines["class_name"].iloc[0].replace(" ", "\n", 1)))
    for panel, index in zip(panels, (0, len(frames) // 2, len(frames) - 1), strict=False):
        panel.imshow(frames[index])
        panel.set_xlabel(f"{index / hz:.1f} s")
    for panel, name in zip(panels[3:5], (BASELINE, SPATIAL), strict=True):
        of_map = lines[lines["map"] == name]
        _draw_map(panel, of_map, shown, place, step=0)
        panel.set_xlabel(f"all frames\n{_on_motion(of_map)}")
    temporal = lines[lines["map"] == TEMPORAL]
    activity = temporal[temporal["quantity"] == "activation"].groupby("step")["value"].mean()
    active = sorted(activity.sort_values(kind="stable", ascending=False).index[:STEPS_SHOWN].astype(int))
    for panel in panels[5 + len(active) :]:
        panel.set_visible(False)
    for panel, step in zip(panels[5:], active, strict=False):
        _draw_map(panel, temporal, shown, place, step=step)
        first, stop = shown.maps[TEMPORAL].span[step]
        panel.set_xlabel(f"{first / hz:.1f}–{stop / hz:.1f} s")
    middle = panels[5 + len(active) // 2]
    middle.set_xlabel(f"{middle.get_xlabel()}\n{_on_motion(temporal)}")
    for panel in panels:
        hide_ticks(panel)
        panel.xaxis.label.set_size(SMALL_PT)
        panel.xaxis.labelpad = 1.5


def _on_motion(lines: pd.DataFrame) -> str:
    values = lines.set_index("quantity")["value"]
    return f"{100 * values['share_trained']:.1f} / {100 * values['share_even']:.1f} %"


def _draw_map(panel: Axes, lines: pd.DataFrame, shown: ActivationMaps, place: int, *, step: int) -> None:
    one = shown.maps[lines["map"].iloc[0]]
    first, stop = one.span[step]
    frame = shown.frames[place][(first + stop) // 2]
    height, width = frame.shape[:2]
    cells = lines[(lines["quantity"] == "activation") & (lines["step"] == step)]
    values = cells.pivot(index="y_px", columns="x_px", values="value").to_numpy()[None]
    heat = enlarge(values, placement(one.rows_px, height), placement(one.columns_px, width))[0]
    heat_colour = matplotlib.colormaps[HEAT_MAP](heat)[..., :3]
    grey = (frame / 255.0 @ _LUMA)[..., None]
    panel.imshow((1.0 - OPACITY) * grey + OPACITY * heat_colour)
    moving = (shown.change[place, first:stop] > shown.moving).any(axis=0)
    if moving.any():
        # White on black: one of the two is seen on any colour beneath.
        for colour, width_pt in (("black", 0.7), ("white", 0.35)):
            panel.contour(moving, levels=[0.5], colors=colour, linewidths=width_pt)


class ActivationMapsDrawing(Drawing[ActivationMapsSettings]):
    """Fig. 8: frames of three windows under the maps of a baseline and of DETACH, spatial and temporal."""

    settings_type = ActivationMapsSettings
    integers = ("window", "step")

    def frame(self, artifacts: Artifacts, settings: ActivationMapsSettings) -> pd.DataFrame:
        """The maps cell by cell, normalised (`activation`), and their overlap with the moving pixels.

        `share` and its like are of each window, with `row` the figure's row, and means over all windows of the part in
        which something moves, with `row` "all". `share_trained` beside `share_even` says whether a map prefers what
        moves, `share_start` is that of the untrained network, `share_motion` of the motion itself on the map's cells.

        Raises:
            UserError: maps of several datasets or variants.
        """
        del settings
        found = [artifact.value for artifact in artifacts["activation_maps"]]
        kinds = sorted({f"{one.variant} on {one.dataset}" for one in found})
        if len(kinds) > 1:
            raise UserError(f"activation maps are drawn of one variant and dataset, got {', '.join(kinds)}")
        shown: ActivationMaps = found[0]
        lines = [line for row in range(len(shown.window)) for line in _row_lines(shown, row)]
        lines += [{"row": ALL_WINDOWS, **line} for line in _mean_lines(found)]
        frame = pd.DataFrame(lines, columns=list(_COLUMNS))
        frame.attrs["maps"] = shown
        frame.attrs["num_seeds"] = len(found)
        return frame

    def draw(self, frame: pd.DataFrame, settings: ActivationMapsSettings) -> Figure:
        """A row for each window: three frames, the baseline's map, the spatial map, three temporal ones."""
        del settings
        shown: ActivationMaps = frame.attrs["maps"]
        lines = pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})
        rows = list(dict.fromkeys(lines["row"][lines["row"] != ALL_WINDOWS]))
        figure, axes = new_figure(width="page", height_in=0.75 * len(rows) + 0.75, panels=(len(rows), 5 + STEPS_SHOWN))
        for place, (row, panels) in enumerate(zip(rows, axes, strict=True)):
            _draw_row(panels, lines[lines["row"] == row], shown, place)
        for panel, title in zip(axes[0], _titles(shown), strict=False):
            panel.set_title(title, pad=3.0)
        scale = figure.colorbar(
            ScalarMappable(cmap=HEAT_MAP), ax=axes, shrink=0.6, aspect=25, pad=0.01, ticks=[0.0, 1.0]
        )
        scale.ax.set_yticklabels(["min", "max"])
        scale.outline.set_visible(False)
        return figure

    def note(self, frame: pd.DataFrame, settings: ActivationMapsSettings) -> str:
        """Origin of the pictures, size of the maps, and meaning of the outlines and of the numbers below."""
        del settings
        shown: ActivationMaps = frame.attrs["maps"]
        grids = dict.fromkeys("{} × {}".format(*shown.maps[name].cells.shape[2:]) for name in MAPS)
        part = shown.part.replace("_", "-")
        seed = f" · maps of seed {shown.provenance.seed}" if frame.attrs["num_seeds"] > 1 else ""
        return (
            f"{shown.dataset}, {part} windows{seed} · maps of {', '.join(grids)} cells, min to max of a window ·"
            " outlined: pixels that move · under a map: % of its mass on them / their % of all pixels"
            " (temporal: over all steps)"
        )
