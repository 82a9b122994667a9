"""The JSON schema of the configuration, for completion and checks in an editor: `python -m detach_core.config.schema`.

It serves the main file and overlays alike, so no key is required; missing keys are reported when the workflow starts.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from detach_core.config.document import Document, dataset_type
from detach_core.config.variants import CHANGEABLE, COMMON, own_keys
from detach_core.datasets.registry import DATASETS
from detach_core.evaluation.settings import AnyClaimSettings
from detach_core.methods.registry import DETACH_STAGE_1, METHODS
from detach_core.reports.figures.registry import FIGURES
from detach_core.settings.base import Settings

SCHEMA_PATH = "docs/config.schema.json"


def config_schema() -> dict[str, Any]:
    """The schema of `config.yaml` and its overlays."""
    schema = Document.model_json_schema()
    definitions = schema["$defs"]
    sections: dict[str, Any] = {}
    for method in METHODS:
        section = settings_schema(METHODS.settings(method))
        definitions.update(section.pop("$defs", {}))
        sections[method] = section
    definitions["spatial"] = _keys(sections.pop(DETACH_STAGE_1), [*own_keys(DETACH_STAGE_1), *COMMON])
    _set_entries(schema["properties"]["spatial"], {"$ref": "#/$defs/spatial"})
    variants, methods = [], {}
    for method, section in sections.items():
        methods[method] = _keys(section, own_keys(method))
        variant = _keys(section, [*own_keys(method), *COMMON])
        variant["properties"] = {
            "method": {"const": method},
            **({"spatial": {"type": "string"}} if METHODS.settings(method).needs_spatial else {}),
            **variant["properties"],
        }
        definitions[f"{method}-variant"] = variant
        variants.append({"$ref": f"#/$defs/{method}-variant"})
    figures = []
    for kind in FIGURES:
        section = settings_schema(FIGURES.settings(kind))
        definitions.update(section.pop("$defs", {}))
        definitions[f"{kind}-figure"] = section
        figures.append({"$ref": f"#/$defs/{kind}-figure"})
    own_figure = {"type": "object", "properties": {"draw": {"type": "string", "pattern": ":"}}, "required": ["draw"]}
    _set_entries(schema["properties"]["figures"], {"anyOf": [*figures, own_figure]})
    for claim in get_args(AnyClaimSettings):
        definitions[claim.__name__] = settings_schema(claim)
    _set_entries(schema["properties"]["datasets"], {"anyOf": _datasets(definitions)})
    # A method or variant of another package has settings of its own.
    outside = {"type": "object", "properties": {"method": {"type": "string", "pattern": ":"}}, "required": ["method"]}
    _set_entries(schema["properties"]["variants"], {"anyOf": [*variants, outside]})
    schema["properties"]["methods"] |= {"properties": methods, "additionalProperties": {"type": "object"}}
    changeable = {key: schema["properties"][key] for key in CHANGEABLE}
    candidate = {"type": "object", "properties": changeable, "additionalProperties": False}
    definitions["SearchSettings"]["properties"]["candidates"]["items"] = candidate
    _loosen(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _datasets(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The sections of all datasets; one of another package has native settings of its own."""
    found = []
    for adapter in DATASETS:
        section = settings_schema(dataset_type(adapter))
        definitions.update(section.pop("$defs", {}))
        native = settings_schema(DATASETS.settings(adapter))
        definitions[DATASETS.settings(adapter).__name__] = {key: native[key] for key in native if key != "$defs"}
        section["properties"]["adapter"] |= {"const": adapter}
        definitions[f"{adapter}-dataset"] = section
        found.append({"$ref": f"#/$defs/{adapter}-dataset"})
    named = {"type": "string", "pattern": ":"}
    properties = section["properties"] | {"adapter": named, "native": {"type": "object"}, "home": {"type": "null"}}
    definitions["outside-dataset"] = section | {"properties": properties}
    return [*found, {"$ref": "#/$defs/outside-dataset"}]


def settings_schema(kind: type[Settings]) -> dict[str, Any]:
    """The schema of a settings class; the docstring below a field is its description, an inherited field's too."""
    schema = TypeAdapter(kind).json_schema()
    for base in kind.__mro__:
        for name, text in _attribute_docstrings(base).items() if is_dataclass(base) else ():
            if name in schema.get("properties", {}):
                schema["properties"][name].setdefault("description", text)
    return schema


def _attribute_docstrings(kind: type) -> dict[str, str]:
    """Field -> the text below it, of those that a class itself adds; pydantic leaves inherited ones out."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except OSError:  # a class that no file defines
        return {}
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def schema_text() -> str:
    """The text of the schema file."""
    return json.dumps(config_schema(), indent=1) + "\n"


def _keys(section: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A section's schema with these keys alone."""
    return {
        **section,
        "properties": {name: section["properties"][name] for name in names if name in section["properties"]},
    }


def _set_entries(section: dict[str, Any], entry: dict[str, Any]) -> None:
    """Set the schema of every named entry of `section`."""
    section["patternProperties"] = dict.fromkeys(section["patternProperties"], entry)


def _loosen(value: Any) -> None:
    """Make all keys optional and alternatives inclusive, since an overlay holds a part of a section."""
    if isinstance(value, dict):
        if isinstance(value.get("required"), list) and value["required"] not in (["method"], ["draw"]):
            del value["required"]
        if "oneOf" in value:
            value["anyOf"] = value.pop("oneOf")
        value.pop("discriminator", None)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _loosen(item)


if __name__ == "__main__":
    Path(SCHEMA_PATH).write_text(schema_text(), encoding="utf-8")
