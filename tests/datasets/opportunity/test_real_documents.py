"""The adapter against the documents that UCI gives out with the real recordings."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from detach_core.datasets.opportunity.text import (
    GESTURES,
    LABEL_COLUMN,
    NUM_COLUMNS,
    TIME_COLUMN,
    ambient_columns,
)
from detach_core.datasets.registry import build_adapter

CHECKOUT = Path(__file__).resolve().parents[3]
DOCUMENTS = CHECKOUT.parent / "shared" / "data" / "opportunity"
FIRST_MILLISEC = [0, 33, 67, 100, 133]  # of the real S1-ADL1, as published notebooks print them

pytestmark = pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="OPPORTUNITY's documents are not at hand")


@pytest.fixture(scope="module")
def documented():
    """Column number -> (name, unit) as column_names.txt has them."""
    text = (DOCUMENTS / "column_names.txt").read_text(encoding="ascii")
    found = re.findall(r"^Column: (\d+) ([^;\r\n]+?)(?:; value = .*?, unit = ([^\r\n]+))?\r?$", text, re.MULTILINE)
    return {int(number): (name, unit) for number, name, unit in found}


def build(**changes):
    section = yaml.safe_load((CHECKOUT / "config.yaml").read_text())["datasets"]["opportunity"]
    return build_adapter("opportunity", section["native"] | changes, classes=section["classes"])


def test_the_documents_count_as_many_columns_as_we_read(documented):
    assert sorted(documented) == list(range(1, NUM_COLUMNS + 1))
    assert documented[TIME_COLUMN][0] == "MILLISEC"
    assert documented[LABEL_COLUMN][0] == "ML_Both_Arms"


@pytest.mark.parametrize("deckchair", [False, True])
def test_each_of_our_channels_is_the_documented_column_in_the_documented_unit(documented, deckchair):
    columns = ambient_columns(deckchair=deckchair)
    assert len(columns) == (37 if deckchair else 34)
    for channel, (number, unit) in columns.items():
        name, documented_unit = documented[number]
        assert channel == name
        assert documented_unit.startswith(unit)


def test_the_deckchair_is_all_that_the_34_channels_leave_out_of_the_ambient_columns(documented):
    read = {number for number, _ in ambient_columns(deckchair=False).values()}
    left = {documented[number][0] for number in set(range(195, 232)) - read}
    assert left == {f"Accelerometer LAZYCHAIR acc{axis}" for axis in "XYZ"}


def test_our_gestures_are_the_legends_in_the_legends_order():
    lines = (DOCUMENTS / "label_legend.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split("   -   ") for line in lines if "ML_Both_Arms" in line]
    assert [(int(code), name.strip()) for code, _, name in rows] == list(GESTURES.items())


def write_run(path, seconds=None, missing=()):
    """A file of the documented form in which each value tells its column: 250 columns, one line a sample."""
    millisec = FIRST_MILLISEC if seconds is None else [round(1000 * row / 30) for row in range(30 * seconds)]
    with path.open("w", newline="\n") as file:
        for row, time in enumerate(millisec):
            fields = [str(time), *(str(column) for column in range(2, 244)), *["0"] * 7]
            fields[LABEL_COLUMN - 1] = "406516" if 2 <= row < 4 else "0"
            for column in missing:
                fields[column - 1] = "NaN"
            file.write(" ".join(fields) + "\n")


@pytest.mark.parametrize("name", ["{}.dat", "{}_sensors_data.txt"])
@pytest.mark.parametrize("deckchair", [False, True])
def test_the_first_real_times_and_the_documented_columns_parse(tmp_path, documented, name, deckchair):
    write_run(tmp_path / name.format("S1-ADL1"), missing=[2, 208])
    (tmp_path / "S1-ADL1.mp4").touch()
    recording = build(deckchair=deckchair).read_recording(tmp_path, "S1-ADL1")
    np.testing.assert_allclose(recording.time_s, np.array(FIRST_MILLISEC) / 1000, atol=1e-3)
    assert recording.sensor_hz == 30
    columns = [number for number, _ in ambient_columns(deckchair=deckchair).values()]
    expected = np.array([np.nan if number == 208 else number for number in columns], np.float32)
    np.testing.assert_array_equal(recording.sensor, np.tile(expected, (5, 1)))
    assert list(recording.channel_names) == [documented[number][0] for number in columns]
    (gesture,) = recording.annotations
    assert gesture.label == 0
    assert gesture.start_s == pytest.approx(0.067, abs=1e-3)
    assert gesture.end_s == pytest.approx(0.133, abs=1e-3)


def test_rounded_milliseconds_count_as_an_even_clock(tmp_path):
    write_run(tmp_path / "S1-ADL1.dat", seconds=3)
    (tmp_path / "S1-ADL1.mp4").touch()
    recording = build().read_recording(tmp_path, "S1-ADL1")
    assert recording.remarks == ()
    assert len(recording.sensor) == 90
