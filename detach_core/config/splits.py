"""Section of a split: its seed and, under each dataset's name, that dataset's partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from detach_core.config.validation import section_of
from detach_core.datasets.settings import PartitionSettings
from detach_core.settings.base import Name, Range, Settings


@dataclass(frozen=True)
class SplitSettings(Settings):
    """A split: its seed and each dataset's partition, by the dataset's name."""

    seed: Annotated[int, Range(ge=0)]
    """of the stratified drawing"""
    datasets: dict[Name, PartitionSettings]


class KeysAreDatasets:
    """Mark of a split's section in an `Annotated` type: its keys but `seed` are names of datasets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of the type with this change; called by pydantic alone."""
        inner = handler(source)
        return {"type": "function-wrap", "function": {"type": "no-info", "function": _split}, "schema": inner}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """The section as it is written; called by pydantic alone."""
        reference = handler(schema)
        section = handler.resolve_ref_schema(reference)
        named = section["properties"].pop("datasets", {})
        if "patternProperties" in named:
            section["additionalProperties"] = next(iter(named["patternProperties"].values()))
            section["required"] = ["seed"]
        return reference


def _split(values: Any, _: Any) -> Any:
    if isinstance(values, Mapping):
        seed = {key: values[key] for key in values if key == "seed"}
        values = seed | {"datasets": {key: value for key, value in values.items() if key != "seed"}}
    return section_of(SplitSettings, values, told_as=PartitionSettings)


Split = Annotated[SplitSettings, KeysAreDatasets()]
