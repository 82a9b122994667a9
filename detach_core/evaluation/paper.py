"""Values that the paper printed, for the `paper_*` columns, from `paper_values.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class PublishedMetrics:
    """Weighted F1 and mAP of a cell, fractions with two decimals."""

    f1_weighted: float
    map: float


@lru_cache(maxsize=1)
def paper_values() -> dict[str, Any]:
    """All of `paper_values.json`."""
    text = files("detach_core.evaluation").joinpath("paper_values.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


def published_metrics(table: str, row: str, dataset: str) -> PublishedMetrics | None:
    """The cell of the paper's `table` (`table1` to `table6`) for a row's variant and a dataset, if there is one."""
    cell = paper_values()["tables"].get(table, {}).get(row, {}).get(dataset)
    return None if cell is None else PublishedMetrics(cell["f1_weighted"], cell["map"])


def published_statistics(dataset: str) -> dict[str, Any]:
    """The paper's statistics of a dataset (Table 7, Sec. 4); empty for a dataset that the paper does not have."""
    values = paper_values()
    statistics = values["statistics"].get(dataset)
    if statistics is None:
        return {}
    printed = values["settings"]
    rates = {name: printed[name][dataset] for name in ("sensor_hz", "video_hz")}
    return {**statistics, **rates, "window_s": printed["window_s"], "stride_s": printed["stride_s"]}
