"""Rows of the retrieval table: means over splits and seeds for each method and task, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detach_core.evaluation.intervals import Estimate, estimate_of_mean
from detach_core.evaluation.retrieval import METRICS, Task, Values
from detach_core.foundation.errors import ContractError

# Level, neighbours and direction.
Key = tuple[str, str, str]


# The range of each metric of `METRICS`.
_FRACTION, _RANK = (0.0, 1.0), (1.0, float("inf"))


@dataclass(frozen=True, eq=False)
class SearchedPart:
    """The windows of one split that are searched.

    Attributes:
        dataset: its name.
        split: its name.
        seed: of the split.
        part: `held_out` or `downstream`.
        protocol: what the part holds: `by_recording`, `by_subject`; `paper` where nothing is held out.
        tasks: what is searched for what.
    """

    dataset: str
    split: str
    seed: int
    part: str
    protocol: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True, eq=False)
class RetrievalRun:
    """One training on one split, searched.

    Attributes:
        path: of its embeddings.
        searched: the windows.
        variant: the row.
        method: its method.
        seed: of the training.
        source: of the recordings.
        commit: of the code that made the embeddings.
        form: the normal form of the sensor windows that it was given.
        num_tied: how many of the searched windows have the same sensors in that form as another.
        ceilings: task and direction -> each of `METRICS` at its best where those cannot be told apart; of the tasks
            with neighbours kept.
        metrics: of each task and direction the `METRICS`, (1 + B, 4): the plain ones first, then those of B resamples,
            which are the same for all runs of a split.
    """

    path: str | Path
    searched: SearchedPart
    variant: str
    method: str
    seed: int
    source: str
    commit: str
    form: str
    num_tied: int
    ceilings: Mapping[Key, Mapping[str, float]]
    metrics: Mapping[Key, Values]


@dataclass(frozen=True)
class RetrievalRow:
    """One method on one task.

    Attributes:
        run: of the first split and the lowest seed; it stands for what all runs have in common.
        key: level, neighbours and direction.
        gallery: mean number of windows that a query is searched among.
        num_queries: of all splits together.
        metrics: each of `METRICS` -> its mean and interval.
        chance: each of `METRICS` -> what a random order is expected to give, the mean over the splits.
        ceiling: each of `METRICS` -> the best that is possible, the mean over the splits; NaN with neighbours left out.
        num_tied: queries that have the same sensors as another of their split, of all splits together.
        splits: of which the metrics are means, in order.
        seeds: of which the metrics are means, the same on every split.
        commits: of the code that made the embeddings.
    """

    run: RetrievalRun
    key: Key
    gallery: float
    num_queries: int
    metrics: Mapping[str, Estimate]
    chance: Mapping[str, float]
    ceiling: Mapping[str, float]
    num_tied: int
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    commits: tuple[str, ...]


def retrieval_rows(runs: Sequence[RetrievalRun], confidence: float) -> list[RetrievalRow]:
    """The methods under each other, task by task; all in the order in which they first come.

    Splits that hold out different things (recordings of known subjects, unknown subjects) are not averaged.

    Raises:
        ContractError: two runs of one seed on a split, or a split that lacks a seed.
    """
    homes: dict[tuple[str, str, str], dict[str, list[RetrievalRun]]] = {}
    for run in runs:
        part = run.searched
        variants = homes.setdefault((part.dataset, part.part, part.protocol), {})
        variants.setdefault(run.variant, []).append(run)
    rows = []
    for variants in homes.values():
        repeats = [_by_split(group) for group in variants.values()]
        keys = dict.fromkeys(key for by_split in repeats for same in by_split for key in same[0].metrics)
        rows += [_row(by_split, key, confidence) for key in keys for by_split in repeats]
    return rows


def _by_split(group: Sequence[RetrievalRun]) -> list[list[RetrievalRun]]:
    """The runs of each split, seed by seed; every split has every seed once."""
    splits: dict[str, list[RetrievalRun]] = {}
    for run in group:
        splits.setdefault(run.searched.split, []).append(run)
    expected = sorted({run.seed for run in group})
    for name, runs in splits.items():
        runs.sort(key=lambda run: run.seed)
        found = [run.seed for run in runs]
        if found != expected:
            raise ContractError(
                runs[-1].path,
                f"seeds of {runs[-1].variant} on split {name}",
                expected=" ".join(map(str, expected)),
                found=" ".join(map(str, found)),
                remedy="give the stage retrieval one embeddings.h5 of every seed on every split",
            )
    return list(splits.values())


def _row(by_split: Sequence[Sequence[RetrievalRun]], key: Key, confidence: float) -> RetrievalRow:
    # A part whose windows have no class lacks the level `class`.
    by_split = [same for same in by_split if key in same[0].metrics]
    runs = [run for same in by_split for run in same]
    tasks = [task for same in by_split for task in same[0].searched.tasks if (task.level, task.neighbours) == key[:2]]
    return RetrievalRow(
        run=runs[0],
        key=key,
        gallery=float(np.concatenate([task.gallery for task in tasks]).mean()),
        num_queries=sum(len(task.place) for task in tasks),
        metrics={
            name: _bounded(
                [np.stack([run.metrics[key][:, k] for run in same], axis=1) for same in by_split],
                confidence,
                _RANK if name == "median_rank" else _FRACTION,
            )
            for k, name in enumerate(METRICS)
        },
        chance={name: float(np.mean([task.chance[name] for task in tasks])) for name in METRICS},
        ceiling={name: float(np.mean([_ceiling(same[0], key, name) for same in by_split])) for name in METRICS},
        num_tied=sum(same[0].num_tied for same in by_split),
        splits=tuple(same[0].searched.split for same in by_split),
        seeds=tuple(run.seed for run in by_split[0]),
        commits=tuple(sorted({run.commit for run in runs})),
    )


def _ceiling(run: RetrievalRun, key: Key, name: str) -> float:
    return run.ceilings[key][name] if key in run.ceilings else float("nan")


def _bounded(values: Sequence[Values], confidence: float, within: tuple[float, float]) -> Estimate:
    """The mean of (1 + B, K) metrics of each split's K seeds, and its interval."""
    return estimate_of_mean([one[0] for one in values], [one[1:] for one in values], confidence, within)
