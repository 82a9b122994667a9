"""Average precision pooled over folds whose classifiers differ, against that of one classifier for all units.

    ./run python -m studies.pooled_precision [--repeats 400] [--seed 0]

Protocol `paper` rotates its folds: each unit is scored by a classifier that was trained on other units, and mAP ranks
the scores of all these classifiers together. Here units are drawn from known classes, so that one more classifier can
be trained on as many units of its own and score all of them. The difference in mAP is what the pooling does; the same
is shown for weighted F1, which ranks nothing. The table goes to docs/statistics/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from detach_core.evaluation.metrics import mean_average_precision, weighted_f1
from detach_core.foundation.files import write_text
from detach_core.reports.tables import markdown
from detach_core.windows.splitting import rotating_folds

PATH = Path(__file__).resolve().parents[1] / "docs" / "statistics" / "pooled_precision.csv"
DIM = 64
Values = NDArray[np.float64]
Labels = NDArray[np.int64]


class Home(NamedTuple):
    """Tested units, classes and folds as the demo has them; `distance` of the class means sets how hard it is.

    Of windows a fold is kept for validation, as in the paper; of sequences none.
    """

    units: int
    classes: int
    folds: int
    validation: bool
    distance: float


HOMES = {
    "opportunity, easy": Home(203, 14, 10, True, 0.4),
    "opportunity, hard": Home(203, 14, 10, True, 0.3),
    "hwu_usp, easy": Home(18, 5, 5, False, 0.4),
    "hwu_usp, hard": Home(18, 5, 5, False, 0.3),
}


def compared(home: Home, rng: np.random.Generator) -> dict[str, float]:
    """Figures (mAP, weighted F1) of the same units, scored by a classifier for each fold and by one for all."""
    centre = home.distance * rng.normal(size=(home.classes, DIM))
    label = np.arange(home.units) % home.classes
    feature = centre[label] + rng.normal(size=(home.units, DIM))
    folds = rotating_folds(label, home.folds, rng, with_val=home.validation)
    pooled = np.zeros((home.units, home.classes))
    for train, _, test in folds:
        pooled[test] = _scores(feature[train], label[train], feature[test], home.classes)
    own = label[folds[0][0]]
    alone = _scores(centre[own] + rng.normal(size=(len(own), DIM)), own, feature, home.classes)
    once = np.ones((1, home.units))
    found = {}
    for name, scores in (("pooled", pooled), ("alone", alone)):
        found[f"map_{name}"] = float(mean_average_precision(label, scores, once)[0])
        found[f"f1_{name}"] = float(weighted_f1(label, scores.argmax(axis=1), home.classes, once)[0])
    return found


def _scores(feature: Values, label: Labels, tested: Values, num_classes: int) -> Values:
    """(N, K) probabilities of logistic regression; 0 for a class that the training units lack."""
    scaler = StandardScaler().fit(feature)
    model = LogisticRegression(max_iter=1000, class_weight="balanced").fit(scaler.transform(feature), label)
    scores = np.zeros((len(tested), num_classes))
    scores[:, model.classes_] = model.predict_proba(scaler.transform(tested))
    return scores


def differences(home: Home, repeats: int, seed: int) -> dict[str, float]:
    """Means of both ways, and the mean difference in mAP and F1, pooled minus alone, with its standard error."""
    rng = np.random.default_rng([seed, home.units, home.classes, round(100 * home.distance)])
    frame = pd.DataFrame([compared(home, rng) for _ in range(repeats)])
    found = {name: float(frame[name].mean()) for name in ("map_alone", "map_pooled", "f1_alone", "f1_pooled")}
    for name in ("map", "f1"):
        gap = frame[f"{name}_pooled"] - frame[f"{name}_alone"]
        found |= {f"{name}_gap": float(gap.mean()), f"{name}_gap_error": float(gap.std(ddof=1) / np.sqrt(repeats))}
    return found


def write_differences(found: Mapping[str, Mapping[str, float]], *, repeats: int, seed: int, path: Path) -> None:
    """Write the differences by home at `path` and, for readers, beside it as `.md`."""
    frame = pd.DataFrame([{"home": name, **values} for name, values in found.items()])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, frame.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    shown = pd.DataFrame(
        {
            "Home": frame["home"],
            "mAP, one classifier": frame["map_alone"].map("{:.3f}".format),
            "mAP, pooled": frame["map_pooled"].map("{:.3f}".format),
            "Difference": [
                f"{a:+.3f} ± {b:.3f}" for a, b in zip(frame["map_gap"], frame["map_gap_error"], strict=True)
            ],
            "in F1": [f"{a:+.3f} ± {b:.3f}" for a, b in zip(frame["f1_gap"], frame["f1_gap_error"], strict=True)],
        }
    )
    caption = (
        "Units scored by the classifiers of rotating folds, their scores ranked together, against one classifier"
        f" trained on as many other units; {repeats} simulated homes each with the demo's units, classes and folds;"
        f" ±: standard error of the mean difference; seed {seed}; written by `studies/{Path(__file__).name}`."
    )
    write_text(path.with_suffix(".md"), markdown(shown, "Average precision pooled over folds", caption))


def main(repeats: int, seed: int) -> None:
    """Measure and write."""
    found = {name: differences(home, repeats, seed) for name, home in HOMES.items()}
    write_differences(found, repeats=repeats, seed=seed, path=PATH)
    print(PATH.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    main(given.repeats, given.seed)
