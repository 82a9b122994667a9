"""The JSON schema of the configuration, for completion and checks in an editor: `python -m detach_core.config.schema`.

It serves the main file and overlays alike, so no key is required; what is missing is told when the workflow loads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detach_core.config.document import SHARED, Document
from detach_core.config.methods import METHOD_CONFIGS
from detach_core.config.search import CHANGEABLE
from detach_core.config.section import Section
from detach_core.config.spatial import SpatialSection

SCHEMA_PATH = "docs/config.schema.json"


def config_schema() -> dict[str, Any]:
    """The schema of `config.yaml` and its overlays."""
    schema = Document.model_json_schema()
    definitions = schema["$defs"]
    sections: list[type[Section]] = [SpatialSection, *METHOD_CONFIGS.values()]
    for section in sections:
        definitions.update(section.model_json_schema().pop("$defs", {}))
    definitions["SpatialSection"] = _changes(SpatialSection.model_json_schema(), schema)
    _set_entries(schema["properties"]["spatial"], {"$ref": "#/$defs/SpatialSection"})
    variants = []
    for method, section in METHOD_CONFIGS.items():
        variant = _changes(section.model_json_schema(), schema)
        variant["properties"] = {
            "method": {"const": method},
            **({"spatial": {"type": "string"}} if section.needs_spatial else {}),
            **variant["properties"],
        }
        definitions[f"{method}-variant"] = variant
        variants.append({"$ref": f"#/$defs/{method}-variant"})
    _set_entries(schema["properties"]["variants"], {"anyOf": variants})
    changeable = {key: schema["properties"][key] for key in CHANGEABLE}
    candidate = {"type": "object", "properties": changeable, "additionalProperties": False}
    definitions["SearchSection"]["properties"]["candidates"]["items"] = candidate
    _loosen(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(config_schema(), indent=1) + "\n"


def _changes(section: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A section's schema that also takes the shared sections, as a variant may change them."""
    section.pop("$defs", None)
    shared = {key: schema["properties"][key] for key in SHARED}
    return {**section, "properties": {**section["properties"], **shared}}


def _set_entries(section: dict[str, Any], entry: dict[str, Any]) -> None:
    """Say what every named entry of `section` must be."""
    section["patternProperties"] = dict.fromkeys(section["patternProperties"], entry)


def _loosen(value: Any) -> None:
    """Require no key, and let what fits several alternatives pass: an overlay holds a part of a section."""
    if isinstance(value, dict):
        if isinstance(value.get("required"), list):
            del value["required"]
        if "oneOf" in value:
            value["anyOf"] = value.pop("oneOf")
        value.pop("discriminator", None)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _loosen(item)


if __name__ == "__main__":
    Path(SCHEMA_PATH).write_text(schema_text(), encoding="utf-8")
