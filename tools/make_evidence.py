"""Copy of an evidence run's tables to docs/evidence, with a description of the run.

    ./run python -m tools.make_evidence [results folder] [table ...]

Seconds are the sum of the jobs' own (`*.benchmark.tsv`), so two cores need half as many by the clock.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "evidence"
TABLES = ("claims", "significance", "retrieval", "table1", "table2", "table3", "table4", "table5")


def main(results: Path, tables: list[str]) -> None:
    """Copy the csv and the readable form of each table that is there, and write `run.json`."""
    FOLDER.mkdir(exist_ok=True)
    made: dict[str, object] = {}
    for name in tables:
        path = results / f"{name}.csv"
        if not path.is_file():
            print(f"{path}: not there, left out")
            continue
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        made[name] = {
            "commit": sorted({word for row in rows for word in row["commit"].split()}),
            "seeds": sorted({word for row in rows for word in str(row.get("seeds", "")).split()}),
            "source": sorted({row["source"] for row in rows}),
        }
        for suffix in (".csv", ".md"):
            shutil.copyfile(path.with_suffix(suffix), FOLDER / f"{name}{suffix}")
    facts = {"hardware": hardware(), "job_seconds": seconds_by_rule(results), "tables": made}
    (FOLDER / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def hardware() -> str:
    """Processor and cores of this machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{len(os.sched_getaffinity(0))} cores of {model}, no GPU"


def seconds_by_rule(results: Path) -> dict[str, float]:
    """Wall-clock seconds of all jobs of each rule, and of all."""
    seconds: dict[str, float] = {}
    for path in sorted(results.rglob("*.benchmark.tsv")):
        with path.open(newline="", encoding="utf-8") as file:
            taken = sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
        rule = path.name.removesuffix(".benchmark.tsv")
        seconds[rule] = round(seconds.get(rule, 0.0) + taken, 1)
    return {**seconds, "all": round(sum(seconds.values()), 1)}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results")
    main(folder, sys.argv[2:] or list(TABLES))
