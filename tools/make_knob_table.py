"""Table of the simulated homes' settings in `docs/simulation.md`, from their types and the default configuration.

./run python -m tools.make_knob_table
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detach_core.config.section import Section
from detach_core.config.simulation import HwuHomeSection, OpportunityHomeSection
from detach_core.config.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "simulation.md"
BEGIN, END = "<!-- knobs: begin -->", "<!-- knobs: end -->"
HOMES: dict[str, type[Section]] = {"opportunity": OpportunityHomeSection, "hwu_usp": HwuHomeSection}


def table() -> str:
    """All knobs of both homes in Markdown."""
    datasets = read_yaml(ROOT / "config.yaml")["datasets"]
    lines = []
    for dataset, section in HOMES.items():
        lines += [
            f"### `datasets.{dataset}.home`",
            "",
            "| knob | value | range | what and why |",
            "| --- | --- | --- | --- |",
        ]
        lines += rows(section, datasets[dataset]["home"], "")
        lines.append("")
    return "\n".join(lines)


def rows(section: type[Section], values: dict[str, Any], prefix: str) -> list[str]:
    """One line for each knob of `section`."""
    lines = []
    for name, field in section.model_fields.items():
        value = values[name]
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            lines += rows(inner, value, f"{prefix}{name}.")
            continue
        lines.append(f"| `{prefix}{name}` | {value} | {limits(field.metadata)} | {field.description or ''} |")
    return lines


def limits(metadata: list[Any]) -> str:
    """The range that a field's metadata allow."""
    bounds = {
        key: getattr(one, key)
        for one in metadata
        for key in ("ge", "gt", "le", "lt")
        if getattr(one, key, None) is not None
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return f"{low} to {high}" if low is not None and high is not None else (f"from {low}" if low is not None else "")


def page_text() -> str:
    """`docs/simulation.md` with the table as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_text(), encoding="utf-8")
