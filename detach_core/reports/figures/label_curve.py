"""Label curves: weighted F1 of each row's features against the number of labels that a classifier knows."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from detach_core.evaluation.intervals import aggregate
from detach_core.evaluation.label_curve import CurvePoint
from detach_core.reports.figures import drawing
from detach_core.reports.figures.drawing import Artifacts, Drawing
from detach_core.reports.figures.registry import LabelCurveFigureSettings
from detach_core.settings.shared import PointKind

# Between neighbouring rows at one count, so that their intervals stand side by side.
_STEP = 0.08

_AXIS: dict[PointKind, str] = {
    "labels": "labelled {units} of each class",
    "named clusters": "clusters, one look each",
    "random looks": "{units} looked at",
    "video labels": "{units} of each class, video labelled",
}


class LabelCurve(Drawing[LabelCurveFigureSettings]):
    """Weighted F1 at 1, 2, ... labels, at all of them, or at so many looks."""

    settings_type = LabelCurveFigureSettings
    integers = ("count",)

    def frame(self, artifacts: Artifacts, settings: LabelCurveFigureSettings) -> pd.DataFrame:
        """A row for each dataset, variant, protocol and point: F1, its interval, chance; a null count means all."""
        rows = [
            {
                "dataset": row.run.dataset,
                "variant": row.run.variant,
                "protocol": point.protocol,
                "known": point.kind,
                "count": point.count,
                "label_unit": row.run.label_unit,
                "f1_weighted": row.f1_weighted.mean,
                "f1_weighted_low": row.f1_weighted.low,
                "f1_weighted_high": row.f1_weighted.high,
                "chance_f1_weighted": row.f1_weighted.chance,
            }
            for row in aggregate([one.value for one in artifacts["label_curve"]])
            if (point := CurvePoint.of_name(row.protocol)).kind in settings.points
        ]
        order = {name: place for place, name in enumerate(settings.variants)}
        frame = pd.DataFrame(rows).astype({"count": "Int64"})
        return frame.sort_values("variant", key=lambda names: names.map(order), kind="stable", ignore_index=True)

    def draw(self, frame: pd.DataFrame, settings: LabelCurveFigureSettings) -> Figure:
        """A panel for each dataset and protocol in a row for each kind of point, a line for each variant."""
        columns = list(frame.groupby(["dataset", "protocol"], sort=False))
        kinds = [kind for kind in settings.points if (frame["known"] == kind).any()]
        figure, axes = drawing.new_figure(
            width="page", height_in=0.9 + 2.4 * len(kinds), panels=(len(kinds), len(columns)), share_y=True
        )
        for kind, row in zip(kinds, axes, strict=True):
            for panel, ((dataset, protocol), rows) in zip(row, columns, strict=True):
                _draw_panel(panel, rows[rows["known"] == kind])
                panel.set_title(f"{dataset}\n{protocol}", loc="left")
                units = "sequences" if (rows["label_unit"] == "recording").all() else "gestures"
                panel.set_xlabel(_AXIS[kind].format(units=units))
            row[0].set_ylabel("weighted F1")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", handlelength=2.2)
        return figure

    def note(self, frame: pd.DataFrame, settings: LabelCurveFigureSettings) -> str:
        """The test part."""
        del settings
        return f"tested as {' and '.join(dict.fromkeys(frame['protocol']))}"


def _draw_panel(panel: Axes, rows: pd.DataFrame) -> None:
    counts, has_all = sorted(rows["count"].dropna().unique()), bool(rows["count"].isna().any())
    place = {count: k for k, count in enumerate(counts)}
    variants = list(dict.fromkeys(rows["variant"]))
    for k, variant in enumerate(variants):
        line = rows[rows["variant"] == variant]
        x = [place.get(count, len(counts)) if pd.notna(count) else len(counts) for count in line["count"]]
        f1, look = line["f1_weighted"], drawing.line_look(k)
        panel.errorbar(
            [one + _STEP * (k - (len(variants) - 1) / 2.0) for one in x],
            f1,
            yerr=[f1 - line["f1_weighted_low"], line["f1_weighted_high"] - f1],
            color=look.colour,
            linestyle=look.style,
            marker=look.marker,
            elinewidth=0.6,
            label=drawing.literal(variant),
        )
    panel.axhline(rows["chance_f1_weighted"].mean(), color=drawing.GREY, linewidth=0.6, linestyle=":")
    panel.set_xticks(range(len(counts) + has_all), [*map(str, counts), *["all"][:has_all]])
    panel.set_ylim(0.0, 1.0)
