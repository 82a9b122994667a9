from __future__ import annotations

import dataclasses

import pytest

from detach_core.simulation.routine import Visit


def test_a_visit_cannot_be_changed_after_it_was_planned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Visit("rest", "table", 1.0).place = "chair"
