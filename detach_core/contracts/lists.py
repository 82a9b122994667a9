"""Rows of the lists that are written as Parquet, for readers outside of the workflow: a field is a column of its type.

`pandas.read_parquet` gives a list back with these types, and its schema and provenance as `attrs`. What is missing is
null.
"""

from __future__ import annotations

from dataclasses import dataclass


class ListRow:
    """Row of a list of this `schema`."""

    schema = ""


PREDICTIONS_SCHEMA = "detach.predictions/1"
"""`lists/{table}/predictions.parquet`: predictions of each probe of a results table for every tested unit.

A unit stands once for each variant, seed, protocol and draw of folds. The classes' order is that of `classes.parquet`.
"""


@dataclass(frozen=True)
class PredictionRow(ListRow):
    """Prediction for one unit; `unit` is its window, or its recording's index; `label` and `predicted` are indices."""

    schema = PREDICTIONS_SCHEMA

    dataset: str
    split: str
    variant: str
    method: str
    seed: int
    protocol: str
    draw: int
    unit: int
    recording: str
    start_s: float | None
    instance: int
    label: int
    class_name: str
    predicted: int
    predicted_name: str
    probabilities: tuple[float, ...]


METRICS_LIST_SCHEMA = "detach.metrics_list/1"
"""`lists/{table}/metrics.parquet`: metrics of every run of a results table, a row a protocol, before any mean."""


@dataclass(frozen=True)
class MetricsRow(ListRow):
    """Metrics of one variant on one split with one seed under one protocol."""

    schema = METRICS_LIST_SCHEMA

    dataset: str
    split: str
    variant: str
    method: str
    seed: int
    protocol: str
    probed: str
    video_init: str
    probe: str
    f1_weighted: float
    f1_weighted_low: float
    f1_weighted_high: float
    chance_f1_weighted: float
    map: float
    map_low: float
    map_high: float
    chance_map: float
    confidence: float
    n_test: int
    n_units: int
    absent_classes: str
    commit: str


CLASSES_SCHEMA = "detach.classes/1"
"""`lists/{table}/classes.parquet`: metrics by class; `average_precision` is null for a class without a tested unit."""


@dataclass(frozen=True)
class ClassRow(ListRow):
    """Metrics of one class; `label` is its index."""

    schema = CLASSES_SCHEMA

    dataset: str
    split: str
    variant: str
    method: str
    seed: int
    protocol: str
    label: int
    class_name: str
    f1: float
    average_precision: float | None
    support: int


EMBEDDINGS_INDEX_SCHEMA = "detach.embeddings_index/1"
"""`lists/{table}/embeddings.parquet`: window of each row of the files `embeddings.h5` behind a results table.

`path` is relative to the folder of the run's results; `row` counts in each of the file's features, and is the window.
`part` is null for a window in no part of the split, `label` and `class_name` for one without a label.
"""


@dataclass(frozen=True)
class EmbeddingRow(ListRow):
    """One window as one trained variant embeds it."""

    schema = EMBEDDINGS_INDEX_SCHEMA

    dataset: str
    split: str
    variant: str
    method: str
    seed: int
    path: str
    row: int
    part: str | None
    recording: str
    subject: str
    start_s: float
    instance: int
    label: int | None
    class_name: str | None


RESULTS_SCHEMA = "detach.results_table/2"
"""`{table}.parquet` of a results table: means over seeds and splits with their intervals, with every digit."""


@dataclass(frozen=True)
class ResultRow(ListRow):
    """One dataset, variant and protocol.

    The paper's values and gaps are null where there are none to compare, the gain where nothing is trained.
    """

    schema = RESULTS_SCHEMA

    dataset: str
    method: str
    variant: str
    protocol: str
    source: str
    probed: str
    n_seeds: int
    n_splits: int
    n_test: int
    n_units: int
    fold_draws: int
    f1_weighted: float
    f1_weighted_low: float
    f1_weighted_high: float
    f1_weighted_sd: float | None
    chance_f1_weighted: float
    map: float
    map_low: float
    map_high: float
    map_sd: float | None
    chance_map: float
    start_f1_weighted: float | None
    gain_f1_weighted: float | None
    gain_f1_weighted_low: float | None
    gain_f1_weighted_high: float | None
    collapse: str
    paper_f1_weighted: float | None
    paper_map: float | None
    gap_f1_weighted: float | None
    paper_f1_weighted_inside: bool | None
    gap_map: float | None
    paper_map_inside: bool | None
    video_init: str
    searched: int
    null_windows: str
    probe: str
    split: str
    seeds: str
    absent_classes: str
    commit: str


DATA_SCHEMA = "detach.data_table/1"
"""`{table}.parquet` of Table 7: attributes of the prepared datasets beside the paper's."""


@dataclass(frozen=True)
class DataRow(ListRow):
    """One attribute of one dataset, as text, since attributes differ in kind."""

    schema = DATA_SCHEMA

    dataset: str
    attribute: str
    value: str
    paper: str
    source: str
    split: str
    commit: str


CLAIMS_SCHEMA = "detach.claims/1"
"""`claims.parquet`: a line for each claim, dataset, protocol and variant that it is held against."""


@dataclass(frozen=True)
class ClaimRow(ListRow):
    """One line of a claim; value and interval are null where it is left out."""

    schema = CLAIMS_SCHEMA

    claim: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float
    verdict: str
    dataset: str
    protocol: str
    compared: str
    measure: str
    n_units: int
    n_splits: int
    n_seeds: int
    splits: str
    seeds: str
    note: str
    source: str
    commit: str


SIGNIFICANCE_SCHEMA = "detach.significance/2"
"""`significance.parquet`: paired comparisons of the tables' rows with each reference; `family` is of one."""


@dataclass(frozen=True)
class SignificanceRow(ListRow):
    """One comparison."""

    schema = SIGNIFICANCE_SCHEMA

    table: str
    dataset: str
    protocol: str
    variant: str
    reference: str
    f1_difference: float
    low: float
    high: float
    p: float
    smallest_p: float
    n_test: int
    n_units: int
    n_splits: int
    n_seeds: int
    splits: str
    seeds: str
    source: str
    commit: str
    p_holm: float
    family: int


RETRIEVAL_SCHEMA = "detach.retrieval/1"
"""`retrieval.parquet`: retrieval across modalities by method and task."""


@dataclass(frozen=True)
class RetrievalListRow(ListRow):
    """One method on one task; the ceiling is null where neighbours are left out."""

    schema = RETRIEVAL_SCHEMA

    dataset: str
    split_part: str
    protocol: str
    variant: str
    method: str
    direction: str
    level: str
    neighbours: str
    gallery: float
    n_queries: int
    r1: float
    r1_low: float
    r1_high: float
    r5: float
    r5_low: float
    r5_high: float
    r10: float
    r10_low: float
    r10_high: float
    median_rank: float
    median_rank_low: float
    median_rank_high: float
    chance_r1: float
    chance_r5: float
    chance_r10: float
    chance_median_rank: float
    ceiling_r1: float | None
    ceiling_r5: float | None
    ceiling_r10: float | None
    ceiling_median_rank: float | None
    n_tied: int
    form: str
    n_splits: int
    n_seeds: int
    splits: str
    seeds: str
    source: str
    commit: str


FIGURE_SCHEMA = "detach.figure/1"
"""`figures/{figure}.parquet`: the plotted numbers with every digit; columns and their types are the drawing's."""


class FigureRow(ListRow):
    """Row of a figure's numbers, whose columns are its drawing's."""

    schema = FIGURE_SCHEMA
