"""Label curves: metrics of classifiers that know few labels.

A label is that of a gesture, or of a sequence where those are classified. At a curve's points a classifier knows

- `labels`: so many of each class, and all; a logistic regression on the sensors' features;
- `named clusters`: none. The sensors of the pretraining part are clustered, a person looks at the video of one gesture
  in each cluster, and that gesture's class is the cluster's name;
- `random looks`: as many gestures as there are clusters, drawn whatever their class; the logistic regression again;
- `video labels`: so many of each class and all, in the video. The logistic regression is fitted on the video's features
  and applied to the sensors' in the space that both share.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.clustering import kmeans
from detach_core.contracts.metrics import Interval, ProtocolResult
from detach_core.contracts.split import Fold, Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.evaluate import Units, evaluate_protocols, pooled, summarise
from detach_core.evaluation.logistic import moments, standardise
from detach_core.evaluation.probes import ClassWeights, fit_logistic_probes
from detach_core.evaluation.settings import LabelCurveSettings
from detach_core.losses import COLLAPSED_COSINE, mean_cosine
from detach_core.settings.shared import PointKind

Ids = NDArray[np.int64]

Values = NDArray[np.float64]

Features = NDArray[np.float32]

# Each tells its draws from others of the same seed.
_LABELLED, _LOOKED_AT, _CLUSTERED = 21, 22, 23

STARTS = 10
"""starts of k-means, of which the best is taken"""

_POINT = re.compile(rf"(?P<protocol>.+), (?P<count>\d+|all) (?P<kind>{'|'.join(get_args(PointKind))})")


@dataclass(frozen=True)
class CurvePoint:
    """A point of a label curve: the protocol that gives the test part, what the classifier knows, and how much of it.

    `count` is that of the labels of each class, of the clusters or of the looks; None where all labels are known.
    """

    protocol: str
    kind: PointKind
    count: int | None

    @property
    def name(self) -> str:
        """The name of the point among the protocols of `label_curve.json`, such as `by_recording, 3 labels`."""
        words = f"{'all' if self.count is None else self.count} {self.kind}"
        return f"{self.protocol}, {words.removesuffix('s') if self.count == 1 else words}"

    @classmethod
    def of_name(cls, name: str) -> CurvePoint:
        """The point called `name`.

        Raises:
            ValueError: it is no name of a point.
        """
        found = _POINT.fullmatch(name) or _POINT.fullmatch(f"{name}s")
        if found is None:
            raise ValueError(f"expected the name of a point of a label curve, got {name!r}")
        count = None if found["count"] == "all" else int(found["count"])
        return cls(found["protocol"], cast(PointKind, found["kind"]), count)


def labelled_rows(units: Units, rows: Ids, count: int, rng: np.random.Generator) -> Ids:
    """Those of `rows` that belong to `count` gestures of each class, drawn at random; all of a class with fewer.

    With equally seeded generators a smaller count gives a part of what a larger one gives.

    Args:
        units: classified units, with label and gesture of each.
        rows: (N,) places in `units`, the training part.
        count: gestures, or sequences, of each class.
        rng: generator.
    """
    kept = []
    for label in np.unique(units.label[rows]):
        of_class = rows[units.label[rows] == label]
        gestures = rng.permutation(np.unique(units.instance[of_class]))[:count]
        kept.append(of_class[np.isin(units.instance[of_class], gestures)])
    chosen: Ids = np.sort(np.concatenate(kept))
    return chosen


def looked_at_rows(units: Units, rows: Ids, count: int, rng: np.random.Generator) -> Ids:
    """Those of `rows` that belong to `count` gestures, drawn at random whatever their class; otherwise as above."""
    gestures = rng.permutation(np.unique(units.instance[rows]))[:count]
    return rows[np.isin(units.instance[rows], gestures)]


def looks(distance: Values, rows: Ids) -> Ids:
    """Place (M,) of the unit that is looked at in each cluster; -1 for a cluster that has none among `rows`.

    It is the unit of the cluster that is nearest to the centre, the first of equally near ones.

    Args:
        distance: (N, M) from each unit to each centre; a unit belongs to the nearest.
        rows: (R,) places of the units that a person could look at.
    """
    own = np.full((len(rows), distance.shape[1]), np.inf)
    nearest = distance[rows].argmin(axis=1)
    own[np.arange(len(rows)), nearest] = distance[rows, nearest]
    return np.where(np.isfinite(own.min(axis=0)), rows[own.argmin(axis=0)], -1)


def memberships(distance: Values, name: Ids, num_classes: int) -> Values:
    """Membership (N, K) of each unit in each class, rows adding up to 1; the class of the nearest cluster has the most.

    That of fuzzy c-means with the fuzzifier 2 (Bezdek 1981), inversely as the squared distance, where a class's centre
    is the nearest of those that have its name; 0 for a class without a cluster. A cluster without a name has no part.

    Args:
        distance: (N, M) from each unit to each centre.
        name: (M,) class of each cluster, -1 for none.
        num_classes: K.
    """
    nearest = np.full((len(distance), num_classes), np.inf)
    for label in np.unique(name[name >= 0]):
        nearest[:, label] = distance[:, name == label].min(axis=1)
    share = np.divide(nearest.min(axis=1, keepdims=True), nearest, out=np.ones_like(nearest), where=nearest > 0.0) ** 2
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def collapse_words(shared: tuple[Features, Features]) -> str:
    """In words, which of the sensors' and the video's features (N, D) point the same way; empty where none do."""
    cosines = {name: mean_cosine(torch.from_numpy(one)) for name, one in zip(("sensor", "video"), shared, strict=True)}
    return "; ".join(
        f"mean cosine of the shared space's {name} features {cosine:.3f}"
        for name, cosine in cosines.items()
        if cosine > COLLAPSED_COSINE
    )


@dataclass(frozen=True, eq=False)
class LabelCurve:
    """The classifiers of one run.

    Attributes:
        windows: labels, recordings and instances.
        split: the folds, and the seed of the draws, so that every method gets the same gestures.
        settings: counts, draws and strengths.
        class_weights: whether the classes count alike in the logistic fits.
        interval: how to make intervals.
        device: where to solve.
    """

    windows: Windows
    split: Split
    settings: LabelCurveSettings
    class_weights: ClassWeights
    interval: Interval
    device: torch.device

    @property
    def num_clusters(self) -> list[int]:
        """The numbers of looks."""
        return [count * len(self.windows.class_names) for count in self.settings.looks]

    def measured(
        self, features: Features, shared: tuple[Features, Features] | None = None
    ) -> dict[str, ProtocolResult]:
        """The metrics at each point, by its name: means over draws of gestures, or of starts of k-means.

        Labels are tested under the split's `by_*` protocols, or in the first draw of the folds of a split without one;
        looks in the first draw of the folds of every protocol.

        Args:
            features: (N, D) of the sensors, one row a window.
            shared: the sensors' and the video's features, both (N, E), in one space; None where there is none.
        """
        units = Units(self.windows, features)
        results = self.of_folds(features, self._labelled(units))
        looked_at = self._named_clusters(units) | self.of_folds(features, self._looked_at(units))
        kinds: tuple[PointKind, ...] = ("named clusters", "random looks")
        for place in itertools.product(self.split.protocols, self.num_clusters, kinds):
            name = CurvePoint(place[0], place[2], place[1]).name
            results[name] = looked_at[name]
        return results if shared is None else results | self._from_video(*shared)

    def of_folds(self, features: Features, points: Mapping[str, Sequence[Fold]]) -> dict[str, ProtocolResult]:
        """Metrics of the probe on the folds of each point, whose training windows are all that it knows.

        Its strength is fixed: one gesture a class leaves nothing to choose it by.
        """
        if not points:
            return {}
        return evaluate_protocols(
            self.windows,
            replace(self.split, protocols={name: tuple(folds) for name, folds in points.items()}, fold_draws=1),
            [features],
            kind="logistic",
            strengths=[self.settings.c],
            class_weights=self.class_weights,
            num_inner_folds=2,
            interval=self.interval,
            device=self.device,
        ).results

    def _labelled(self, units: Units) -> dict[str, tuple[Fold, ...]]:
        """Folds whose training windows are those of few labels, for each point; as they are where all are used."""
        points = {}
        for protocol, folds in self._protocols_of_labels().items():
            for count in self.settings.counts:
                name = CurvePoint(protocol, "labels", count).name
                points[name] = self._limited(units, folds, count, _LABELLED, labelled_rows)
            points[CurvePoint(protocol, "labels", None).name] = tuple(folds)
        return points

    def _looked_at(self, units: Units) -> dict[str, tuple[Fold, ...]]:
        points = {}
        for protocol, folds in self._protocols().items():
            for count in self.num_clusters:
                name = CurvePoint(protocol, "random looks", count).name
                points[name] = self._limited(units, folds, count, _LOOKED_AT, looked_at_rows)
        return points

    def _limited(
        self,
        units: Units,
        folds: Sequence[Fold],
        count: int,
        stream: int,
        choose: Callable[[Units, Ids, int, np.random.Generator], Ids],
    ) -> tuple[Fold, ...]:
        """The folds with fewer training windows, once for each draw."""
        limited = []
        for draw in range(self.settings.draws):
            for number, fold in enumerate(folds):
                rows = choose(units, units.rows(fold.train), count, self._rng(stream, draw, number))
                train = fold.train[np.isin(units.of_window[fold.train], units.ids[rows])]
                limited.append(Fold(train, fold.val, fold.test, draw))
        return tuple(limited)

    def _rng(self, stream: int, *place: int) -> np.random.Generator:
        return np.random.default_rng([self.split.seed, stream, *place])

    def _protocols(self) -> dict[str, list[Fold]]:
        return {name: [one for one in folds if one.draw == 0] for name, folds in self.split.protocols.items()}

    def _protocols_of_labels(self) -> dict[str, list[Fold]]:
        protocols = self._protocols()
        return {name: folds for name, folds in protocols.items() if name.startswith("by_")} or protocols

    def _named_clusters(self, units: Units) -> dict[str, ProtocolResult]:
        """One clustering of the pretraining part serves all protocols and folds; a look is into the fold's own part."""
        pretrain, found = units.rows(self.split.pretrain), _Found()
        values = _standardised(units.features, pretrain).numpy()
        for count in self.num_clusters:
            for draw in range(self.settings.draws):
                seed = int(self._rng(_CLUSTERED, count, draw).integers(2**31))
                distance = kmeans(values[pretrain], count, num_starts=STARTS, seed=seed).transform(values)
                for protocol, folds in self._protocols().items():
                    for fold in folds:
                        looked_at, test = looks(distance, units.rows(fold.train)), units.rows(fold.test)
                        name = np.where(looked_at >= 0, units.label[looked_at], -1)
                        scores = memberships(distance[test], name, len(self.windows.class_names))
                        found.add(CurvePoint(protocol, "named clusters", count), draw, test, scores)
        return self._summaries(units, found)

    def _from_video(self, sensor_features: Features, video_features: Features) -> dict[str, ProtocolResult]:
        """Both modalities are standardised by their own features of the fold's whole training part, without labels."""
        sensor, video = Units(self.windows, sensor_features), Units(self.windows, video_features)
        found = _Found()
        for protocol, folds in self._protocols_of_labels().items():
            for number, fold in enumerate(folds):
                train, test = sensor.rows(fold.train), sensor.rows(fold.test)
                places = [(count, draw) for count in self.settings.counts for draw in range(self.settings.draws)]
                rows = [
                    labelled_rows(sensor, train, count, self._rng(_LABELLED, draw, number)) for count, draw in places
                ]
                probes = fit_logistic_probes(
                    [_standardised(video.features, train).numpy()],
                    sensor.label,
                    [*rows, train],
                    [np.zeros_like(one) for one in (*rows, train)],
                    strengths=[self.settings.video_c],
                    num_classes=len(self.windows.class_names),
                    class_weights=self.class_weights,
                    device=self.device,
                )
                values = _standardised(sensor.features, train).numpy()[test]
                for (count, draw), probe in zip([*places, (None, 0)], probes, strict=True):
                    scores = probe.probabilities(values)
                    found.add(CurvePoint(protocol, "video labels", count), draw, test, scores)
        words = collapse_words((sensor_features[self.split.pretrain], video_features[self.split.pretrain]))
        return {name: replace(one, collapse=words) for name, one in self._summaries(sensor, found).items()}

    def _summaries(self, units: Units, found: _Found) -> dict[str, ProtocolResult]:
        return {
            name: summarise(
                [pooled(units, *zip(*parts, strict=True)) for parts in draws.values()],
                self.windows.class_names,
                (),
                self.interval,
            )
            for name, draws in found.parts.items()
        }


class _Found:
    """The tested rows and their (N, K) scores, fold by fold, of each point and draw."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[int, list[tuple[Ids, Values]]]] = {}

    def add(self, point: CurvePoint, draw: int, rows: Ids, scores: Values) -> None:
        """Addition of one fold."""
        self.parts.setdefault(point.name, {}).setdefault(draw, []).append((rows, scores))


def _standardised(features: Values, rows: Ids) -> torch.Tensor:
    """`features` (N, D) standardised by those of `rows`, as a probe does it by its training units."""
    values = torch.from_numpy(features)
    return standardise(values, *moments(values[rows]))
