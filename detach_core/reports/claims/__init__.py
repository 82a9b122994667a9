"""Claims about the method, each decided by an interval; a measure is a function, with settings of its own type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detach_core.evaluation.settings import Claim
from detach_core.reports.claims import accuracy, clusters, weights
from detach_core.reports.claims.artifacts import Artifacts
from detach_core.reports.claims.line import Line

# (a claim's settings, a dataset, what there is to decide by) -> its lines.
Measure = Callable[[Claim[Any], str, Artifacts], Iterator[Line]]

MEASURES: dict[str, Measure] = {
    "exceeds": accuracy.exceeds,
    "ablation": accuracy.ablation,
    "subtle_gain": accuracy.subtle_gain,
    "clusters_over_kmeans": clusters.over_kmeans,
    "confident_purer": clusters.confident_purer,
    "refinement_raises": clusters.refinement_raises,
    "refinement_over_control": clusters.refinement_over_control,
    "easy_near_one": weights.easy_near_one,
    "hard_above_false": weights.hard_above_false,
    "separation_grows": weights.separation_grows,
}
