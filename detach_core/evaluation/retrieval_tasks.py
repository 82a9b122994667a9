"""What is searched for what: the tasks that a part's windows make, and a run's figures on each.

Where windows have equal sensors, no embedding can find all of them: `best_ranks` says what the best one could.

Every window is a query, and the part's windows are the gallery. At level `window` only the query's own window in the
other modality is relevant. At level `class` any window of the query's class is, its own among them; windows without a
class are neither queries nor in the gallery. Neighbours overlap the query in time and show nearly the same: they are
kept in the gallery, or left out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detach_core.evaluation.retrieval import (
    Flags,
    Integers,
    Values,
    chance_median_rank,
    chance_recall,
    median_rank,
    overlapping,
    ranks,
    recall_at,
)

BY_SENSOR, BY_VIDEO = "sensor->video", "video->sensor"
RECALLS = {"r1": 1, "r5": 5, "r10": 10}
FIGURES = (*RECALLS, "median_rank")
WINDOW, CLASS = "window", "class"
KEPT, LEFT_OUT = "kept", "left out"


@dataclass(frozen=True, eq=False)
class Task:
    """One level, with or without neighbours.

    Attributes:
        level: `window` or `class`.
        neighbours: `kept` or `left out`.
        place: (M,), which of the part's windows are queries and gallery.
        relevant: (M, M), what each query looks for in its gallery.
        left_out: (M, M), what is not in a query's gallery.
    """

    level: str
    neighbours: str
    place: NDArray[np.int64]
    relevant: Flags
    left_out: Flags

    @cached_property
    def gallery(self) -> NDArray[np.int64]:
        """(M,) how many windows each query's gallery has."""
        return np.asarray((~self.left_out).sum(axis=1))

    @cached_property
    def chance(self) -> dict[str, float]:
        """Figure -> what a random order is expected to give; the same in both directions."""
        num_relevant = (self.relevant & ~self.left_out).sum(axis=1)
        recalls = {name: chance_recall(num_relevant, self.gallery, k) for name, k in RECALLS.items()}
        return recalls | {"median_rank": chance_median_rank(num_relevant, self.gallery)}


def tasks_of(label: Integers, recording: Integers, start_s: Values, window_s: float) -> list[Task]:
    """Both levels, each with and without neighbours; level `window` alone where no window has a class.

    Args:
        label: (N,), the class of each of the part's windows; -1 is none.
        recording: (N,), which recording it is of.
        start_s: (N,), where it begins there.
        window_s: how long it is.
    """
    own, near = np.eye(len(label), dtype=np.bool_), overlapping(recording, start_s, window_s)
    all_windows, labelled = np.arange(len(label)), np.flatnonzero(label >= 0)
    levels = [(WINDOW, all_windows, own)]
    if labelled.size:
        levels.append((CLASS, labelled, label[:, None] == label))
    return [
        Task(level, neighbours, place, relevant[np.ix_(place, place)], left_out[np.ix_(place, place)])
        for level, place, relevant in levels
        for neighbours, left_out in ((KEPT, np.zeros_like(near)), (LEFT_OUT, near))
    ]


def best_ranks(task: Task, equal: NDArray[np.integer], direction: str) -> Values:
    """(M,) each query's rank in the best search that is possible where windows have equal sensors.

    By the sensors, equal windows order the videos alike, so only one of their videos comes first, one second and so on;
    at level `class` it is best to begin with a video of their commonest class. By the video, the sensors of equal
    windows tie, and ties count against the query, as in `ranks`.

    Args:
        task: with neighbours kept: without them equal windows have different galleries, and the best order is unknown.
        equal: (N,) for each of the part's windows a number that it shares with those of equal sensors.
        direction: `BY_SENSOR` or `BY_VIDEO`.

    Raises:
        ValueError: a task with neighbours left out.
    """
    if task.left_out.any():
        raise ValueError("the best ranks are known with neighbours kept only")
    group = np.unique(equal[task.place], return_inverse=True)[1]
    wanted = task.relevant.argmax(axis=1)  # the first relevant window stands for its class
    kinds, kind, count = np.unique(np.stack([group, wanted]), axis=1, return_inverse=True, return_counts=True)
    size = np.bincount(group)
    if direction == BY_VIDEO:
        wrong = (size[kinds[0]] - count).astype(np.float64)
        fewest = np.full(len(wanted), np.inf)
        np.minimum.at(fewest, kinds[1], wrong)
        return np.asarray(1.0 + fewest[wanted])
    order = np.lexsort((-count, kinds[0]))
    starts = np.searchsorted(kinds[0][order], kinds[0][order])
    rank = np.empty(len(count))
    rank[order] = 1.0 + np.arange(len(count)) - starts
    return np.asarray(rank[kind.ravel()])


def ceiling(task: Task, equal: NDArray[np.integer], direction: str) -> dict[str, float]:
    """Figure -> the best that any embedding can reach, by `best_ranks`."""
    rank = best_ranks(task, equal, direction)
    once = np.ones((1, len(rank)))
    recalls = {name: float(recall_at(rank, k, once)[0]) for name, k in RECALLS.items()}
    return recalls | {"median_rank": float(median_rank(rank, once)[0])}


def task_figures(task: Task, similarity: Values, weight: Values) -> Values:
    """The `FIGURES` of a run on a task, (B, 4).

    Args:
        task: what is searched.
        similarity: (N, N) over all of the part's windows; a row is a query.
        weight: (B, N), how often each of B resamples has each of the part's windows as a query.
    """
    rank = ranks(similarity[np.ix_(task.place, task.place)], task.relevant, task.left_out)
    drawn = weight[:, task.place]
    return np.stack([*(recall_at(rank, k, drawn) for k in RECALLS.values()), median_rank(rank, drawn)], axis=1)
