"""Cross-validated loss of the open choices inside the probe's training part, which holds no tested unit.

    ./run python -m studies.ledger [results folder] [variant ...]

For each dataset and variant: log loss of the probe by cross-validation inside the downstream part (protocol `by_*`),
seed by seed, minus that of `detach`. A choice is worth taking if it is lower in every seed.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from detach_core.contracts.metrics import Metrics, read_metrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "ledger.csv"
REFERENCE = "detach"


def inner_loss(run: Metrics) -> float:
    """Smallest cross-validated loss over C, mean over the folds of the protocol that trains on the downstream part."""
    (result,) = (result for name, result in run.protocols.items() if name.startswith("by_"))
    return sum(min(map(min, choice.inner_loss)) for choice in result.choices) / len(result.choices)


def main(results: Path, variants: list[str]) -> None:
    """Write `docs/evidence/ledger.csv`."""
    rows = []
    for part in sorted(results.glob("*/default")):
        reference = {path.parent.name: read_metrics(path) for path in sorted((part / REFERENCE).glob("*/metrics.json"))}
        names = variants or sorted(path.name for path in part.iterdir() if path.name.startswith(f"{REFERENCE}-"))
        for name in names:
            found = {path.parent.name: read_metrics(path) for path in sorted((part / name).glob("*/metrics.json"))}
            seeds = sorted(reference.keys() & found.keys())
            if not seeds or found[seeds[0]].class_names != reference[seeds[0]].class_names:
                continue
            gaps = [inner_loss(found[seed]) - inner_loss(reference[seed]) for seed in seeds]
            rows.append(
                {
                    "dataset": part.parent.name,
                    "variant": name,
                    "reference_loss": round(sum(inner_loss(reference[seed]) for seed in seeds) / len(seeds), 4),
                    "mean_difference": round(sum(gaps) / len(gaps), 4),
                    "differences": " ".join(f"{gap:+.4f}" for gap in gaps),
                    "lower_in_all_seeds": all(gap < 0 for gap in gaps),
                    "seeds": " ".join(seed.removeprefix("seed") for seed in seeds),
                    "source": reference[seeds[0]].source,
                    "commit": reference[seeds[0]].provenance.commit,
                }
            )
    if not rows:
        sys.exit(f"{results}: no metrics of {REFERENCE} and of a variant of it")
    PAGE.parent.mkdir(exist_ok=True)
    with PAGE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"), sys.argv[2:])
