"""Settings of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from detach_core.settings.base import Name, Names, Settings


@dataclass(frozen=True)
class ResultsTable(Settings):
    """A table with a row per dataset, variant and protocol."""

    rows: Names
    """variants, in the order of the rows"""
    datasets: Names
    """datasets, in the order of the rows"""
    splits: Names
    """splits to average over; one without a dataset adds nothing to that dataset's rows"""


@dataclass(frozen=True)
class DataTable(Settings):
    """A table that describes the prepared data (Table 7): a row per dataset."""

    datasets: Names
    """datasets, in the order of the rows"""
    split: Name
    """name of the split"""


@dataclass(frozen=True, kw_only=True)
class TableJob(Settings):
    """Settings of stage `table`."""

    table: ResultsTable | DataTable
    seeds: tuple[int, ...] = ()
