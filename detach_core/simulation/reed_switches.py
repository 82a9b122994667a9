"""The Opportunity-like home's 13 reed switches (wiring after the release's drawing of its magnets and switches).

Triplets S1, S2, S3 tell closed, half and fully open; Drawer 1's one switch is passed by all three magnets, so it does
not say which. Doors have none. Which level means "magnet near" is a property of the home that no reader is told.
"""

from __future__ import annotations

from detach_core.simulation.contacts import Contact
from detach_core.simulation.home import Home
from detach_core.simulation.randomness import generator_for

# Column's word -> fixture.
TRIPLETS = {
    "DISHWASHER": "Dishwasher",
    "FRIDGE": "Fridge",
    "MIDDLEDRAWER": "Drawer 2",
    "LOWERDRAWER": "Drawer 3",
}
SINGLE = ("UPPERDRAWER", "Drawer 1")
# Opening fractions of the magnets for closed, half and full, and how near a magnet must be.
MAGNETS = (0.0, 0.5, 0.95)
REACH = 0.08
# How far a magnet may be glued off its mark.
GLUE = 0.03


def reed_switches(home: Home, *, seed: int) -> list[Contact]:
    """The home's switches, named as the columns are (`FRIDGE S1`); magnets and polarity are drawn once per home."""
    generator = generator_for(seed, home.name, "reed switches")
    contacts = []
    for word, fixture in TRIPLETS.items():
        # A triplet is wired at once: its switches share their polarity.
        active = int(generator.integers(2))
        for index, magnet in enumerate(MAGNETS):
            place = magnet + float(generator.uniform(-GLUE, GLUE)) * (index > 0)
            contacts.append(Contact(f"{word} S{index + 1}", fixture, (place,), REACH, active))
    word, fixture = SINGLE
    contacts.append(Contact(word, fixture, MAGNETS, REACH, int(generator.integers(2))))
    return contacts
