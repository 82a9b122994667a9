"""OPPORTUNITY's ambient columns and ML_Both_Arms codes (column_names.txt, label_legend.txt of the UCI release)."""

from __future__ import annotations

NUM_COLUMNS = 250
TIME_COLUMN = 1  # MILLISEC
LABEL_COLUMN = 250  # ML_Both_Arms
FIRST_SWITCH = 195
SWITCHES = (
    "DISHWASHER S1", "FRIDGE S3", "FRIDGE S2", "FRIDGE S1", "MIDDLEDRAWER S1", "MIDDLEDRAWER S2", "MIDDLEDRAWER S3",
    "LOWERDRAWER S3", "LOWERDRAWER S2", "UPPERDRAWER", "DISHWASHER S3", "LOWERDRAWER S1", "DISHWASHER S2",
)  # fmt: skip
FIRST_ACCELEROMETER = 208
DECKCHAIR = "LAZYCHAIR"
ACCELEROMETERS = ("DOOR1", DECKCHAIR, "DOOR2", "DISHWASHER", "UPPERDRAWER", "LOWERDRAWER", "MIDDLEDRAWER", "FRIDGE")

# Display name of each fixture -> the word that its sensors' names start with.
FIXTURES = {
    "Door 1": "DOOR1",
    "Door 2": "DOOR2",
    "Fridge": "FRIDGE",
    "Dishwasher": "DISHWASHER",
    "Drawer 1": "UPPERDRAWER",
    "Drawer 2": "MIDDLEDRAWER",
    "Drawer 3": "LOWERDRAWER",
}

NULL_CODE = 0
GESTURES = {
    406516: "Open Door 1",
    406517: "Open Door 2",
    404516: "Close Door 1",
    404517: "Close Door 2",
    406520: "Open Fridge",
    404520: "Close Fridge",
    406505: "Open Dishwasher",
    404505: "Close Dishwasher",
    406519: "Open Drawer 1",
    404519: "Close Drawer 1",
    406511: "Open Drawer 2",
    404511: "Close Drawer 2",
    406508: "Open Drawer 3",
    404508: "Close Drawer 3",
    408512: "Clean Table",
    407521: "Drink from Cup",
    405506: "Toggle Switch",
}


ACTIONS = ("Open", "Close")
# Gesture -> the fixture that it is done on and what is done; other gestures have none.
FIXTURE_GESTURES = {f"{action} {fixture}": (fixture, action) for fixture in FIXTURES for action in ACTIONS}


def ambient_columns(*, deckchair: bool) -> dict[str, tuple[int, str]]:
    """Channel name -> (1-based column, unit) of the 34 ambient channels, or 37 with the deckchair, in column order."""
    columns = {f"REED SWITCH {name}": (FIRST_SWITCH + i, "logical") for i, name in enumerate(SWITCHES)}
    for i, sensor in enumerate(ACCELEROMETERS):
        if sensor != DECKCHAIR or deckchair:
            for j, axis in enumerate("XYZ"):
                columns[f"Accelerometer {sensor} acc{axis}"] = (FIRST_ACCELEROMETER + 3 * i + j, "milli g")
    return columns


def fixture_of_channel(channel: str) -> str | None:
    """The fixture that a channel watches; None for the deckchair."""
    sensor = channel.removeprefix("REED SWITCH ").removeprefix("Accelerometer ").split()[0]
    return next((name for name, word in FIXTURES.items() if word == sensor), None)


def fixture_of_gesture(gesture: str) -> str | None:
    """The fixture that a gesture is done on; None for gestures without one."""
    return FIXTURE_GESTURES[gesture][0] if gesture in FIXTURE_GESTURES else None


def action_of_gesture(gesture: str) -> str:
    """`Open` or `Close`; "" for a gesture without a fixture."""
    return FIXTURE_GESTURES[gesture][1] if gesture in FIXTURE_GESTURES else ""
