"""Stage `retrieval`: retrieval of a window's video by its sensors, and of its sensors by its video, for each method."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.embeddings import Embeddings, read_embeddings
from detach_core.contracts.lists import RetrievalListRow
from detach_core.contracts.rows import SelectedRows
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.evaluated_run import check_match
from detach_core.evaluation.intervals import resampling_weights
from detach_core.evaluation.retrieval import (
    BY_SENSOR,
    BY_VIDEO,
    KEPT,
    Values,
    ceiling,
    cosine_matrix,
    task_values,
    tasks_of,
)
from detach_core.evaluation.retrieval_rows import RetrievalRun, SearchedPart, retrieval_rows
from detach_core.evaluation.settings import RetrievalJob
from detach_core.foundation.errors import ContractError, UserError
from detach_core.foundation.logs import stage_log
from detach_core.reports.comparisons import RETRIEVAL_TITLE, readable_retrieval, retrieval_caption, retrieval_frame
from detach_core.reports.tables import refuse_mixed_sources, write_table
from detach_core.settings.base import from_plain
from detach_core.signals.normalization import equal_windows

Paths = Sequence[str | Path]
PAPER = "paper"
# Tells this draw of queries from others of the same seed.
_STREAM = 8


@dataclass(frozen=True, eq=False)
class _Home:
    """The searched windows of a split.

    Attributes:
        searched: the split's retrieval tasks.
        source: of the recordings.
        num_windows: of the dataset.
        ids: (M,) the searched windows.
        weight: (1 + B, M) how often each is a query, in the data and in B resamples.
        equal: normal form -> (M,) a number that windows of equal sensors share.
    """

    searched: SearchedPart
    source: str
    num_windows: int
    ids: NDArray[np.int64]
    weight: Values
    equal: Mapping[str, NDArray[np.int64]]


def retrieval(
    *,
    settings: str,
    windows_paths: Paths,
    split_paths: Paths,
    embeddings_paths: Paths,
    csv_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the table at `csv_path` and beside it as `.md`, `.tex`, `.html` and `.parquet`.

    Args:
        settings: JSON of a `RetrievalJob`.
        windows_paths: `windows.h5` of each embeddings file.
        split_paths: `split.json` of each embeddings file.
        embeddings_paths: `embeddings.h5` of every dataset, split, variant and seed; one without video is left out.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "retrieval") as log:
        job = from_plain(RetrievalJob, json.loads(settings))
        homes: dict[tuple[str, str], _Home] = {}
        runs, one_sided, sources = [], Counter[str](), []
        for windows_path, split_path, path in zip(windows_paths, split_paths, embeddings_paths, strict=True):
            place = (str(windows_path), str(split_path))
            if place not in homes:
                homes[place] = _read_home(windows_path, split_path, job.bootstrap, sorted(set(job.forms.values())))
            embeddings = read_embeddings(path)
            home = homes[place]
            check_match(
                embeddings,
                path,
                dataset=home.searched.dataset,
                source=home.source,
                split=home.searched.split,
                num_windows=home.num_windows,
            )
            sources.append(embeddings.source)
            refuse_mixed_sources(embeddings_paths[: len(sources)], sources)
            shared = embeddings.in_shared_space(path)
            if shared is None:
                one_sided[embeddings.variant] += 1
            else:
                runs.append(_search(homes[place], embeddings, shared, path, job.forms))
        for variant, count in one_sided.items():
            log.info("%s embeds no video and is left out (%d files of embeddings)", variant, count)
        if not runs:
            raise UserError(
                "retrieval: no embeddings.h5 with a video feature is among the inputs, expected at least one;"
                " give table1 a row in the config whose method embeds both modalities"
            )
        frame = retrieval_frame(retrieval_rows(runs, job.confidence))
        caption = retrieval_caption(frame, job.confidence)
        shown = readable_retrieval(frame)
        write_table(csv_path, title=RETRIEVAL_TITLE, caption=caption, frame=frame, shown=shown, row=RetrievalListRow)
        log.info(
            "searched %d files of embeddings; the table is %s (.md, .tex, .html and .parquet beside it)",
            len(runs),
            csv_path,
        )


def _read_home(windows_path: str | Path, split_path: str | Path, resamples: int, forms: Sequence[str]) -> _Home:
    windows, split = read_windows(windows_path), read_split(split_path)
    if split.dataset != windows.dataset:
        remedy = "give each embeddings.h5 the windows.h5 and the split.json that it was made from"
        raise ContractError(split_path, "dataset", expected=windows.dataset, found=split.dataset, remedy=remedy)
    part = "held_out" if split.held_out.size else "downstream"
    ids = split.parts[part]
    if not ids.size:
        remedy = "give the split other parts in the config"
        raise ContractError(split_path, f"parts/{part}", expected="windows to search", found="none", remedy=remedy)
    # The name tells splits of one seed apart; which others there are changes nothing.
    rng = np.random.default_rng([split.seed, _STREAM, *split.name.encode()])
    drawn = resampling_weights(windows.instance[ids], windows.label[ids], resamples, rng)
    tasks = tasks_of(windows.label[ids], windows.recording[ids], windows.start_s[ids], windows.window_s)
    return _Home(
        searched=SearchedPart(split.dataset, split.name, split.seed, part, _protocol(split), tuple(tasks)),
        source=windows.source,
        num_windows=windows.num_windows,
        ids=ids,
        weight=np.concatenate([np.ones((1, len(ids))), drawn]),
        equal={form: equal_windows(SelectedRows(windows.sensor, ids), split.normalisation, form) for form in forms},
    )


def _protocol(split: Split) -> str:
    """The protocol that tests on the held-out part: `by_recording` or `by_subject`."""
    return next((name for name in split.protocols if name.startswith("by_")), PAPER)


def _search(
    home: _Home,
    embeddings: Embeddings,
    shared: tuple[NDArray[np.float32], NDArray[np.float32]],
    path: str | Path,
    forms: Mapping[str, str],
) -> RetrievalRun:
    if embeddings.variant not in forms:
        remedy = "give table1 of the config a row of that name"
        raise ContractError(
            path, "variant", expected=f"one of {', '.join(forms)}", found=embeddings.variant, remedy=remedy
        )
    form = forms[embeddings.variant]
    equal = home.equal[form]
    sensor, video = shared
    by_sensor = cosine_matrix(sensor[home.ids], video[home.ids])
    similarities = {BY_SENSOR: by_sensor, BY_VIDEO: by_sensor.T}
    return RetrievalRun(
        path=path,
        searched=home.searched,
        variant=embeddings.variant,
        method=embeddings.method,
        seed=embeddings.seed,
        source=embeddings.source,
        commit=embeddings.provenance.commit,
        form=form,
        num_tied=int((np.bincount(equal)[equal] > 1).sum()),
        ceilings={
            (task.level, task.neighbours, direction): ceiling(task, equal, direction)
            for task in home.searched.tasks
            if task.neighbours == KEPT
            for direction in similarities
        },
        metrics={
            (task.level, task.neighbours, direction): task_values(task, similarity, home.weight)
            for task in home.searched.tasks
            for direction, similarity in similarities.items()
        },
    )
