"""Artifacts made by hand for the figures, and what every picture must satisfy."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.history import History
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.reports.figures.drawing import Artifact, Artifacts
from tests.fixtures.artifacts import make_windows

CLASSES = ("Open Fridge", "Close Fridge", "Open Door 1")


def windows_of(label_unit="window", **changes):
    """72 windows in four recordings; the class names say place and action."""
    return make_windows(label_unit, repeats=2, **({"class_names": CLASSES} | changes))


def split_of(windows, *, held_out=(3,)):
    parts = {
        "pretrain": np.flatnonzero(windows.recording == 0),
        "downstream": np.flatnonzero((windows.recording > 0) & ~np.isin(windows.recording, held_out)),
        "held_out": np.flatnonzero(np.isin(windows.recording, held_out)),
    }
    inputs = {"windows": windows.provenance.artifact_id}
    provenance = make_provenance(stage="split", source=windows.source, settings={}, seed=7, inputs=inputs)
    return Split(windows.dataset, "default", 7, parts, None, {}, (), provenance)


def embeddings_of(windows, *, seed=0, source="simulated", inputs=None, **features):
    """Features that tell the classes apart, each with a little noise of its own."""
    rng = np.random.default_rng(seed)
    made = {
        name: (np.eye(16)[windows.label] + 0.05 * rng.normal(size=(windows.num_windows, 16))).astype(np.float32)
        for name in ("sensor", "video", "sensor_spatial", "video_spatial")
    }
    provenance = make_provenance(
        stage="embed",
        source=source,
        settings={},
        seed=seed,
        inputs=inputs or {"windows": windows.provenance.artifact_id},
    )
    texts = dict.fromkeys(("method", "variant", "split", "probed", "dataset", "source", "video_init"), "detach")
    return Embeddings(features=made | features, seed=seed, provenance=provenance, **texts)


def history_of(windows, rates, *, seed=0, phases=None):
    """Epoch 0, then an epoch for each rate: two of warm-up, two joint, then refinement."""
    phases = phases or [("warm-up", "joint", "refinement")[min(k // 2, 2)] for k in range(len(rates))]
    rows = [{"epoch": 0, "phase": "start", "change_rate": None}]
    rows += [
        {"epoch": k, "phase": phase, "change_rate": rate}
        for k, (phase, rate) in enumerate(zip(phases, rates, strict=True), start=1)
    ]
    inputs = {"windows": windows.provenance.artifact_id}
    provenance = make_provenance(stage="pretrain_spatial", source="simulated", settings={}, seed=seed, inputs=inputs)
    return History({"num_windows": 50}, rows, provenance)


def artifacts_of(**values):
    """Artifacts from values, or lists of values, by kind."""
    by_kind = {}
    for kind, given in values.items():
        items = given if isinstance(given, list) else [given]
        by_kind[kind] = [Artifact(Path(f"results/{kind}{k}"), item) for k, item in enumerate(items)]
    return Artifacts(by_kind)


def assert_texts_stand_apart(figure):
    """Every text lies inside the figure, and no two overlap."""
    drawn, draw = {}, Text.draw

    def remember(text, renderer):
        if text.get_visible() and text.get_text().strip():
            drawn[id(text)] = text
        draw(text, renderer)

    with mock.patch.object(Text, "draw", remember):
        FigureCanvasAgg(figure).draw()
    texts = [(text.get_text(), text.get_window_extent()) for text in drawn.values()]
    assert texts
    page = figure.bbox
    for words, box in texts:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.width + 1 and box.y1 <= page.height + 1
        assert inside, f"{words!r} leaves the figure"
    for (first, box), (second, other) in combinations(texts, 2):
        apart = box.x1 <= other.x0 + 1 or other.x1 <= box.x0 + 1 or box.y1 <= other.y0 + 1 or other.y1 <= box.y0 + 1
        assert apart, f"{first!r} overlaps {second!r}"


@pytest.fixture
def made():
    """The makers of this file by name."""

    class Made:
        windows = staticmethod(windows_of)
        split = staticmethod(split_of)
        embeddings = staticmethod(embeddings_of)
        history = staticmethod(history_of)
        artifacts = staticmethod(artifacts_of)
        changed = staticmethod(replace)

    return Made


@pytest.fixture
def texts_stand_apart():
    return assert_texts_stand_apart
