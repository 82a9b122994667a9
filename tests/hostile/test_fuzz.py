"""Any bytes give a result or a clear error: property tests of what reads text that a user brings.

`DETACH_FUZZ_EXAMPLES` sets how many examples each takes; without it a minute is enough for all.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from detach_core.config.errors import ConfigError
from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_yaml
from detach_core.contracts.history import read_history
from detach_core.contracts.split import read_split
from detach_core.datasets.clock_text import ClockText
from detach_core.datasets.opportunity.text import read_captions, track_intervals
from detach_core.datasets.registry import build_adapter
from detach_core.datasets.text_file import read_number_blocks
from detach_core.foundation.errors import UserError
from tests.fixtures.native_files import CLASSES, HWU_HEADER, opportunity_lines
from tests.hostile.cases_native import hwu, opportunity

EXAMPLES = int(os.environ.get("DETACH_FUZZ_EXAMPLES", "500"))
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="DETACH_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NUMBERS = [
    "0",
    "1",
    "-1",
    "NaN",
    "nan",
    "inf",
    "1e999",
    "-1e39",
    "5e-324",
    "1_0",
    "0x10",
    "9" * 400,
    "٣",
    ".",
    "-",
    "+.e",
    "e5",
]
WORDS = st.one_of(
    st.sampled_from(
        [*NUMBERS, "OPEN", "CLOSED", "406520", "404520 - Close Fridge", "00:00:01,000 --> 00:00:02,000", "-->"]
    ),
    st.sampled_from(
        [
            "2020-01-31 12:00:00",
            "2020-01-31T12:00:00+01:00",
            "9999-12-31",
            "\0",
            "\x1b[2J",
            '"',
            "''",
            "\ufeff",
            "\u2028",
        ]
    ),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=8),
)
SEPARATORS = st.sampled_from([" ", "\n", "\r\n", "\r", "\t", ",", "\n\n", ", ", ""])
MIXTURE = st.lists(st.tuples(WORDS, SEPARATORS), max_size=40).map(
    lambda parts: "".join(word + separator for word, separator in parts).encode("utf-8", "surrogatepass")
)
ANY = st.one_of(st.binary(max_size=300), MIXTURE)


def clear_or_read(read, path):
    """What `read` gives, or None where it refuses by one line that names the file."""
    try:
        return read(path)
    except (UserError, ConfigError) as error:
        message = str(error)
    assert path.name in message
    assert message.isprintable()
    assert len(message) < 2000
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@bounded
@given(ANY)
@example(b"0 1 inf")
@example(b"0 1 " + b"1" * 30)
def test_number_tables(folder, data):
    path = folder / "S1-Drill.dat"
    path.write_bytes(data)
    read = lambda path: np.concatenate(list(read_number_blocks(path, num_columns=3, columns=[1, 3])))  # noqa: E731
    table = clear_or_read(read, path)
    assert table is None or (table.ndim == 2 and table.shape[1] == 2 and not np.isinf(table).any())


@bounded
@given(ANY)
@example(b"9" * 5000 + b":00:01,000 --> 00:00:02,000\nx\n")
@example(b"00:00:01,000 --> 00:00:02,000\n" + b"4" * 5000)
def test_srt_tracks(folder, data):
    path = folder / "track.srt"
    path.write_bytes(data)
    captions = clear_or_read(read_captions, path)
    assert captions is None or all(np.isfinite([item.start_s, item.end_s]).all() for item in captions)
    clear_or_read(track_intervals, path)


@st.composite
def spoilt(draw, text):
    """A sound text with a few words of it replaced, or cut anywhere, or with other bytes in its midst."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 2, 5, 20]))
        data = data[:start] + draw(ANY)[:30] + data[start + length :]
    return data


HWU_LINES = [f"{1000 + k / 50:.3f},0,0,0,{'OPEN' if k > 4 else 'CLOSED'},ON,OFF,0,0,0,0,12.5" for k in range(10)]


@bounded
@given(st.one_of(spoilt("\n".join([HWU_HEADER, *HWU_LINES])), ANY))
@example("\n".join([HWU_HEADER, *(f"{k * 5e-324!r}" + ",0" * 11 for k in range(9))]).encode())
def test_ambient_tables_of_hwu_usp(tmp_path_factory, data):
    home = hwu(tmp_path_factory.mktemp("home"))
    home.sensor_path().write_bytes(data)
    adapter = build_adapter("hwu_usp", home.native, classes=["tea", "dishes"])
    recording = clear_or_read(lambda path: adapter.read_recording(home.root, "tea_s01"), home.sensor_path())
    assert recording is None or not np.isinf(recording.sensor).any()


@settings(bounded, max_examples=max(EXAMPLES // 3, 1))
@given(spoilt("\n".join(opportunity_lines(0.3)) + "\n"))
def test_sensor_files_of_opportunity(tmp_path_factory, data):
    home = opportunity(tmp_path_factory.mktemp("home"))
    home.sensor_path().write_bytes(data)
    adapter = build_adapter("opportunity", home.native, classes=CLASSES)
    recording = clear_or_read(lambda path: adapter.read_recording(home.root, "S1-Drill"), home.sensor_path())
    assert recording is None or not np.isinf(recording.sensor).any()


@bounded
@given(st.lists(WORDS, min_size=1, max_size=6))
@example(["0", "5e-324", "1e-323"])
@example(["-1.7e308", "1.7e308"])
def test_time_stamps(stamps):
    path = Path("clock.csv")

    def read(path):
        clock = ClockText(path, None, first_line=2, column="timestamp")
        clock.append(stamps)
        return np.asarray(clock.seconds(expected_hz=50))

    found = clear_or_read(read, path)
    assert found is None or found.shape == (len(stamps),)


YAML = st.one_of(
    ANY,
    spoilt("a: &x {k: 1, l: [1, 2.5, true, null]}\nb: *x\nc: |\n  text\nd: 2026-01-31\n"),
    st.lists(
        st.sampled_from(
            [
                "a",
                ":",
                " ",
                "\n",
                "&x",
                "*x",
                "<<",
                "[",
                "]",
                "{",
                "}",
                ",",
                "- ",
                "? ",
                "!!int ",
                "!!binary ",
                "!!set ",
                "!!omap ",
                "!!pairs ",
                "!!timestamp ",
                "1:1:1",
                "0x",
                "1e5",
                "=",
                "%YAML 9.9\n",
                "---",
                "'",
                '"',
                "|",
                ">",
                "#",
            ]
        ),
        max_size=20,
    ).map(lambda parts: "".join(parts).encode()),
)


@bounded
@given(YAML)
@example(b"!!omap [a]")
@example(b"a: !!binary x")
@example(b"a: 1:1:1:" + b"1:" * 400 + b"1")
@example(b"=: 1")
@example(b"a: !!set [x]")
def test_yaml(folder, data):
    path = folder / "mine.yaml"
    path.write_bytes(data)
    found = clear_or_read(read_yaml, path)
    if found is not None:
        with pytest.raises(ConfigError):
            load_config(found)


@bounded
@given(st.one_of(ANY, spoilt('{"schema": "detach.split/1", "parts": {"pretrain": [1]}, "seed": 1e999}')))
def test_json_documents(folder, data):
    for name, read in (("split.json", read_split), ("history.jsonl", read_history)):
        (folder / name).write_bytes(data)
        assert clear_or_read(read, folder / name) is None
