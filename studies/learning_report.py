"""Learning curves and tables of the default run, for `docs/learning.md`.

./run && ./run python -m studies.learning_report
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
RESULTS, IMAGES, PAGE = ROOT / "results", ROOT / "docs" / "images", ROOT / "docs" / "learning.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
DATASETS = ("opportunity", "hwu_usp")
METHODS = ("detach", "random_encoder", "statistics", "supervised")
SEED = "seed0"


def history(dataset: str, run: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the epochs of a training."""
    lines = (RESULTS / dataset / "default" / run / SEED / "history.jsonl").read_text().splitlines()
    head, *epochs = [json.loads(line) for line in lines]
    return head, epochs


def clusters_table() -> list[str]:
    """Stage 1's clusters against the place in use, beside references without training."""
    lines = ["| dataset | clusters | Hungarian accuracy | NMI |", "| --- | --- | --- | --- |"]
    for dataset in DATASETS:
        head, epochs = history(dataset, "spatial/default")
        rows = {
            "shuffled labels": head["run"]["shuffled_clusters"],
            "k-means on the activation vector": head["run"]["activation_kmeans"],
            "Stage 1, start (k-means on untrained features)": epochs[0]["clusters"],
            "Stage 1, end": epochs[-1]["clusters"],
            "Stage 1, end, confident windows": epochs[-1]["clusters_confident"],
            "Stage 1, end, ambiguous windows": epochs[-1]["clusters_ambiguous"],
        }
        for name, value in rows.items():
            lines.append(f"| {dataset} | {name} | {value['hungarian']:.3f} | {value['nmi']:.3f} |")
    return lines


def metrics_table() -> list[str]:
    """Weighted F1 of DETACH and its controls."""
    lines = ["| dataset | protocol | " + " | ".join(METHODS) + " |", "| --- | --- |" + " --- |" * len(METHODS)]
    for dataset in DATASETS:
        found = {
            name: json.loads((RESULTS / dataset / "default" / name / SEED / "metrics.json").read_text())["protocols"]
            for name in METHODS
        }
        for protocol in found["detach"]:
            cells = []
            for name in METHODS:
                one = found[name][protocol]
                bounds = f"[{one['f1_weighted_low']:.2f}, {one['f1_weighted_high']:.2f}]"
                cells.append(f"{one['f1_weighted']:.2f} {bounds}")
            lines.append(f"| {dataset} | {protocol} | " + " | ".join(cells) + " |")
    return lines


def pairs_table() -> list[str]:
    """Weights and similarities of negative pairs at the start and the end of Stage 2."""
    _, epochs = history("opportunity", "detach")
    with_pairs = [one for one in epochs if one.get("pairs")]
    lines = ["| epoch | figure | easy | hard | false |", "| --- | --- | --- | --- | --- |"]
    for one in (with_pairs[0], with_pairs[-1]):
        for figure in ("spatial_similarity", "temporal_similarity", "weight"):
            values = " | ".join(f"{one['pairs'][figure][kind]:.2f}" for kind in ("easy", "hard", "false"))
            lines.append(f"| {one['epoch']} | {figure.replace('_', ' ')} | {values} |")
    return lines


def draw() -> None:
    """The curves: agreement of clusters by epoch, and weights of pairs by epoch."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    for axis, dataset in zip((left, middle), DATASETS, strict=True):
        draw_clusters(axis, dataset)
    _, epochs = history("opportunity", "detach")
    shown = [one for one in epochs if one.get("pairs")]
    for kind, style in (("easy", "-"), ("hard", "--"), ("false", ":")):
        right.plot([one["epoch"] for one in shown], [one["pairs"]["weight"][kind] for one in shown], style, label=kind)
    right.set(title="opportunity: weight of negatives", xlabel="Stage 2 epoch", ylabel="mean W")
    right.legend(frameon=False)
    figure.savefig(IMAGES / "learning.png", dpi=110)


def draw_clusters(axis: Axes, dataset: str) -> None:
    """Hungarian accuracy by epoch, with references without training as horizontal lines."""
    head, epochs = history(dataset, "spatial/default")
    places = [one["epoch"] for one in epochs]
    for part, style in (("clusters", "-"), ("clusters_confident", "--"), ("clusters_ambiguous", ":")):
        label = {"clusters": "all", "clusters_confident": "confident", "clusters_ambiguous": "ambiguous"}[part]
        axis.plot(places, [one[part]["hungarian"] for one in epochs], style, label=label)
    axis.axhline(head["run"]["activation_kmeans"]["hungarian"], color="grey", linewidth=0.8)
    axis.text(0, head["run"]["activation_kmeans"]["hungarian"], "k-means", fontsize=7, va="bottom", color="grey")
    axis.axhline(head["run"]["shuffled_clusters"]["hungarian"], color="grey", linewidth=0.8)
    axis.text(0, head["run"]["shuffled_clusters"]["hungarian"], "shuffled", fontsize=7, va="bottom", color="grey")
    refined = next((one["epoch"] for one in epochs if one["phase"] == "refinement"), None)
    if refined is not None:
        axis.axvline(refined, color="grey", linewidth=0.8, linestyle=":")
    axis.set(title=f"{dataset}: clusters against places", xlabel="Stage 1 epoch", ylabel="Hungarian accuracy")
    axis.set_ylim(0, 1.05)
    axis.legend(frameon=False, fontsize=7)


def main() -> None:
    """Write the page's tables and curves."""
    IMAGES.mkdir(exist_ok=True)
    draw()
    head, _ = history("opportunity", "detach")
    made = json.loads(head["provenance"])
    parts = [
        *clusters_table(),
        "",
        "Weighted F1 of one seed with 95 % bootstrap intervals, which do not cover the variation between trainings:",
        "",
        *metrics_table(),
        "",
        "Negative pairs of Opportunity in Stage 2 (same fixture and action: false; same fixture only: hard):",
        "",
        *pairs_table(),
        "",
        f"Simulated data; seed 0; {head['run']['device']}; commit {made['commit']}.",
    ]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(parts) + f"\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
