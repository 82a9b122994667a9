"""Label curves: weighted F1 of each row's features against the number of labelled gestures of each class."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from detach_core.contracts.metrics import label_count
from detach_core.evaluation.intervals import aggregate
from detach_core.reports.figures import drawing
from detach_core.reports.figures.drawing import Artifacts, Drawing
from detach_core.reports.figures.registry import LabelCurveFigureSettings

# Between neighbouring rows at one count, so that their intervals stand side by side.
_STEP = 0.08


class LabelCurve(Drawing[LabelCurveFigureSettings]):
    """Weighted F1 at 1, 2, ... labelled gestures (or sequences) of each class, and at all."""

    settings_type = LabelCurveFigureSettings
    integers = ("labels",)

    def frame(self, artifacts: Artifacts, settings: LabelCurveFigureSettings) -> pd.DataFrame:
        """A row for each dataset, variant, protocol and count: F1, its interval, chance; a null count means all."""
        rows = [
            {
                "dataset": row.run.dataset,
                "variant": row.run.variant,
                "protocol": row.protocol.partition(",")[0],
                "labels": label_count(row.protocol),
                "label_unit": row.run.label_unit,
                "f1_weighted": row.f1_weighted.mean,
                "f1_weighted_low": row.f1_weighted.low,
                "f1_weighted_high": row.f1_weighted.high,
                "chance_f1_weighted": row.f1_weighted.chance,
            }
            for row in aggregate([one.value for one in artifacts["label_curve"]])
        ]
        order = {name: place for place, name in enumerate(settings.variants)}
        frame = pd.DataFrame(rows).astype({"labels": "Int64"})
        return frame.sort_values("variant", key=lambda names: names.map(order), kind="stable", ignore_index=True)

    def draw(self, frame: pd.DataFrame, settings: LabelCurveFigureSettings) -> Figure:
        """A panel for each dataset and protocol, a line for each variant."""
        del settings
        panels = list(frame.groupby(["dataset", "protocol"], sort=False))
        figure, axes = drawing.new_figure(width="page", height_in=3.3, panels=(1, len(panels)), share_y=True)
        for panel, ((dataset, protocol), rows) in zip(axes[0], panels, strict=True):
            _draw_panel(panel, rows)
            panel.set_title(f"{dataset}, {protocol}", loc="left")
        axes[0, 0].set_ylabel("weighted F1")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", handlelength=2.2)
        return figure

    def note(self, frame: pd.DataFrame, settings: LabelCurveFigureSettings) -> str:
        """The test part."""
        del settings
        return f"tested as {' and '.join(dict.fromkeys(frame['protocol']))}"


def _draw_panel(panel: Axes, rows: pd.DataFrame) -> None:
    counts = sorted(rows["labels"].dropna().unique())
    place = {count: k for k, count in enumerate(counts)}
    variants = list(dict.fromkeys(rows["variant"]))
    for k, variant in enumerate(variants):
        line = rows[rows["variant"] == variant]
        x = [place.get(count, len(counts)) if pd.notna(count) else len(counts) for count in line["labels"]]
        f1 = line["f1_weighted"]
        panel.errorbar(
            [one + _STEP * (k - (len(variants) - 1) / 2.0) for one in x],
            f1,
            yerr=[f1 - line["f1_weighted_low"], line["f1_weighted_high"] - f1],
            color=drawing.COLOURS[k % len(drawing.COLOURS)],
            linestyle=drawing.LINE_STYLES[k % len(drawing.LINE_STYLES)],
            marker=drawing.MARKERS[k % len(drawing.MARKERS)],
            elinewidth=0.6,
            label=drawing.literal(variant),
        )
    panel.axhline(rows["chance_f1_weighted"].mean(), color=drawing.GREY, linewidth=0.6, linestyle=":")
    panel.set_xticks(range(len(counts) + 1), [*map(str, counts), "all"])
    units = "sequences" if (rows["label_unit"] == "recording").all() else "gestures"
    panel.set_xlabel(f"labelled {units} of each class")
    panel.set_ylim(0.0, 1.0)
