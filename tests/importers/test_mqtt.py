import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from detach_core.foundation.errors import BadInputError
from detach_core.importers.events import Remarks, valid_values, without_repeats
from detach_core.importers.mqtt import HOUSEKEEPING, Reports, read_messages
from detach_core.importers.stamps import LocalTimes

ZERO = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture
def log_file(tmp_path):
    def write(text):
        (tmp_path / "log.jsonl").write_text(text)
        return tmp_path / "log.jsonl"

    return write


def message(at_s, topic, payload, **more):
    stamp = f"2026-01-05T08:00:{at_s:09.6f}Z+0000"
    return json.dumps({"tst": stamp, "topic": topic, "qos": 0, "retain": 0, "payload": payload, **more})


def read(path, zone=None, left_out=HOUSEKEEPING, base="zigbee2mqtt"):
    remarks = Remarks()
    reports = Reports(remarks, base=base, left_out=left_out)
    messages = read_messages(path, LocalTimes(path, zone), remarks)
    events = without_repeats(valid_values(path, reports.events(messages), remarks), remarks)
    rows = [(event.sensor, event.value, round((event.time - ZERO).total_seconds(), 6)) for event in events]
    return rows, reports.hints, remarks.sentences()


def test_keys_of_a_device_become_sensors_and_repeated_reports_no_events(log_file):
    lines = [
        message(1, "zigbee2mqtt/hall/door", {"contact": True, "battery": 97, "linkquality": 80}),
        message(2, "zigbee2mqtt/hall/door", {"contact": True, "battery": 97, "linkquality": 90}),
        message(3.5, "zigbee2mqtt/hall/door", {"contact": False, "battery": 97, "linkquality": 70}),
        message(4, "zigbee2mqtt/stove", {"temperature": 21.5, "occupancy": True, "update": {"state": "idle"}}),
        message(5, "zigbee2mqtt/plug", {"state": "OFF", "power": 0, "color_mode": "xy"}),
        message(6, "zigbee2mqtt/bridge/state", {"state": "online"}),
        message(7, "zigbee2mqtt/plug/set", {"state": "ON"}),
    ]
    rows, hints, remarks = read(log_file("\n".join(lines) + "\n"))
    assert rows == [
        ("hall/door/contact", "closed", 1.0),
        ("hall/door/contact", "open", 3.5),
        ("stove/temperature", "21.5", 4.0),
        ("stove/occupancy", "on", 4.0),
        ("plug/state", "off", 5.0),
        ("plug/power", "0", 5.0),
    ]
    assert hints["hall/door/contact"].kind == "switch"
    assert (hints["stove/temperature"].unit, hints["plug/power"].unit) == ("°C", "W")
    assert remarks == [
        "1 reports that repeat their sensor's last value are left out (first: line 2)",
        "plug/color_mode: 1 values that are neither numbers nor words of a switch are left out (first: 'xy' in line 5)",
        "2 messages of topics that tell of no sensor are left out (first: line 6)",
    ]


def test_housekeeping_is_kept_when_that_is_said(log_file):
    rows, _, _ = read(log_file(message(1, "zigbee2mqtt/door", {"contact": True, "battery": 97})), left_out=())
    assert rows == [("door/contact", "closed", 1.0), ("door/battery", "97", 1.0)]


def test_a_device_that_is_offline_is_unknown_until_it_reports(log_file):
    lines = [
        message(1, "zigbee2mqtt/door", {"contact": True, "temperature": 20}),
        message(2, "zigbee2mqtt/door/availability", {"state": "offline"}),
        message(3, "zigbee2mqtt/door/availability", "online"),
        message(4, "zigbee2mqtt/door", {"contact": True, "temperature": None}),
    ]
    assert read(log_file("\n".join(lines)))[0] == [
        ("door/contact", "closed", 1.0),
        ("door/temperature", "20", 1.0),
        ("door/contact", "unknown", 2.0),
        ("door/temperature", "unknown", 2.0),
        ("door/contact", "closed", 4.0),
    ]


def test_other_topics_and_nested_payloads_keep_their_names(log_file):
    lines = [
        message(1, "tele/washer/SENSOR", json.dumps({"ENERGY": {"Power": 12, "Total": 3.1}})),
        message(2, "home/kitchen/lux", "120"),
        message(3, "home/kitchen/lux", 130, retain=1),
        message(4, "homeassistant/sensor/x/config", {"name": "x"}),
    ]
    rows, _, remarks = read(log_file("\n".join(lines)))
    assert rows == [
        ("tele/washer/SENSOR/ENERGY/Power", "12", 1.0),
        ("tele/washer/SENSOR/ENERGY/Total", "3.1", 1.0),
        ("home/kitchen/lux", "120", 2.0),
        ("home/kitchen/lux", "130", 3.0),
    ]
    assert "1 messages were kept by the broker from earlier" in remarks[0]


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "2026-01-05T09:00:01+01:00", "topic": "zigbee2mqtt/d", "payload": {"contact": true}}',
        '{"timestamp": 1767600001, "topic": "zigbee2mqtt/d", "payload": "{\\"contact\\": true}"}',
        '{"ts": 1767600001000, "topic": "zigbee2mqtt/d", "payload": {"contact": true}}',
        '{"topic": "zigbee2mqtt/d", "payload": {"contact": true, "last_seen": "2026-01-05T08:00:01.000Z"}}',
        '2026-01-05T08:00:01+0000 zigbee2mqtt/d {"contact": true}',
        '1767600001.0 zigbee2mqtt/d {"contact": true}',
        "[2026-01-05 09:00:01] info: \tz2m:mqtt: MQTT publish: topic 'zigbee2mqtt/d', payload '{\"contact\":true}'",
        "[2026-01-05 09:00:01] info:     z2m:mqtt: MQTT publish: topic 'zigbee2mqtt/d', payload '{\"contact\":true}'",
        "info  2026-01-05 09:00:01: MQTT publish: topic 'zigbee2mqtt/d', payload '{\"contact\":true}'",
    ],
)
def test_each_form_of_a_log_gives_the_same(log_file, line):
    assert read(log_file(line + "\n"), ZoneInfo("Europe/Amsterdam"))[0] == [("d/contact", "closed", 1.0)]


def test_lines_of_zigbee2mqtts_log_without_a_message_are_counted(log_file):
    text = (
        "[2026-01-05 09:00:01] info: \tz2m: Currently 3 devices are joined.\n"
        "[2026-01-05 09:00:02] info: \tz2m:mqtt: MQTT publish: topic 'zigbee2mqtt/d', payload '{\"contact\":true}'\n"
    )
    rows, _, remarks = read(log_file(text), UTC)
    assert [row[:2] for row in rows] == [("d/contact", "closed")]
    assert remarks == ["1 lines of the log that tell of no message are left out (first: line 1)"]
    with pytest.raises(BadInputError, match="line 2: found a time without an offset"):
        read(log_file(text))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello", "line 1: found no message in 'hello'"),
        ('{"topic": "a", "payload"', "line 1: found no JSON"),
        ('{"tst": "2026-01-05T08:00:01Z", "payload": 1}', "line 1: found no topic"),
        ('{"topic": "a", "payload": 1}', "line 1: found no time under tst"),
        ('{"tst": "yesterday", "topic": "a", "payload": 1}', "line 1: found no time"),
        ('{"ts": true, "topic": "a", "payload": 1}', "line 1: found no time"),
        ('{"ts": 1e300, "topic": "a", "payload": 1}', "line 1: found no time"),
        ('{"a":' * 100_000, "line 1: found no JSON"),
    ],
)
def test_a_wrong_line_is_refused_and_a_last_one_that_is_not_whole_left_out(log_file, line, said):
    good = message(2, "zigbee2mqtt/d", {"contact": True})
    with pytest.raises(BadInputError, match=said):
        read(log_file(f"{line}\n{good}\n"))
    with pytest.raises(BadInputError, match=said.replace("line 1", "line 2")):
        read(log_file(f"{good}\n{line}\n"))
    rows, _, remarks = read(log_file(f"{good}\n{line}"))
    assert rows == [("d/contact", "closed", 2.0)]
    assert remarks == ["the last line, which is not whole yet, is left out (first: line 2)"]
