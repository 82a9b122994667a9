"""Claims about the method, each decided by an interval: a measure of `config/claims.py` is a function here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from detach_core.reports.claims import accuracy, clusters, weights
from detach_core.reports.claims.artifacts import Artifacts
from detach_core.reports.claims.line import Line

# (a claim's settings, a dataset, what there is to decide by) -> its lines.
Measure = Callable[[Mapping[str, Any], str, Artifacts], Iterator[Line]]

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
