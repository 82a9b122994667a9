"""Table of the simulated homes' settings in `docs/simulation.md`, from their types and the default configuration.

./run python -m tools.make_knob_table
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detach_core.config.schema import settings_schema
from detach_core.config.yaml_file import read_yaml
from detach_core.simulation.registry import HOMES

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "simulation.md"
BEGIN, END = "<!-- knobs: begin -->", "<!-- knobs: end -->"


def table() -> str:
    """All settings of both homes in Markdown."""
    datasets = read_yaml(ROOT / "config.yaml")["datasets"]
    lines = []
    for dataset in HOMES:
        lines += [
            f"### `datasets.{dataset}.home`",
            "",
            "| setting | value | range | meaning and reason |",
            "| --- | --- | --- | --- |",
        ]
        schema = settings_schema(HOMES.settings(dataset))
        lines += rows(schema, datasets[dataset]["home"], "", schema["$defs"])
        lines.append("")
    return "\n".join(lines)


def rows(schema: dict[str, Any], values: dict[str, Any], prefix: str, inner: dict[str, Any]) -> list[str]:
    """One line for each setting of a class's `schema`; `inner` are the schemas that it refers to."""
    lines = []
    for name, knob in schema["properties"].items():
        section = inner.get(knob.get("$ref", "").rpartition("/")[2])
        value = values.get(name, knob.get("default", {}))
        if section is None:
            lines.append(f"| `{prefix}{name}` | {value} | {limits(knob)} | {knob.get('description', '')} |")
        else:
            lines += rows(section, value, f"{prefix}{name}.", inner)
    return lines


def limits(knob: dict[str, Any]) -> str:
    """The range that a setting's schema allows."""
    low, high = knob.get("minimum", knob.get("exclusiveMinimum")), knob.get("maximum", knob.get("exclusiveMaximum"))
    return f"{low} to {high}" if low is not None and high is not None else (f"from {low}" if low is not None else "")


def page_text() -> str:
    """`docs/simulation.md` with the current table."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_text(), encoding="utf-8")
