"""Registry of the figures by the name that the configuration gives in `draw`.

A new figure is a file with its `Drawing`, its settings in `settings.py` and a line here. One of a package of your own
is a single file: `draw: "my_package.module:Class"`, where the class names its `settings_type`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from detach_core.reports.figures.settings import FigureSettings
from detach_core.settings.base import Plugin, Registry, from_plain

if TYPE_CHECKING:
    from detach_core.reports.figures.drawing import AnyDrawing

_FOLDER = "detach_core.reports.figures"
# Kind -> its settings, and its drawing in full, by which the digest of the code finds its module.
_OWN = {
    "weight_cdf": ("WeightCdfSettings", "detach_core.reports.figures.negative_pairs:WeightCdf"),  # Fig. 4
    "class_separation": (
        "ClassSeparationSettings",
        "detach_core.reports.figures.negative_pairs:ClassSeparation",
    ),  # Fig. 5
    "phase_space": ("PhaseSpaceSettings", "detach_core.reports.figures.phase_space:PhaseSpace"),  # Fig. 6
    "feature_map": ("FeatureMapSettings", "detach_core.reports.figures.feature_map:FeatureMap"),  # Figs. 7 and 9
    "activation_maps": (
        "ActivationMapsSettings",
        "detach_core.reports.figures.activation_maps:ActivationMapsDrawing",
    ),  # Fig. 8
    "assignment_stability": (
        "AssignmentStabilitySettings",
        "detach_core.reports.figures.assignment_stability:AssignmentStability",
    ),  # Fig. 10
}

FIGURES: Registry[AnyDrawing] = Registry(
    "figure",
    {name: Plugin(_FOLDER, settings, place.removeprefix(f"{_FOLDER}.")) for name, (settings, place) in _OWN.items()},
)


def read_figure(text: str) -> FigureSettings:
    """The settings of a figure that a stage's JSON holds, of its kind's own type.

    Raises:
        LookupError: an unknown kind.
        TypeError: settings that the kind does not know.
    """
    plain = json.loads(text)
    settings: FigureSettings = from_plain(FIGURES.settings(str(plain.get("draw"))), plain)
    return settings
