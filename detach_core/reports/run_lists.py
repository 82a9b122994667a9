"""Lists of the runs behind a results table, in long form: a row for each prediction, protocol, class or window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.lists import MetricsRow
from detach_core.contracts.metrics import Metrics, Predictions, ProtocolResult
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError

Homes = Mapping[str, Windows]


def _run_columns(run: Metrics | Embeddings) -> dict[str, object]:
    return {name: getattr(run, name) for name in ("dataset", "split", "variant", "method", "seed")}


def _results(runs: Iterable[Metrics]) -> Iterator[tuple[dict[str, object], Metrics, ProtocolResult]]:
    """The columns that every list shares, the run and its result, under each protocol."""
    for run in runs:
        for protocol, result in run.protocols.items():
            yield {**_run_columns(run), "protocol": protocol}, run, result


def predictions_frame(runs: Sequence[Metrics], homes: Homes) -> pd.DataFrame:
    """A row for each tested unit under each protocol and in each draw of folds: the columns of `PredictionRow`.

    Args:
        runs: the metrics.
        homes: dataset -> its windows.
    """
    return pd.concat(
        [
            pd.DataFrame({**shared, "draw": draw, **_predicted(predictions, run, homes[run.dataset])})
            for shared, run, result in _results(runs)
            for draw, predictions in enumerate(result.predictions)
        ],
        ignore_index=True,
    )


def _predicted(predictions: Predictions, run: Metrics, windows: Windows) -> dict[str, Any]:
    of_recordings = run.label_unit == "recording"
    recording = predictions.unit if of_recordings else windows.recording[predictions.unit]
    names = np.array(run.class_names, dtype=object)
    return {
        "unit": predictions.unit,
        "recording": np.array(windows.recording_names, dtype=object)[recording],
        "start_s": np.full(len(recording), np.nan) if of_recordings else windows.start_s[predictions.unit],
        "instance": predictions.instance,
        "label": predictions.label,
        "class_name": names[predictions.label],
        "predicted": predictions.predicted,
        "predicted_name": names[predictions.predicted],
        "probabilities": list(predictions.probabilities),
    }


def metrics_frame(runs: Sequence[Metrics]) -> pd.DataFrame:
    """A row for each protocol of each run: the columns of `MetricsRow`."""
    return pd.DataFrame([_metrics_line(*found) for found in _results(runs)])


def _metrics_line(shared: Mapping[str, object], run: Metrics, result: ProtocolResult) -> dict[str, object]:
    own = {
        "confidence": run.interval.confidence,
        "absent_classes": ", ".join(result.absent_classes),
        "commit": run.provenance.commit,
    }
    known = {**vars(run), **vars(result), **shared, **own}
    return {field.name: known[field.name] for field in fields(MetricsRow)}


def class_frame(runs: Sequence[Metrics]) -> pd.DataFrame:
    """A row for each class under each protocol of each run: the columns of `ClassRow`."""
    return pd.DataFrame(
        [
            {**shared, "label": label, "class_name": name, **vars(result.per_class[name])}
            for shared, run, result in _results(runs)
            for label, name in enumerate(run.class_names)
        ]
    )


def embeddings_frame(
    embedded: Iterable[tuple[str | Path, Embeddings]], homes: Homes, splits: Mapping[tuple[str, str], Split]
) -> pd.DataFrame:
    """A row for each window in each file of embeddings: the columns of `EmbeddingRow`.

    Args:
        embedded: path and content of each file.
        homes: dataset -> its windows.
        splits: dataset and name -> the split.

    Raises:
        ContractError: a file has another number of rows than its dataset has windows.
    """
    frames = []
    for path, run in embedded:
        windows, found = homes[run.dataset], len(run.sensor)
        if found != windows.num_windows:
            expected = f"{windows.num_windows} rows, as windows.h5 has"
            raise ContractError(path, "sensor", expected=expected, found=f"{found}", remedy="run the rule embed again")
        about = {**_run_columns(run), "path": Path(path).as_posix()}
        frames.append(pd.DataFrame({**about, **_embedded(windows, splits[run.dataset, run.split])}))
    return pd.concat(frames, ignore_index=True)


def _embedded(windows: Windows, split: Split) -> dict[str, Any]:
    part = np.full(windows.num_windows, None, dtype=object)
    for name, ids in split.parts.items():
        part[ids] = name
    return {
        "row": np.arange(windows.num_windows),
        "part": part,
        "recording": np.array(windows.recording_names, dtype=object)[windows.recording],
        "subject": np.array(windows.subject_names, dtype=object)[windows.subject],
        "start_s": windows.start_s,
        "instance": windows.instance,
        "label": pd.Series(windows.label, dtype="Int64").mask(windows.label < 0),
        "class_name": _named(windows.label, windows.class_names),
    }


def _named(index: NDArray[np.int32], names: Sequence[str]) -> NDArray[np.object_]:
    """The name of each index (N,); None of -1."""
    return np.array([*names, None], dtype=object)[index]
