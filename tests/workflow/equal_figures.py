"""Whether two runs of the workflow came to the same figures: python equal_figures.py FIRST SECOND."""

import json
import sys
from pathlib import Path


def without_time_and_place(value):
    """`value` without what names the code's state: commit and version."""
    if isinstance(value, dict):
        return {key: without_time_and_place(item) for key, item in value.items() if key not in ("commit", "version")}
    return [without_time_and_place(item) for item in value] if isinstance(value, list) else value


def different_files(first, second):
    """Names of the metrics and tables that differ or stand in one folder alone."""
    names = {path.relative_to(root) for root in (first, second) for path in root.glob("results/**/metrics.json")}
    names |= {path.relative_to(root) for root in (first, second) for path in root.glob("results/table*.csv")}
    if not names:
        return ["no metrics.json at all"]
    return sorted(str(name) for name in names if figures(first / name) != figures(second / name))


def figures(path):
    """What the file holds, or None."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    return without_time_and_place(json.loads(text)) if path.suffix == ".json" else text


if __name__ == "__main__":
    different = different_files(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit("the two runs differ in: " + ", ".join(different) if different else 0)
