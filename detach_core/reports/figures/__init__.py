"""The figures by the name that a config gives in `draw`."""

from __future__ import annotations

from importlib import import_module

from detach_core.foundation.errors import UserError
from detach_core.reports.figures.drawing import Drawing

# Name -> module with its DRAWING, imported when asked for: a figure loads only what it draws with.
FIGURES = {
    "weight_cdf": "detach_core.reports.figures.weight_cdf",  # Fig. 4
    "class_separation": "detach_core.reports.figures.class_separation",  # Fig. 5
    "phase_space": "detach_core.reports.figures.phase_space",  # Fig. 6
    "feature_map": "detach_core.reports.figures.feature_map",  # Figs. 7 and 9
    "activation_maps": "detach_core.reports.figures.activation_maps",  # Fig. 8
    "assignment_stability": "detach_core.reports.figures.assignment_stability",  # Fig. 10
}


def drawing(name: str) -> Drawing:
    """The drawing called `name`.

    Raises:
        UserError: there is none of that name.
    """
    if name not in FIGURES:
        raise UserError(f"draw: found {name!r}, expected one of {', '.join(FIGURES)}; correct the figure in the config")
    found: Drawing = import_module(FIGURES[name]).DRAWING
    return found
