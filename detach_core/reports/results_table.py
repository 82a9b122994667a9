"""Results tables, a row for each dataset, variant and protocol, and the table of the prepared data (Table 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from detach_core.contracts.metrics import ALL_LABELS
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.dataset_statistics import (
    PublishedMetrics,
    dataset_statistics,
    published_metrics,
    published_statistics,
)
from detach_core.evaluation.intervals import MetricSummary, Row
from detach_core.evaluation.paired import gain_over_start
from detach_core.reports.captions import interval_words, plain


def statistics_frame(pairs: Sequence[tuple[Windows, Split]]) -> pd.DataFrame:
    """A line for each dataset and attribute: `dataset, attribute, value, paper, source, split, commit`."""
    return pd.DataFrame([line for windows, split in pairs for line in _data_lines(windows, split)])


def _data_lines(windows: Windows, split: Split) -> list[dict[str, str]]:
    paper = published_statistics(windows.dataset)
    ours = dataset_statistics(windows, split)
    return [
        {
            "dataset": windows.dataset,
            "attribute": attribute,
            "value": _text(value),
            "paper": _text(paper.get(attribute, "")),
            "source": windows.source,
            "split": split.name,
            "commit": windows.provenance.commit,
        }
        for attribute, value in ours.items()
    ]


def statistics_caption(frame: pd.DataFrame) -> str:
    """Caption of the statistics: source, split and code; without protocol and seed, since nothing is trained."""
    source = frame["source"].iloc[0]
    data = "Simulated data" if source == "simulated" else f"Recordings: {plain(source)}"
    split, commit = (plain(", ".join(dict.fromkeys(frame[name]))) for name in ("split", "commit"))
    return (
        f"{data}, computed from the prepared windows before any training, so under no protocol and with no seed;"
        f" split: {split}; commit: {commit}."
    )


def readable_statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """An attribute a row, ours and the paper's side by side for each dataset."""
    columns: dict[str, list[str]] = {"Attribute": []}
    attributes = list(dict.fromkeys(frame["attribute"]))
    columns["Attribute"] = [attribute.replace("_", " ") for attribute in attributes]
    for dataset, lines in frame.groupby("dataset", sort=False):
        by_attribute = lines.set_index("attribute")
        for column, title in (("value", str(dataset)), ("paper", f"{dataset}, paper")):
            columns[title] = [by_attribute[column].get(attribute, "") for attribute in attributes]
    return pd.DataFrame(columns)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count} x {kind}" for kind, count in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


METRICS = ("f1_weighted", "map")


def results_frame(table: str, rows: Sequence[Row]) -> pd.DataFrame:
    """One line a row, with its gain over its own untrained networks; differences from the paper for real recordings."""
    return pd.DataFrame([_line(table, row) for row in rows])


def _line(table: str, row: Row) -> dict[str, object]:
    run = row.run
    published = published_metrics(table, run.variant, run.dataset)
    if published is None and table == "table1":
        published = published_metrics(table, run.method, run.dataset)
    line: dict[str, object] = {
        "dataset": run.dataset,
        "method": run.method,
        "variant": run.variant,
        "protocol": row.protocol,
        "source": run.source,
        "probed": run.probed,
        "n_seeds": len(row.seeds),
        "n_splits": len(row.splits),
        "n_test": row.n_test,
        "n_units": row.n_units,
        "fold_draws": row.fold_draws,
    }
    for name in METRICS:
        metric: MetricSummary = getattr(row, name)
        line |= {name: metric.mean, f"{name}_low": metric.low, f"{name}_high": metric.high, f"{name}_sd": metric.sd}
        line[f"chance_{name}"] = metric.chance
    line |= {**_gain(row), "collapse": " | ".join(row.collapse)}
    for name in METRICS:
        line[f"paper_{name}"] = None if published is None else getattr(published, name)
    if run.source != "simulated":
        line |= _comparison(row, published)
    return line | {
        "video_init": run.video_init,
        "searched": len(run.candidates),
        "null_windows": run.null_windows,
        "probe": run.probe,
        "split": " ".join(row.splits),
        "seeds": " ".join(map(str, row.seeds)),
        "absent_classes": ", ".join(row.absent_classes),
        "commit": " ".join(row.commits),
    }


def _gain(row: Row) -> dict[str, float | None]:
    """F1 of the row's own start, and the gain over it with its interval."""
    names = ("start_f1_weighted", *(f"gain_f1_weighted{end}" for end in ("", "_low", "_high")))
    if (gain := gain_over_start(row.runs, row.protocol)) is None:
        return dict.fromkeys(names)
    found = gain.difference
    return dict(zip(names, (gain.start, found.value, found.low, found.high), strict=True))


def _comparison(row: Row, published: PublishedMetrics | None) -> dict[str, object]:
    """Ours minus the paper's, and whether the paper's lies in our interval; only under the paper's own protocol."""
    line: dict[str, object] = {}
    for name in METRICS:
        metric: MetricSummary = getattr(row, name)
        printed = None if published is None or not row.protocol.startswith("paper") else getattr(published, name)
        line[f"gap_{name}"] = None if printed is None else metric.mean - printed
        line[f"paper_{name}_inside"] = None if printed is None else bool(metric.low <= printed <= metric.high)
    return line


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Readable form: metric and interval in one cell; only metrics and columns that distinguish rows."""
    cells = {
        "Dataset": frame["dataset"],
        "Method": frame["variant"] + frame["collapse"].map(_mark),
        "Protocol": frame["protocol"],
        "Probed": frame["probed"],
        "Video": frame["video_init"],
        **({"Searched": frame["searched"].map(str)} if frame["searched"].max() > 1 else {}),
        "n": frame["n_test"].map(str),
        "Weighted F1": [_cell(line, "f1_weighted") for line in frame.to_dict("records")],
        "Chance F1": frame["chance_f1_weighted"].map(_published),
        **_gain_cells(frame),
        "mAP": [_cell(line, "map") for line in frame.to_dict("records")],
        "Chance mAP": frame["chance_map"].map(_published),
        "Paper F1": frame["paper_f1_weighted"].map(_published),
        "Paper mAP": frame["paper_map"].map(_published),
    }
    if "gap_f1_weighted" in frame:
        cells["Gap F1"] = frame["gap_f1_weighted"].map(_gap)
        cells["Gap mAP"] = frame["gap_map"].map(_gap)
    return pd.DataFrame(cells)


# Behind the name of a row one of whose trainings has collapsed.
COLLAPSE_MARK = "†"


def _mark(collapse: str) -> str:
    return f" {COLLAPSE_MARK}" if collapse else ""


def _gain_cells(frame: pd.DataFrame) -> dict[str, Any]:
    """The untrained networks' F1 and the gain over it, where a row has them."""
    if frame["start_f1_weighted"].isna().all():
        return {}
    return {
        "Untrained F1": frame["start_f1_weighted"].map(_published),
        "Gain": [_gain_cell(line) for line in frame.to_dict("records")],
    }


def _gain_cell(line: dict[str, Any]) -> str:
    gain, low, high = (line[f"gain_f1_weighted{end}"] for end in ("", "_low", "_high"))
    return "" if pd.isna(gain) else f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]"


def results_caption(frame: pd.DataFrame, confidence: float) -> str:
    """Caption of a results table: data, protocols, seeds, intervals, null windows, code."""
    source = frame["source"].iloc[0]
    data = "simulated data" if source == "simulated" else f"recordings: {plain(source)}"
    dropped = sorted(frame.loc[frame["null_windows"] == "drop", "dataset"].unique())
    draws = frame["fold_draws"].max()
    parts = [
        f"Weighted F1 and macro mAP of a linear probe on frozen features; {data}",
        f"protocols: {_join(frame['protocol'])} (the paper's own is `paper`)",
        f"split: {_join(frame['split'])}",
        f"seeds: {_join(frame['seeds'])}",
        interval_words(
            confidence, units="gestures or sequences", seeds=frame["n_seeds"].max(), splits=frame["n_splits"].max()
        ),
        "chance: random guesses on the same units",
        f"probe: {_join(frame['probe'])}",
    ]
    if draws > 1:
        of_gestures = any(protocol.endswith(ALL_LABELS) for protocol in frame["protocol"])
        parts.append(
            f"means over {draws} draws of the labelled gestures or sequences"
            if of_gestures
            else f"sequences: means over {draws} draws of the probe's folds"
        )
    if frame["searched"].max() > 1:
        parts.append("searched: settings tried, chosen by cross-validation inside each fold's training part")
    if frame["start_f1_weighted"].notna().any():
        parts.append("gain: F1 minus that of the row's own networks untrained, on the same units and folds")
    if frame["collapse"].astype(bool).any():
        parts.append(
            f"{COLLAPSE_MARK}: a training that has collapsed, a contrast within 1 % of chance or the mean cosine of its"
            " features above .95; the column `collapse` says which, and the contrast's share of the loss"
        )
    if dropped:
        parts.append(f"windows without a label dropped, a use of labels: {plain(', '.join(dropped))}")
    return "; ".join([*parts, f"commit: {_join(frame['commit'])}"]) + "."


def _join(column: pd.Series) -> str:
    return plain(", ".join(dict.fromkeys(str(value) for value in column)))


def _cell(line: dict[str, object], name: str) -> str:
    sd = line[f"{name}_sd"]
    spread = "" if sd is None or pd.isna(sd) else f" ± {sd:.3f}"
    return f"{line[name]:.3f}{spread} [{line[f'{name}_low']:.3f}, {line[f'{name}_high']:.3f}]"


def _published(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def _gap(value: float) -> str:
    return "" if pd.isna(value) else f"{value:+.3f}"
