"""Making of a recogniser from a trained run, its classifier and the windows that neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.classifier import Classifier
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.recognizer import (
    Activity,
    Channel,
    Description,
    Resampling,
    Smoothing,
    whole_folder,
    write_description,
)
from detach_core.contracts.rows import SelectedRows
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.logistic import standardise
from detach_core.evaluation.probes import Probe, fit_authors_probes, fit_logistic_probes
from detach_core.foundation.errors import UserError
from detach_core.methods.method import AnyMethod
from detach_core.recognition.calibration import enough_groups, fit_temperature, fit_threshold, softened
from detach_core.recognition.export import recognizer_network, trace, write_graph, write_weights
from detach_core.recognition.settings import RecognizerJob
from detach_core.recognition.smoothing import filtered, fit_smoothing, measure
from detach_core.training.embedding import embed_sensor_windows, rebuild
from detach_core.windows.splitting import stratified_folds

Ids = NDArray[np.int64]

Floats = NDArray[np.float64]

_CPU = torch.device("cpu")

# Units of channels that hold a state until it changes.
STATES = ("state", "logical")


@dataclass(frozen=True)
class HeldOut:
    """Windows that the classifier which names them has not seen, in the order of time.

    Attributes:
        rows: (N,) rows of `windows.h5`.
        probe: the classifier of new windows.
        logits: (N, K).
        label: (N,).
        sequence: (N,) the recording.
        group: (N,) what is exchangeable.
        kind: `recording` or `gesture`.
        steps: (N,) strides since the window before.
        exact: whether all were named by one classifier.
    """

    rows: Ids
    probe: Probe
    logits: Floats
    label: Ids
    sequence: Ids
    group: Ids
    kind: str
    steps: Ids
    exact: bool

    @property
    def is_gapless(self) -> bool:
        """Whether each window of a recording follows the one before by a stride."""
        return bool((self.steps[1:][self.sequence[1:] == self.sequence[:-1]] == 1).all())


def build_recognizer(
    folder: Path | str,
    *,
    windows: Windows,
    split: Split,
    checkpoint: Checkpoint,
    classifier: Classifier,
    job: RecognizerJob,
    provenance: Provenance,
) -> Description:
    """Write the recogniser to `folder`, which appears whole.

    Args:
        folder: where to write.
        windows: labelled by the classifier's target.
        split: of the windows.
        checkpoint: the trained run.
        classifier: of its features.
        job: settings.
        provenance: of the recogniser.

    Raises:
        UserError: the classifier's protocol has no labelled window that it was not fitted on.
    """
    found = held_out(windows, split, checkpoint, classifier, job)
    is_calibrating = calibrating(found.group, job.recognizer.calibrating, np.random.default_rng([split.seed, 3]))
    calibration = fit_temperature(found.logits[is_calibrating], found.label[is_calibrating])
    network = recognizer_network(
        checkpoint, found.probe, feature=classifier.feature, temperature=calibration.temperature
    )
    traced = trace(network)
    smoothing = _smoothing(windows, found.rows, len(classifier.class_names), balanced=_is_balanced(classifier, job))
    plain = softened(found.logits, calibration.temperature)
    probability = {"window": plain, "smoothed": filtered(plain, found.sequence, found.steps, smoothing)}
    rest, num_classes = ~is_calibrating, len(classifier.class_names)
    description = Description(
        dataset=classifier.dataset,
        variant=classifier.variant,
        split=split.name,
        feature=classifier.feature,
        target=classifier.target,
        rate_hz=windows.sensor_hz,
        window_s=windows.window_s,
        stride_s=windows.stride_s,
        length=windows.sensor.shape[2],
        max_nan_share=windows.max_nan_share,
        resampling=resampling_of(windows.channel_units),
        channels=tuple(map(Channel, windows.channel_names, windows.channel_units)),
        classes=tuple(map(Activity, classifier.class_names, classifier.class_places, classifier.class_actions)),
        weights=traced.encoder_names,
        calibration=calibration,
        thresholds={
            mode: fit_threshold(
                values[rest],
                found.label[rest],
                found.group[rest],
                wanted=job.recognizer.coverage,
                kind=found.kind,
                # Live, smoothing goes through what lies between activities as well, which calibrated nothing.
                exact=found.exact and (mode == "window" or found.is_gapless),
            )
            for mode, values in probability.items()
        },
        smoothing=smoothing,
        measures={
            mode: measure(values.argmax(axis=1), found.label, found.sequence, num_classes)
            for mode, values in probability.items()
        },
        provenance=provenance,
    )
    with whole_folder(folder) as partial:
        write_description(partial, description)
        write_weights(partial, network, traced, checkpoint, provenance=provenance)
        write_graph(partial, traced, artifact_id=provenance.artifact_id)
    return description


def resampling_of(units: Sequence[str]) -> Resampling:
    """`previous` where all channels hold a state until it changes, else `nearest`."""
    return "previous" if set(units) <= set(STATES) else "nearest"


def _is_balanced(classifier: Classifier, job: RecognizerJob) -> bool:
    return classifier.kind == "logistic" and job.probe.class_weights != "none"


def calibrating(group: Ids, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask (N,) of the windows whose groups fit the temperature: `share` of the groups, rounded down."""
    groups = np.unique(group)
    return np.isin(group, rng.permutation(groups)[: int(share * len(groups))])


def held_out(
    windows: Windows, split: Split, checkpoint: Checkpoint, classifier: Classifier, job: RecognizerJob
) -> HeldOut:
    """The labelled windows that the classifier was not fitted on.

    Of a protocol that holds out recordings or subjects they are those it tests. Else each window is named by a
    classifier that was fitted anew without its fold, with the same penalty. Where recordings are labelled as a whole,
    the classifier knows means over a recording, which no live window is, so it is fitted anew on single windows.

    Raises:
        UserError: there is none.
    """
    folds = [fold for fold in split.protocols[classifier.protocol] if fold.draw == 0]
    exact = len(folds) == 1
    rows = np.unique(np.concatenate([fold.test for fold in folds]))
    rows = rows[windows.label[rows] >= 0]
    if not len(rows):
        raise UserError(
            f"{windows.path}: protocol {classifier.protocol}: found no labelled window outside those that fitted the"
            " classifier, expected some to calibrate with; hold out recordings that have labels"
        )
    rows = rows[np.lexsort((windows.start_s[rows], windows.recording[rows]))]
    of_windows = classifier.label_unit == "window"
    known = rows if exact and of_windows else np.union1d(rows, np.concatenate([fold.train for fold in folds]))
    fitter = _Fitter(known, _features(windows, known, checkpoint, classifier), windows, classifier, job, split.seed)
    if exact:
        probe = _fitted(classifier) if of_windows else fitter.fit([folds[0].train])[0]
        probes = [probe]
    else:
        probe = _fitted(classifier) if of_windows else fitter.fit([rows])[0]
        probes = fitter.fit([fold.train for fold in folds])
    logits = np.empty((len(rows), len(classifier.class_names)))
    for fold, one in zip(folds, probes, strict=True):
        tested = np.isin(rows, fold.test)
        logits[tested] = _logits(one, fitter.of(rows[tested]))
    group, kind = _groups(windows, rows, job)
    steps = np.rint(np.diff(windows.start_s[rows], prepend=0.0) / windows.stride_s).astype(np.int64)
    return HeldOut(
        rows=rows,
        probe=probe,
        logits=logits,
        label=windows.label[rows].astype(np.int64),
        sequence=windows.recording[rows].astype(np.int64),
        group=group,
        kind=kind,
        steps=np.maximum(steps, 1),
        exact=exact,
    )


def _features(windows: Windows, rows: Ids, checkpoint: Checkpoint, classifier: Classifier) -> NDArray[np.float64]:
    """(n, D) of the windows `rows`, by the sensors alone."""
    method: AnyMethod = rebuild(checkpoint)
    sensor = np.asarray(SelectedRows(windows.sensor, rows))
    return embed_sensor_windows(method, checkpoint, sensor, device=_CPU)[classifier.feature].astype(np.float64)


def _groups(windows: Windows, rows: Ids, job: RecognizerJob) -> tuple[Ids, str]:
    """The recordings, if there are enough of them for the coverage, else the gestures; a window of none is its own."""
    recording = windows.recording[rows].astype(np.int64)
    count = len(np.unique(recording))
    left = count - int(job.recognizer.calibrating * count)
    if enough_groups(np.arange(left), job.recognizer.coverage):
        return recording, "recording"
    instance = windows.instance[rows].astype(np.int64)
    return np.where(instance >= 0, instance, -2 - np.arange(len(rows))), "gesture"


def _fitted(classifier: Classifier) -> Probe:
    return Probe(**classifier.tensors, c=classifier.c, candidate=0, inner_loss=())


class _Fitter:
    """Classifiers of single windows, fitted as the given one was.

    Its penalty is kept where it was chosen for windows, and else chosen again, recordings kept together.
    """

    def __init__(
        self, rows: Ids, features: Floats, windows: Windows, classifier: Classifier, job: RecognizerJob, seed: int
    ) -> None:
        """Args: rows: (n,) in rising order; features: (n, D) of these windows."""
        self._rows, self._features, self._windows = rows, features, windows
        self._classifier, self._probe, self._seed = classifier, job.probe, seed

    def of(self, rows: Ids) -> Floats:
        """The features of these windows."""
        return self._features[np.searchsorted(self._rows, rows)]

    def fit(self, parts: Sequence[Ids]) -> list[Probe]:
        """A classifier for each part, fitted on its windows."""
        places = [np.searchsorted(self._rows, rows) for rows in parts]
        label, num_classes = self._windows.label[self._rows].astype(np.int64), len(self._classifier.class_names)
        if self._classifier.c is None:
            return fit_authors_probes(
                self._features, label, places, num_classes=num_classes, seed=self._seed, device=_CPU
            )
        chosen = self._classifier.label_unit == "window"
        return fit_logistic_probes(
            [self._features],
            label,
            places,
            [np.zeros(len(rows), dtype=np.int64) if chosen else self._inner_folds(rows) for rows in parts],
            strengths=[self._classifier.c] if chosen else self._probe.c,
            num_classes=num_classes,
            class_weights=self._probe.class_weights,
            device=_CPU,
        )

    def _inner_folds(self, rows: Ids) -> Ids:
        """The inner fold of each window of a part, recordings kept together."""
        recording, rng = self._windows.recording[rows], np.random.default_rng([self._seed, 4])
        count = min(self._probe.inner_folds, len(np.unique(recording)))
        if count < 2:
            return np.zeros(len(rows), dtype=np.int64)
        return stratified_folds(self._windows.label[rows], count, rng, recording)


def _logits(probe: Probe, features: NDArray[np.float64]) -> Floats:
    values = torch.as_tensor(features, dtype=torch.float64)
    found: Floats = (standardise(values, probe.mean, probe.std) @ probe.coefficients + probe.intercept).numpy()
    return found


def _smoothing(windows: Windows, held: Ids, num_classes: int, *, balanced: bool) -> Smoothing:
    """The model of the labelled windows that are not held out, in the order of time."""
    rows = np.setdiff1d(np.flatnonzero(windows.label >= 0), held)
    rows = rows[np.lexsort((windows.start_s[rows], windows.recording[rows]))]
    label, sequence = windows.label[rows].astype(np.int64), windows.recording[rows].astype(np.int64)
    return fit_smoothing(label, sequence, num_classes, balanced=balanced)
