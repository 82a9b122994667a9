"""Tables: their rows and the data they are computed on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from detach_core.config.section import Name, Section

Names = Annotated[list[Name], Field(min_length=1)]


class ResultsTable(Section):
    """A table with a row per dataset, variant and protocol."""

    rows: Names = Field(description="variants, in the order of the rows")
    datasets: Names = Field(description="datasets, in the order of the rows")
    splits: Names = Field(
        description="splits that are repeated; one that leaves a dataset out adds nothing to its rows"
    )


class DataTable(Section):
    """A table that describes the prepared data (Table 7): a row per dataset."""

    datasets: Names = Field(description="datasets, in the order of the rows")
    split: Name = Field(description="name of the split")


def _kind(value: Any) -> str:
    return "results" if (isinstance(value, dict) and "rows" in value) or isinstance(value, ResultsTable) else "data"


Table = Annotated[Annotated[ResultsTable, Tag("results")] | Annotated[DataTable, Tag("data")], Discriminator(_kind)]
