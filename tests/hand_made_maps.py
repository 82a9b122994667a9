"""Hand-made activation maps for the tests of their contract and of Fig. 8."""

import numpy as np

from detach_core.contracts.analysis import MAPS, ActivationMaps, FeatureMaps, MotionShares
from detach_core.contracts.provenance import make_provenance

FRAMES, HEIGHT, WIDTH = 6, 24, 32


def make_maps(*, num_shown=3, num_measured=8, seed=0, source="simulated", **changes):
    """Three windows; a block moves right along its row, and each temporal map is brightest in its last step."""
    rng = np.random.default_rng(seed)
    frames = np.full((num_shown, FRAMES, HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    change = np.zeros((num_shown, FRAMES - 1, HEIGHT, WIDTH), dtype=np.uint8)
    for row in range(num_shown):
        for frame in range(FRAMES):
            frames[row, frame, 4 + 5 * row : 8 + 5 * row, 3 * frame : 3 * frame + 6] = (200, 60, 30)
        change[row, :, 4 + 5 * row : 8 + 5 * row, 2:20] = 40
    temporal = rng.uniform(0.0, 1.0, size=(num_shown, 5, 2, 3)) + np.arange(5.0)[:, None, None]
    whole = {"rows_px": np.array([1.5, 17.5]), "columns_px": np.array([1.5, 17.5, 25.5])}
    steps = np.stack([np.arange(5), np.arange(1, 6)], axis=1)
    maps = {
        name: FeatureMaps(rng.uniform(size=(num_shown, 1, 2, 3)).astype(np.float32), **whole, span=np.array([[0, 5]]))
        for name in MAPS
    }
    maps["temporal"] = FeatureMaps(temporal.astype(np.float32), **whole, span=steps)
    measured = MotionShares(
        window=10 * np.arange(num_measured),
        share=rng.uniform(0.2, 0.6, size=(num_measured, 3, 3)).astype(np.float32),
        peak=rng.random((num_measured, 3, 3)) < 0.5,
        even=rng.uniform(0.05, 0.2, size=(num_measured, 3)).astype(np.float32),
    )
    fields = {
        "window": 10 * np.arange(num_shown),
        "class_names": ("Open Fridge", "Close Dishwasher", "tidy")[:num_shown],
        "recordings": tuple(f"S{row + 1}-ADL4" for row in range(num_shown)),
        "start_s": 2.5 * np.arange(num_shown, dtype=np.float64),
        "frames": frames,
        "change": change,
        "moving": 12.0,
        "working_hz": 5.0,
        "maps": maps,
        "measured": measured,
        "dataset": "opportunity",
        "source": source,
        "split": "default",
        "part": "held_out",
        "variant": "detach",
        "baseline": "primus",
        "provenance": make_provenance(stage="activation_maps", source=source, settings={}, seed=seed),
    }
    return ActivationMaps(**(fields | changes))
