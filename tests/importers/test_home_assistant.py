"""Recorder databases are built here by the tables that Home Assistant's schema makes, in three of its versions."""

import json
import sqlite3
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from detach_core.foundation.errors import BadInputError, UserError
from detach_core.importers.channels import Hint
from detach_core.importers.events import Remarks
from detach_core.importers.home_assistant import Recorder, history_events

ZERO = 1_767_600_000.0  # 2026-01-05 08:00 in universal time
NOW = """
CREATE TABLE state_attributes (attributes_id INTEGER PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id VARCHAR(255));
CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255), attributes CHAR(0),
  last_changed CHAR(0), last_changed_ts FLOAT, last_reported_ts FLOAT, last_updated CHAR(0), last_updated_ts FLOAT,
  old_state_id INTEGER, attributes_id INTEGER, metadata_id INTEGER REFERENCES states_meta(metadata_id));
CREATE INDEX ix_states_last_updated_ts ON states (last_updated_ts);
CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
CREATE TABLE schema_changes (change_id INTEGER PRIMARY KEY, schema_version INTEGER, changed DATETIME);
"""
SINCE_2023_2 = """
CREATE TABLE state_attributes (attributes_id INTEGER PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id VARCHAR(255), state VARCHAR(255), attributes TEXT,
  last_changed DATETIME, last_changed_ts FLOAT, last_updated DATETIME, last_updated_ts FLOAT, attributes_id INTEGER);
"""
OLD = """
CREATE TABLE states (state_id INTEGER PRIMARY KEY, domain VARCHAR(64), entity_id VARCHAR(255), state VARCHAR(255),
  attributes TEXT, last_changed DATETIME, last_updated DATETIME, created DATETIME);
"""
ATTRIBUTES = {
    "binary_sensor.door": {"device_class": "door", "friendly_name": "Door"},
    "sensor.lamp": {"device_class": "power", "unit_of_measurement": "W"},
}
# entity, state, seconds at which it was updated, seconds at which it changed (None where that is the same)
ROWS = [
    ("binary_sensor.door", "off", 0.25, None),
    ("sensor.lamp", "3.5", 1.0, None),
    ("binary_sensor.door", "on", 2.0, None),
    ("binary_sensor.door", "on", 3.0, 2.0),
    ("sensor.lamp", "unavailable", 4.0, None),
    ("person.anna", "home", 5.0, None),
    ("sensor.lamp", "4.5", 200_000.0, None),
    ("binary_sensor.door", "off", 200_001.5, None),
]
EXPECTED = [(entity, state, at) for entity, state, at, changed in ROWS if changed is None and "person" not in entity]


def text_stamp(at_s):
    return datetime.fromtimestamp(ZERO + at_s, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def fill_now(connection, rows, first=1):
    entities = {entity: number for number, entity in enumerate(sorted({row[0] for row in rows}), 1)}
    for entity, number in entities.items():
        connection.execute("INSERT OR IGNORE INTO states_meta VALUES (?, ?)", (number, entity))
        text = json.dumps(ATTRIBUTES.get(entity, {}))
        connection.execute("INSERT OR IGNORE INTO state_attributes VALUES (?, 0, ?)", (number, text))
    connection.executemany(
        "INSERT INTO states (state_id, state, last_updated_ts, last_changed_ts, attributes_id, metadata_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                first + row,
                state,
                ZERO + at,
                None if changed is None else ZERO + changed,
                entities[entity],
                entities[entity],
            )
            for row, (entity, state, at, changed) in enumerate(rows)
        ],
    )


def fill_2023(connection, rows):
    for row, (entity, state, at, changed) in enumerate(rows, 1):
        connection.execute(
            "INSERT INTO state_attributes VALUES (?, 0, ?)", (row, json.dumps(ATTRIBUTES.get(entity, {})))
        )
        stamps = (None if changed is None else ZERO + changed, ZERO + at)
        connection.execute("INSERT INTO states VALUES (?,?,?,NULL,NULL,?,NULL,?,?)", (row, entity, state, *stamps, row))


def fill_old(connection, rows):
    for row, (entity, state, at, changed) in enumerate(rows, 1):
        stamps = [text_stamp(at if changed is None else changed), text_stamp(at), text_stamp(at)]
        text = json.dumps(ATTRIBUTES.get(entity, {}))
        domain = entity.partition(".")[0]
        connection.execute("INSERT INTO states VALUES (?,?,?,?,?,?,?,?)", (row, domain, entity, state, text, *stamps))


@pytest.fixture
def build(tmp_path):
    def make(schema=NOW, fill=fill_now, rows=ROWS, name="home-assistant_v2.db", wal=True):
        path = tmp_path / name
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
            connection.executescript(schema)
            fill(connection, rows)
        connection.close()
        return path

    return make


def read(address, *args, **kwargs):
    recorder = Recorder(str(address), *args, remarks=Remarks(), **kwargs)
    return [(event.sensor, event.value, round(event.time.timestamp() - ZERO, 6)) for event in recorder.events()]


@pytest.mark.parametrize(("schema", "fill"), [(NOW, fill_now), (SINCE_2023_2, fill_2023), (OLD, fill_old)])
@pytest.mark.parametrize("by_url", [False, True])
def test_every_schema_gives_the_same_states_in_order(build, schema, fill, by_url):
    path = build(schema, fill)
    remarks = Remarks()
    recorder = Recorder(f"sqlite:///{path}" if by_url else str(path), remarks=remarks)
    events = list(recorder.events())
    assert [(event.sensor, event.value, event.time.timestamp() - ZERO) for event in events] == EXPECTED
    assert remarks.sentences() == [
        "1 rows that repeat a state, as attributes alone changed, are left out (first: state 4)"
    ]
    assert recorder.hints() == {"binary_sensor.door": Hint("door"), "sensor.lamp": Hint("power", "W")}


@pytest.mark.parametrize(("schema", "fill"), [(NOW, fill_now), (SINCE_2023_2, fill_2023), (OLD, fill_old)])
def test_entities_and_times_are_chosen(build, schema, fill):
    path = build(schema, fill)
    assert {row[0] for row in read(path, ["person.*"])} == {"person.anna"}
    start, end = (datetime.fromtimestamp(ZERO + at, tz=UTC) for at in (2.5, 4.5))
    # What each entity told last comes first, with its own time, which `chosen` moves to the start.
    assert read(path, ["*"], start, end) == [
        ("sensor.lamp", "3.5", 1.0),
        ("binary_sensor.door", "on", 2.0),
        ("sensor.lamp", "unavailable", 4.0),
    ]
    recorder = Recorder(str(path), (), start, start + timedelta(seconds=1), remarks=Remarks())
    assert [event.sensor for event in recorder.events()] == ["sensor.lamp", "binary_sensor.door"]
    assert recorder.hints()["sensor.lamp"].unit == "W"


def test_states_of_one_time_come_in_the_order_of_their_ids_across_batches(build, monkeypatch):
    monkeypatch.setattr("detach_core.importers.home_assistant._BATCH", 3)
    rows = [("sensor.x", str(row), float(row // 4), None) for row in range(25)]
    assert [value for _, value, _ in read(build(rows=rows))] == [str(row) for row in range(25)]


def test_rows_with_the_name_itself_are_read_while_a_migration_runs(build):
    path = build(NOW.replace("entity_id CHAR(0)", "entity_id VARCHAR(255)"))
    with sqlite3.connect(path) as connection:
        row = (99, "binary_sensor.door", "on", ZERO + 300_000)
        connection.execute("INSERT INTO states (state_id, entity_id, state, last_updated_ts) VALUES (?,?,?,?)", row)
    connection.close()
    assert read(path)[-1] == ("binary_sensor.door", "on", 300_000.0)


def test_times_of_two_versions_are_refused(build):
    path = build(SINCE_2023_2, fill_2023)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE states SET last_updated_ts = NULL, last_updated = '2026-01-05 08:00:00' WHERE state_id = 1"
        )
    connection.close()
    with pytest.raises(BadInputError, match="let Home Assistant finish the database's migration"):
        Recorder(str(path), remarks=Remarks())


def test_a_database_that_is_being_written_to_is_read_and_never_kept_from_it(build):
    rows = [("sensor.x", str(row), row * 0.01, None) for row in range(20_000)]
    path = build(rows=rows)
    writer = sqlite3.connect(path, timeout=0, check_same_thread=False)  # a lock would fail at once
    writer.execute("PRAGMA wal_autocheckpoint=10")
    failures, written, go_on = [], [], threading.Event()

    def write():
        number = len(rows)
        while not go_on.is_set():
            try:
                with writer:
                    fill_now(writer, [("sensor.x", str(number), number * 0.01, None)], first=number + 1)
                written.append(number)
                number += 1
            except sqlite3.Error as error:
                failures.append(error)
                return

    thread = threading.Thread(target=write)
    recorder = Recorder(str(path), remarks=Remarks())
    events = recorder.events()
    values = [next(events).value]
    thread.start()
    values += [event.value for event in events]
    go_on.set()
    thread.join()
    writer.close()
    assert failures == []
    assert len(written) > 5
    assert values == [str(row) for row in range(len(values))]
    assert len(values) >= len(rows)


def test_what_only_the_write_ahead_log_holds_is_read_and_nothing_is_written(build):
    path = build()
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA wal_autocheckpoint=0")
    with writer:
        fill_now(writer, [("binary_sensor.door", "on", 300_000.0, None), *ROWS[:0]], first=50)
    content = path.read_bytes()
    assert read(path)[-1] == ("binary_sensor.door", "on", 300_000.0)
    assert path.read_bytes() == content
    writer.close()


def test_a_copy_in_a_folder_that_cannot_be_written_is_read(build, tmp_path, monkeypatch):
    path = build()
    real, places = sqlite3.connect, []

    def connect(place, *args, **kwargs):
        places.append(place)
        if "immutable" not in place:  # what SQLite does there; root could write into any folder
            return Refusing()
        return real(place, *args, **kwargs)

    class Refusing:
        def execute(self, _):
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

        def close(self):
            pass

    monkeypatch.setattr("detach_core.importers.home_assistant.sqlite3.connect", connect)
    assert len(read(path)) == len(EXPECTED)
    assert any("immutable=1" in place for place in places)


def test_memory_does_not_grow_with_the_database(build):
    def peak(count, name):
        path = build(rows=[("sensor.x", str(row % 90), row * 1.5, None) for row in range(count)], name=name)
        recorder = Recorder(str(path), remarks=Remarks())
        tracemalloc.start()
        number = sum(1 for _ in recorder.events())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert number == count
        return used

    peak(6_000, "warm.db")
    assert peak(60_000, "long.db") < 1.5 * peak(12_000, "short.db")


@pytest.mark.parametrize("wrong", [1e300, "soon"])
def test_a_time_that_is_none_is_refused(build, wrong):
    path = build()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE states SET last_updated_ts = ? WHERE state_id = 8", (wrong,))
    connection.close()
    with pytest.raises(BadInputError, match=r"table states: found the time .*expected seconds since 1970"):
        read(path)


def test_a_text_that_is_no_time_is_refused(build):
    path = build(OLD, fill_old)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE states SET last_updated = 'soon' WHERE state_id = 8")
    connection.close()
    with pytest.raises(BadInputError, match=r"database: found .*soon"):
        read(path)


def test_a_locked_database_is_refused_with_what_to_do(build, monkeypatch):
    path = build(wal=False)
    writer = sqlite3.connect(path)
    writer.execute("BEGIN EXCLUSIVE")
    real = sqlite3.connect
    impatient = lambda place, **options: real(place, **options | {"timeout": 0})  # noqa: E731
    monkeypatch.setattr("detach_core.importers.home_assistant.sqlite3.connect", impatient)
    with pytest.raises(BadInputError, match=r"database: found database is locked.*run again in a moment"):
        Recorder(str(path), remarks=Remarks())
    writer.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but long enough to be looked at as one", "database: found file is not a database"),
        (b"", "found none, expected the recorder's table `states`"),
    ],
)
def test_a_file_that_is_no_recorder_is_refused(tmp_path, content, said):
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        Recorder(str(path), remarks=Remarks())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["x.db"]


def test_other_databases_and_addresses_are_refused(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE states (name TEXT)")
    connection.close()
    with pytest.raises(BadInputError, match="no column state_id, state, last_updated, entity_id"):
        Recorder(str(path), remarks=Remarks())
    with pytest.raises(BadInputError, match="found nothing"):
        Recorder(str(tmp_path / "absent.db"), remarks=Remarks())
    with pytest.raises(BadInputError, match="found a folder"):
        Recorder(str(tmp_path), remarks=Remarks())
    with pytest.raises(UserError, match="expected an SQLAlchemy URL"):
        Recorder("nonsense://x", remarks=Remarks())


def test_a_driver_that_is_not_installed_is_named_and_no_password_is_told():
    with pytest.raises(UserError, match="not installed") as caught:
        Recorder("mysql+pymysql://user:secret@host/homeassistant", remarks=Remarks())
    assert "pymysql" in str(caught.value)
    assert "secret" not in str(caught.value)


HISTORY = '''entity_id,state,last_changed,current_temperature
sensor.lamp,3.5,2026-01-05T08:00:01.000Z
sensor.lamp,unavailable,2026-01-05T08:00:04.000Z,21
binary_sensor.door,off,2026-01-05T08:00:00.250Z
sensor.note,"a, ""b""",2026-01-05T08:00:00.250Z
'''


def test_the_history_pages_csv_is_read_in_its_order(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HISTORY)
    events = [
        (event.number, event.sensor, event.value, event.time.timestamp() - ZERO) for event in history_events(path)
    ]
    assert events == [
        (2, "sensor.lamp", "3.5", 1.0),
        (3, "sensor.lamp", "unavailable", 4.0),
        (4, "binary_sensor.door", "off", 0.25),
        (5, "sensor.note", 'a, "b"', 0.25),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HISTORY.replace("last_changed", "when"), "line 1: found the columns .*, expected last_changed among them"),
        (HISTORY.replace("2026-01-05T08:00:04.000Z", "later"), "line 3, column last_changed: found 'later'"),
        (HISTORY + "sensor.lamp,3\n", "line 6: found 2 cells, expected at least 3"),
    ],
)
def test_a_wrong_history_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=said):
        list(history_events(path))
