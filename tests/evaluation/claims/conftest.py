import dataclasses
import runpy
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from detach_core.contracts.embeddings import Assignments, Embeddings
from detach_core.contracts.metrics import Interval
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.evaluation.claim_evidence import Artifacts
from detach_core.evaluation.settings import ActivationSettings, ArtifactKey, Claim
from detach_core.settings.base import field_types
from detach_core.signals.normalization import fit

FOLDER = Path(__file__).parents[2]
HAND_MADE = runpy.run_path(str(FOLDER / "hand_made.py"))
PHASES = ("start", "warm-up", "joint", "refinement", "refinement")


class Made:
    """Hand-made evidence on 24 gestures of three windows at three places."""

    make_metrics = staticmethod(HAND_MADE["make_metrics"])
    make_pairs = staticmethod(runpy.run_path(str(FOLDER / "hand_made_pairs.py"))["make_pairs"])

    def __init__(self):
        windows = HAND_MADE["make_windows"](num_classes=3, num_recordings=4, repeats=2)
        self.place = windows.label % 3
        self.windows = HAND_MADE["make_windows"](
            num_classes=3,
            num_recordings=4,
            repeats=2,
            location=self.place.astype(np.int32),
            location_names=("a", "b", "c"),
        )

    def stage_one(self, *, right_before=0.6, right_after=0.9, confident_right=1.0, refined=True, seed=0):
        """A Stage 1 whose clusters are places, but for a share of wrong ones among the ambiguous, then and later."""
        rng = np.random.default_rng(seed)
        count = len(self.place)
        confident = rng.random(count) < 0.6

        def clusters(right_share):
            right = np.where(confident, rng.random(count) < confident_right, rng.random(count) < right_share)
            return np.where(right, self.place, (self.place + 1) % 3).astype(np.int32)

        before = clusters(right_before)
        last = clusters(right_after)
        return Assignments(
            window=np.arange(count),
            cluster=np.stack([before, before, before, last, last]),
            confident=np.tile(confident, (5, 1)),
            phases=PHASES if refined else (*PHASES[:3], "joint", "joint"),
            num_clusters=3,
            provenance=make_provenance(stage="pretrain_spatial", source="simulated", settings={}, seed=seed),
        )

    def embeddings(self, *, tells_places):
        """Features that separate the places, or noise."""
        rng = np.random.default_rng(0)
        features = rng.normal(size=(len(self.place), 4))
        if tells_places:
            features[:, :3] += 20.0 * np.eye(3)[self.place]
        texts = dict.fromkeys(("method", "variant", "split", "probed", "dataset", "source", "video_init"), "x")
        provenance = make_provenance(stage="embed", source="simulated", settings={}, seed=0)
        return Embeddings(features={"sensor": features.astype(np.float32)}, seed=0, **texts, provenance=provenance)

    def artifacts(self, found, *, seeds=(0,), windows=None):
        """`found`: (kind, name) -> what there is for each seed, on Opportunity's default split."""
        keyed = {
            ArtifactKey(kind, "opportunity", "default", name, seed): one
            for (kind, name), each in found.items()
            for seed, one in zip(seeds, each, strict=True)
        }
        interval = Interval(resamples=300, confidence=0.95, seed=0)
        windows = windows or self.windows
        splits = {("opportunity", "default"): self.split(windows)}
        return Artifacts(keyed, {"opportunity": windows}, splits, seeds, interval)

    def moving_windows(self, *, tells_places):
        """Windows in which each place moves a channel of its own, or each window any channel."""
        rng = np.random.default_rng(5)
        moving = self.place if tells_places else rng.integers(3, size=len(self.place))
        sensor = 0.05 * rng.normal(size=self.windows.sensor.shape)
        sensor[np.arange(len(moving)), moving] += rng.normal(size=(len(moving), sensor.shape[2]))
        return dataclasses.replace(self.windows, sensor=sensor.astype(np.float32))

    def split(self, windows):
        """A split that pretrains on all windows."""
        everything, none = np.arange(len(self.place)), np.array([], dtype=np.int64)
        parts = {"pretrain": everything, "downstream": none, "held_out": none}
        provenance = make_provenance(stage="split", source="simulated", settings={}, seed=0)
        return Split("opportunity", "default", 0, parts, fit(windows.sensor, quantile=0.99), {}, (), provenance)


@pytest.fixture
def made():
    return Made()


@pytest.fixture
def claim():
    """A claim on Opportunity's default split, with settings of a type."""

    def made(kind, **changes):
        measure = get_args(field_types(kind)["measure"])[0]
        common = {"measure": measure, "table": "table2", "datasets": ("opportunity",), "threshold": 0.0}
        settings = kind(**(common | changes))
        return Claim(settings, (("opportunity", "default"),), ActivationSettings("centred", 0.99, "abs"))

    return made
