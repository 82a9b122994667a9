from __future__ import annotations

import numpy as np

from detach_core.datasets.opportunity.columns import FIXTURES, SWITCHES
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.reed_switches import reed_switches


def _switches(seed=0):
    return {contact.name: contact for contact in reed_switches(opportunity_home(), seed=seed)}


def test_the_home_has_the_thirteen_switches_on_their_fixtures():
    contacts = _switches()
    assert set(contacts) == set(SWITCHES)
    for name, contact in contacts.items():
        assert FIXTURES[contact.fixture] == name.split()[0]
    assert not any(contact.fixture.startswith("Door") for contact in contacts.values())


def test_a_triplet_tells_closed_half_and_fully_open():
    contacts = _switches()
    for word in ("DISHWASHER", "FRIDGE", "MIDDLEDRAWER", "LOWERDRAWER"):
        near = [contacts[f"{word} S{index}"].near(np.array([0.0, 0.5, 0.96])).tolist() for index in (1, 2, 3)]
        assert near == np.eye(3, dtype=bool).tolist()


def test_drawer_1_reads_the_same_closed_half_and_full():
    assert _switches()["UPPERDRAWER"].near(np.array([0.0, 0.25, 0.5, 0.75, 0.95])).tolist() == [1, 0, 1, 0, 1]


def test_polarity_belongs_to_the_home():
    assert _switches(0) == _switches(0)
    polarities = {tuple(contact.active for contact in _switches(seed).values()) for seed in range(12)}
    assert len(polarities) > 4
