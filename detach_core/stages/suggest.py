"""Stage `suggest`: windows whose labels would help most, as a table to fill in and a page to look at; fit of the table.

The table has a row a window: recording, start and end (seconds of the recording), an empty label, and the reason.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from detach_core.contracts.classifier import Classifier, find_classifier, read_classifier, write_classifier
from detach_core.contracts.embeddings import Embeddings, read_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import Windows, open_windows
from detach_core.evaluation.evaluated_run import check_match
from detach_core.evaluation.probes import Probe
from detach_core.evaluation.settings import LabelCurveSettings
from detach_core.evaluation.suggestion import Pool, Suggestion, fit_few, standardised
from detach_core.evaluation.suggestion import suggest as suggestions
from detach_core.foundation.errors import LABEL, BadInputError, UserError, label_fault
from detach_core.foundation.files import write_text
from detach_core.foundation.logs import stage_log
from detach_core.reports.timeline.page import clock, data_address, pictures, render, write_page

COLUMNS = ("recording", "start", "end", "label", "why")

PROTOCOL = "own labels"
"""of a classifier that is fitted on a filled table"""

DEFAULT_CLUSTERS = 12
"""of a dataset without classes to count"""

_SHOWN_CHANNELS = 3

_ENLARGED = 2

LARGEST_BYTES = 10_000_000
"""of a filled table"""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Windows, split and embeddings of one run, which fit each other."""

    windows: Windows
    split: Split
    run: Embeddings


def read_inputs(windows_path: str | Path, split_path: str | Path, embeddings_path: str | Path) -> Inputs:
    """The run's artifacts.

    Raises:
        ContractError: one is not what its contract says, or they are of different data.
    """
    windows, split, run = open_windows(windows_path), read_split(split_path), read_embeddings(embeddings_path)
    place = {"dataset": windows.dataset, "source": windows.source, "split": split.name}
    check_match(run, embeddings_path, num_windows=windows.num_windows, **place)
    return Inputs(windows, split, run)


def suggest(
    *,
    num_windows: int,
    windows_path: str | Path,
    split_path: str | Path,
    embeddings_path: str | Path,
    classifier_path: str | Path | None,
    csv_path: str | Path,
    page_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `suggestions.csv` and `suggestions.html`.

    Args:
        num_windows: how many to suggest.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        embeddings_path: `embeddings.h5` of the run.
        classifier_path: the current probe on these embeddings; None without one.
        csv_path: where to write the table.
        page_path: where to write the page.
        log_path: the log.
    """
    with stage_log(log_path, "suggest") as log:
        inputs = read_inputs(windows_path, split_path, embeddings_path)
        probe = None if classifier_path is None else _probe(classifier_path, inputs.run)
        rows, words = candidates(inputs)
        log.info("candidates: %d %s", len(rows), words)
        found = suggested(inputs, rows, num_windows, probe)
        write_table(csv_path, inputs.windows, found)
        megabytes = write_page(page_path, page_of(inputs, found, Path(csv_path).name, words))
        log.info(
            "%d windows to label are in %s, to look at in %s (%.1f MB)", len(found), csv_path, page_path, megabytes
        )


def candidates(inputs: Inputs) -> tuple[NDArray[np.int64], str]:
    """Windows that may be suggested: those without a label or, where all have one, those of the pretraining part."""
    unlabelled = np.flatnonzero(inputs.windows.label < 0)
    if len(unlabelled):
        return unlabelled, "windows without a label"
    return np.sort(inputs.split.pretrain), "windows of the pretraining part, whose labels nothing uses"


def suggested(
    inputs: Inputs, rows: NDArray[np.int64], count: int, probe: Callable[[NDArray[np.int64]], Any] | None
) -> list[Suggestion]:
    """Up to `count` suggestions among the windows `rows`; at most half are of clusters where there is a probe."""
    windows = inputs.windows
    pool = Pool(
        standardised(inputs.run.sensor, rows),
        windows.recording.astype(np.int64),
        windows.start_s,
        windows.instance.astype(np.int64),
        windows.window_s,
    )
    clusters = min(len(windows.class_names) or DEFAULT_CLUSTERS, count if probe is None else max(1, count // 2))
    seed = inputs.split.seed
    return suggestions(pool, rows, count, num_clusters=clusters, seed=seed, probabilities=probe)


def own_classifier(run_path: Path, run: Embeddings) -> Path | None:
    """The probe of the run at `run_path`; None where it has none, or its search took another run's features."""
    path = run_path / "classifier.safetensors"
    found = find_classifier(path, checkpoint_id=run.provenance.inputs.get("checkpoint", "none"))
    return None if isinstance(found, UserError) else path


def _probe(path: str | Path, run: Embeddings) -> Callable[[NDArray[np.int64]], Any]:
    """Probabilities of windows by the classifier at `path`, which must be of the run's checkpoint."""
    classifier = read_classifier(path)
    expected, found = (one.provenance.inputs.get("checkpoint", "none") for one in (run, classifier))
    if expected != found or classifier.feature not in run.features:
        raise UserError(
            f"{path}: checkpoint: found a classifier on features of {found}, expected one of {expected}; name one that"
            " was fitted on this run, or none"
        )
    probe = Probe(**classifier.tensors, c=classifier.c, candidate=0, inner_loss=())
    feature = run.features[classifier.feature].astype(np.float64)
    return lambda rows: probe.probabilities(feature[rows])


def write_table(path: str | Path, windows: Windows, found: Sequence[Suggestion]) -> None:
    """The table to fill in.

    Raises:
        UserError: a table with labels is there already.
    """
    if Path(path).is_file() and any(row["label"].strip() for row in _rows(path)):
        raise UserError(f"{path}: found labels in it, expected none yet; rename it, or write elsewhere with --out")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in found:
        start_s = float(windows.start_s[one.row])
        name = windows.recording_names[windows.recording[one.row]]
        table.writerow([name, f"{start_s:.3f}", f"{start_s + windows.window_s:.3f}", "", one.why])
    write_text(path, text.getvalue())


def page_of(inputs: Inputs, found: Sequence[Suggestion], table: str, words: str) -> str:
    """The page with a thumbnail of each suggestion, where there is a video, and with its sensors."""
    windows = inputs.windows
    rows = [one.row for one in found]
    entries = [
        {
            "recording": windows.recording_names[windows.recording[one.row]],
            "start": clock(windows.start_s[one.row]),
            "end": clock(windows.end_s[one.row]),
            "seconds": f"{windows.start_s[one.row]:g} to {windows.end_s[one.row]:g} s",
            "why": one.why,
            "thumbnail": thumbnail,
            "traces": traces,
        }
        for one, thumbnail, traces in zip(found, _thumbnails(windows, rows), _traces(windows, rows), strict=True)
    ]
    heading = {"dataset": windows.dataset, "split": inputs.split.name, "variant": inputs.run.variant}
    return render("suggestions.html", entries=entries, heading=heading, table=table, words=words)


def _thumbnails(windows: Windows, rows: Sequence[int]) -> list[Markup | None]:
    """First, middle and last frame of each window beside one another; None without a video or without its frames."""
    if not windows.streams or not all((windows.path.parent / one.frames).is_file() for one in windows.streams):
        return [None] * len(rows)
    streams, shown = windows.open_streams(), list[Markup | None]()
    for row in rows:
        first = int(windows.first_frame[row])
        places = [first, first + windows.frames_per_window // 2, first + windows.frames_per_window - 1]
        rgb = streams[windows.recording[row]][0]
        strip = np.concatenate([np.asarray(rgb[place]) for place in places], axis=1)
        large = cv2.resize(strip, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_LINEAR)
        _, written = cv2.imencode(".jpg", cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
        address = data_address(written.tobytes(), "image/jpeg")
        shown.append(pictures(f'<img src="{address}" alt="first, middle and last frame of the window">'))
    return shown


def _traces(windows: Windows, rows: Sequence[int]) -> list[list[dict[str, str]]]:
    """The channels that vary most in each window, compared with all suggested ones, as points of a line 100 by 24."""
    sensor = np.stack([np.asarray(windows.sensor[row]) for row in rows]).astype(np.float64)
    low, high = sensor.min(axis=(0, 2)), sensor.max(axis=(0, 2))
    scaled = (sensor - low[:, None]) / np.where(high > low, high - low, 1.0)[:, None]
    x = np.linspace(0.0, 100.0, sensor.shape[2])
    shown = []
    for one in scaled:
        most = np.argsort(-np.ptp(one, axis=1), kind="stable")[:_SHOWN_CHANNELS]
        lines = [" ".join(f"{a:.1f},{23 - 22 * b:.1f}" for a, b in zip(x, one[k], strict=True)) for k in most]
        shown.append(
            [
                {"name": windows.channel_names[k], "points": points}
                for k, points in zip(most.tolist(), lines, strict=True)
            ]
        )
    return shown


def _rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a table of labels, each with all columns.

    Raises:
        BadInputError: not such a table.
    """
    remedy = "fill in the column `label` of the table that `detach suggest` wrote, and save it as CSV in UTF-8"
    expected = f"CSV with the columns {', '.join(COLUMNS[:4])}"
    file = Path(path)
    if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
        found = "nothing" if not file.exists() else "no file, or one of more than 10 MB"
        raise BadInputError(path, "file", found=found, expected=expected, remedy=remedy)
    try:
        reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig")), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(path, "file", found=str(error)[:80], expected=expected, remedy=remedy) from None
    names = list(reader.fieldnames or ())
    if missing := [name for name in COLUMNS[:4] if name not in names]:
        found = f"none called {', '.join(missing)}, but {', '.join(map(str, names))[:80] or 'none at all'}"
        raise BadInputError(path, "columns", found=found, expected=expected, remedy=remedy)
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise BadInputError(
                path, f"line {number}", found="another number of values", expected=expected, remedy=remedy
            )
    return rows


def labels_of_windows(path: str | Path, windows: Windows) -> dict[int, str]:
    """Window -> label, of all windows whose middle lies in a filled row of the table at `path`.

    Raises:
        BadInputError: a recording, time or label that does not fit, a row without a window, two labels for one window.
    """
    middle = windows.start_s + windows.window_s / 2
    found: dict[int, str] = {}
    for number, row in enumerate(_rows(path), 2):
        label, place = row["label"].strip(), f"line {number}"
        if not label:
            continue
        _check_row(path, place, row, label, windows)
        start_s, end_s = float(row["start"]), float(row["end"])
        recording = windows.recording_names.index(row["recording"])
        inside = np.flatnonzero((windows.recording == recording) & (middle >= start_s) & (middle < end_s))
        if not len(inside):
            expected, remedy = "the time of a window", "keep the table's times, or make them longer"
            found_words = f"none of the dataset's windows in {start_s:g} to {end_s:g} s"
            raise BadInputError(path, place, found=found_words, expected=expected, remedy=remedy)
        for window in inside.tolist():
            if found.setdefault(window, label) != label:
                both = f"{label} and {found[window]} for the window at {windows.start_s[window]:g} s"
                remedy = "let the rows not overlap, or agree"
                raise BadInputError(path, place, found=both, expected="one label a window", remedy=remedy)
    return found


def _check_row(path: str | Path, place: str, row: dict[str, str], label: str, windows: Windows) -> None:
    if row["recording"] not in windows.recording_names:
        known = ", ".join(windows.recording_names[:8])
        remedy = "keep the table's recordings"
        raise BadInputError(
            path, place, found=f"recording {row['recording']}", expected=f"one of {known}", remedy=remedy
        )
    try:
        fits = 0.0 <= float(row["start"]) < float(row["end"]) < float("inf")
    except ValueError:
        fits = False
    if not fits:
        found, expected = f"{row['start']} to {row['end']}", "a start and a later end in seconds"
        raise BadInputError(path, place, found=found, expected=expected, remedy="keep the table's times")
    fault = label_fault(label)
    if fault is not None:
        raise BadInputError(path, place, found=fault, expected=LABEL, remedy="write the label's name")
    if windows.class_names and label not in windows.class_names:
        expected = f"one of {', '.join(windows.class_names)}"
        remedy = "write it as the configuration's `classes` has it"
        raise BadInputError(path, place, found=f"label {label}", expected=expected, remedy=remedy)


def fit_labels(filled_path: str | Path, inputs: Inputs, classifier_path: str | Path) -> Classifier:
    """Fit the probe on a filled table and write `classifier.safetensors`.

    Args:
        filled_path: the table with labels.
        inputs: windows, split and embeddings of the run.
        classifier_path: where to write.

    Raises:
        BadInputError: the table does not fit the windows, or has fewer than two different labels.
    """
    windows, run = inputs.windows, inputs.run
    labels = labels_of_windows(filled_path, windows)
    written = list(dict.fromkeys(labels[window] for window in sorted(labels)))
    names = [name for name in windows.class_names if name in written] or written
    if len(names) < 2:
        found = f"{len(names)} different labels in {len(labels)} windows"
        remedy = "fill in the column `label` of more rows"
        raise BadInputError(filled_path, "label", found=found, expected="at least two to tell apart", remedy=remedy)
    rows = np.array(sorted(labels))
    label = np.array([names.index(labels[row]) for row in rows.tolist()])
    c = LabelCurveSettings().c
    probe = fit_few(run.sensor[rows], label, len(names), c=c, class_weights="fit_and_choice")
    aspects = {name: (place, action) for name, place, action in _aspects(windows)}
    made = make_provenance(
        stage="suggest",
        source=windows.source,
        settings={"c": c, "labels": {str(row): labels[row] for row in rows.tolist()}},
        seed=run.seed,
        inputs={
            "windows": windows.provenance.artifact_id,
            "embeddings": run.provenance.artifact_id,
            **{role: one for role, one in run.provenance.inputs.items() if role == "checkpoint"},
        },
    )
    classifier = Classifier(
        dataset=windows.dataset,
        variant=run.variant,
        run=run.variant,
        split=inputs.split.name,
        protocol=PROTOCOL,
        label_unit="window",
        feature="sensor",
        target="class",
        kind="logistic",
        c=c,
        class_names=names,
        class_places=[aspects.get(name, ("", ""))[0] for name in names],
        class_actions=[aspects.get(name, ("", ""))[1] for name in names],
        tensors={name: getattr(probe, name) for name in ("mean", "std", "coefficients", "intercept")},
        provenance=made,
    )
    write_classifier(classifier_path, classifier)
    return classifier


def _aspects(windows: Windows) -> Sequence[tuple[str, str, str]]:
    return list(zip(windows.class_names, windows.class_places, windows.class_actions, strict=True))
