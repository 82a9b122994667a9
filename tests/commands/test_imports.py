"""The commands as a user runs them; what each log holds is tested in tests/importers."""

import json
import os
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from detach_core.commands import import_labels, import_logs, import_options, new_home
from detach_core.commands.main import main, program
from detach_core.foundation.errors import BadInputError, UserError

ZERO = 1_767_600_000  # 2026-01-05 08:00 in universal time
CASAS = """2010-11-04 00:03:50.209589 M003 ON Sleeping begin
2010-11-04 00:03:57.399391 M003 OFF
2010-11-04 00:15:08.984841 T002 21.5
2010-11-04 05:40:43.642664 M003 ON Sleeping end
"""
KASTEREN = """Start time          \tEnd time            \tID\tVal
25-Feb-2008 09:36:43\t25-Feb-2008 09:37:04\t5\t1
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*args):
        result = CliRunner().invoke(program(), list(map(str, args)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def write(tmp_path):
    def make(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return make


@pytest.fixture
def recorder(tmp_path):
    path = tmp_path / "home-assistant_v2.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE state_attributes (attributes_id INTEGER PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
            CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id VARCHAR(255));
            CREATE TABLE states (state_id INTEGER PRIMARY KEY, state VARCHAR(255), last_changed_ts FLOAT,
              last_updated_ts FLOAT, attributes_id INTEGER, metadata_id INTEGER);""")
        entities = {
            "binary_sensor.door": {"device_class": "door"},
            "sensor.lamp": {"device_class": "power", "unit_of_measurement": "W"},
            "sensor.phase": {},
        }
        for number, (entity, attributes) in enumerate(entities.items(), 1):
            connection.execute("INSERT INTO states_meta VALUES (?,?)", (number, entity))
            connection.execute("INSERT INTO state_attributes VALUES (?,0,?)", (number, json.dumps(attributes)))
        rows = [(1, "off", 0), (2, "3.5", 1), (3, "waxing", 1.5), (1, "on", 2.25), (2, "unavailable", 3), (2, "3.5", 4)]
        for one, state, at in rows:
            connection.execute(
                "INSERT INTO states (state, last_updated_ts, attributes_id, metadata_id) VALUES (?,?,?,?)",
                (state, ZERO + at, one, one),
            )
    connection.close()
    return path.name


def home(folder):
    return yaml.safe_load((folder / "home.yaml").read_text())


def test_a_recorder_becomes_a_table_and_a_section(run, recorder, tmp_path):
    result = run("import", "home-assistant", recorder, "-o", "e.csv", "--time-zone", "Europe/Amsterdam")
    assert result.exit_code == 0
    assert (tmp_path / "e.csv").read_text() == (
        "time,sensor,value\n"
        "2026-01-05T09:00:00+01:00,binary_sensor.door,off\n"
        "2026-01-05T09:00:01+01:00,sensor.lamp,3.5\n"
        "2026-01-05T09:00:02.250000+01:00,binary_sensor.door,on\n"
        "2026-01-05T09:00:03+01:00,sensor.lamp,unknown\n"
        "2026-01-05T09:00:04+01:00,sensor.lamp,3.5\n"
    )
    section = yaml.safe_load(result.stdout)
    assert section == {
        "time_zone": "Europe/Amsterdam",
        "channels": {"binary_sensor.door": {"kind": "switch"}, "sensor.lamp": {"kind": "power", "unit": "W"}},
        "recordings": {"e": {"sensors": "e.csv"}},
    }
    assert "# guessed from device class door" in result.stdout
    assert "sensor.phase: 1 values that are neither numbers nor words" in result.stderr


def test_entities_and_times_are_options(run, recorder, tmp_path):
    run(
        "import",
        "home-assistant",
        recorder,
        "-o",
        "e.parquet",
        "--entity",
        "sensor.l*",
        "--from",
        "2026-01-05T08:00:03Z",
    )
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert list(zip(table["sensor"], table["value"], strict=True)) == [
        ("sensor.lamp", "unknown"),
        ("sensor.lamp", "3.5"),
    ]


def test_imports_fill_a_new_home_and_leave_what_the_user_changed(run, recorder, write, tmp_path):
    folder = tmp_path / "my-home"
    assert run("new-home", folder, "--time-zone", "America/Los_Angeles").exit_code == 0
    run("import", "casas", write("a.txt", CASAS), "--home", folder, "--recording", "night")
    text = (folder / "home.yaml").read_text()
    changed = text.replace("M003: {kind: motion}", "M003: {kind: motion, place: bedroom}")
    assert changed != text
    (folder / "home.yaml").write_text(changed)
    run("import", "home-assistant", recorder, "--home", folder, "--recording", "week1")
    read = home(folder)
    assert read["time_zone"] == "America/Los_Angeles"
    assert read["channels"] == {
        "M003": {"kind": "motion", "place": "bedroom"},
        "T002": {"kind": "temperature"},
        "binary_sensor.door": {"kind": "switch"},
        "sensor.lamp": {"kind": "power", "unit": "W"},
    }
    assert read["classes"] == {"Sleeping": {}}
    assert read["recordings"] == {
        "night": {"sensors": "recordings/night/events.csv", "labels": "recordings/night/labels.csv"},
        "week1": {"sensors": "recordings/week1/events.csv"},
    }
    assert (folder / "recordings" / "night" / "labels.csv").read_text() == (
        "start,end,label\n2010-11-04T00:03:50.209589-07:00,2010-11-04T05:40:43.642664-07:00,Sleeping\n"
    )
    assert "# The sensors, by the names" in (folder / "home.yaml").read_text()


def test_labels_are_added_to_a_recording(run, recorder, write, tmp_path):
    folder = tmp_path / "h"
    run("import", "home-assistant", recorder, "--home", folder, "--recording", "m", "--time-zone", "Europe/Amsterdam")
    srt = write("x.srt", "1\n00:00:01,000 --> 00:00:02,500\nmake tea\n")
    result = run("import", "labels", srt, "--home", folder, "--recording", "m", "--start", "2026-01-05 09:00:00")
    assert "added 0 channels, 1 classes and labels of the recording m" in result.stderr
    assert home(folder)["recordings"]["m"] == {
        "sensors": "recordings/m/events.csv",
        "labels": "recordings/m/labels.csv",
    }
    assert home(folder)["classes"] == {"make tea": {}}
    assert (folder / "recordings" / "m" / "labels.csv").read_text() == (
        "start,end,label\n2026-01-05T09:00:01+01:00,2026-01-05T09:00:02.500000+01:00,make tea\n"
    )
    result = run("import", "labels", srt, "-o", "l.csv")
    assert (tmp_path / "l.csv").read_text() == "start_s,end_s,label\n1,2.5,make tea\n"
    assert yaml.safe_load(result.stdout)["recordings"] == {"l": {"labels": "l.csv"}}
    with pytest.raises(UserError, match=r"--start: .* is local"):
        run("import", "labels", srt, "-o", "l2.csv", "--start", "2026-01-05 09:00:00")


def test_other_logs_have_commands(run, write, tmp_path):
    history = "entity_id,state,last_changed\nsensor.x,2,2026-01-05T08:00:01Z\nsensor.x,1,2026-01-05T08:00:00Z\n"
    result = run("import", "home-assistant-history", write("h.csv", history), "-o", "1.csv")
    assert "1 events of h.csv were not in the order of time and have been sorted" in result.stderr
    assert "the home's time zone is taken to be UTC" in result.stderr
    line = '{"tst": "2026-01-05T08:00:01Z", "topic": "zigbee2mqtt/d", "payload": {"contact": true}}\n'
    run("import", "mqtt", write("m.jsonl", line), "-o", "2.csv")
    day = " ".join(["0"] * 20 + ["11", "1"])
    run("import", "aras", write("DAY_1.txt", f"{day}\n{day}\n"), "-o", "3.csv", "--first-day", "2013-01-01")
    run("import", "van-kasteren", write("k.txt", KASTEREN), "-o", "4.csv", "--time-zone", "Europe/Amsterdam")
    devices = write("p.csv", "time,device,value\n2023-01-01 08:00:00,door,True\n")
    acts = write("q.csv", "start_time,end_time,activity\n2023-01-01 08:00:00,2023-01-01 09:00:00,sleep\n")
    run("import", "pyadlml", devices, acts, "-o", "5.csv", "--time-zone", "UTC", "--labels-output", "6.csv")
    tables = {name: (tmp_path / f"{name}.csv").read_text().splitlines()[1:] for name in "123456"}
    assert tables["1"] == ["2026-01-05T08:00:00+00:00,sensor.x,1", "2026-01-05T08:00:01+00:00,sensor.x,2"]
    assert tables["2"] == ["2026-01-05T08:00:01+00:00,d/contact,closed"]
    assert len(tables["3"]) == 20
    assert tables["4"] == ["2008-02-25T09:36:43+01:00,sensor_5,on", "2008-02-25T09:37:04+01:00,sensor_5,off"]
    assert tables["5"] == ["2023-01-01T08:00:00+00:00,door,on"]
    assert tables["6"] == ["2023-01-01T08:00:00+00:00,2023-01-01T09:00:00+00:00,sleep"]
    assert (tmp_path / "3_labels.csv").read_text().endswith("2013-01-01T00:00:02+00:00,Sleeping\n")


def test_a_log_that_runs_back_is_refused_or_sorted(run, write, tmp_path):
    lines = CASAS.splitlines()
    log = write("a.txt", "\n".join([*lines[1:], lines[0].replace(" Sleeping begin", "")]) + "\n")
    with pytest.raises(BadInputError, match=r"a.txt: line 4: found 2010-11-04T.*sort it by --sort"):
        run("import", "casas", log, "-o", "e.csv", "--time-zone", "UTC")
    assert not (tmp_path / "e.csv").exists()
    result = run("import", "casas", log, "-o", "e.csv", "--time-zone", "UTC", "--sort")
    assert "1 events of a.txt were not in the order of time" in result.stderr
    assert (tmp_path / "e.csv").read_text().splitlines()[1].startswith("2010-11-04T00:03:50.209589")


def test_nothing_is_written_when_labels_cannot_be(run, write, tmp_path):
    log = write("a.txt", CASAS.replace("Sleeping", "=Sleeping"))
    with pytest.raises(BadInputError, match="as of a formula"):
        run("import", "casas", log, "--home", "h", "--recording", "a", "--time-zone", "UTC")
    assert [path for path in (tmp_path / "h").rglob("*") if path.is_file()] == []


def test_tables_that_are_there_are_kept_unless_that_is_said(run, write, tmp_path):
    log = write("a.txt", CASAS)
    arguments = ("import", "casas", log, "--time-zone", "UTC")
    for name in ("e.csv", "e_labels.csv"):
        write(name, "mine\n")
        with pytest.raises(UserError, match=f"{name}: is there already; write over it by --force"):
            run(*arguments, "-o", "e.csv")
        (tmp_path / name).unlink()
    write("e.csv", "mine\n")
    run(*arguments, "-o", "e.csv", "--force")
    assert (tmp_path / "e.csv").read_text().startswith("time,")


def test_a_home_that_cannot_be_added_to_leaves_no_table(run, write, tmp_path):
    (tmp_path / "h").mkdir()
    write("h/home.yaml", "channels: {lamp: {kind: power}}\n")
    with pytest.raises(BadInputError, match="add by hand"):
        run("import", "casas", write("a.txt", CASAS), "--home", "h", "--recording", "a", "--time-zone", "UTC")
    assert [path.name for path in (tmp_path / "h").rglob("*") if path.is_file()] == ["home.yaml"]


def test_a_recording_with_other_files_is_refused_before_anything_is_written(run, write, tmp_path):
    run("new-home", "h")
    text = (tmp_path / "h" / "home.yaml").read_text()
    text = text.replace("recordings: {}", "recordings:\n  a:\n    sensors: mine.csv\n")
    (tmp_path / "h" / "home.yaml").write_text(text)
    with pytest.raises(BadInputError, match=r"recordings.a.sensors: found 'mine.csv'"):
        run("import", "casas", write("a.txt", CASAS), "--home", "h", "--recording", "a")
    assert list((tmp_path / "h" / "recordings").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "e.csv"), "give their zone as --time-zone"),
        (("-o", "e.csv", "--time-zone", "Mars/Olympus"), "expected a time zone such as UTC"),
        (("--time-zone", "UTC"), "expected either --output FILE"),
        (("-o", "e.csv", "--home", "h", "--recording", "a"), "expected either --output FILE"),
        (("--home", "h", "--time-zone", "UTC"), "--recording: found None"),
        (("--home", "h", "--recording", "../a", "--time-zone", "UTC"), "--recording: found '../a'"),
        (("--home", "h", "--recording", "a", "--time-zone", "UTC", "--labels-output", "l.csv"), "goes with --output"),
        (("-o", "e.xlsx", "--time-zone", "UTC"), r"expected .csv or .parquet"),
        (("-o", "e.csv", "--time-zone", "UTC", "--from", "soon"), "--from: found 'soon'"),
        (("-o", "e.csv", "--time-zone", "UTC", "--sensor", "X*"), "found none, expected events of sensors"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(run, write, tmp_path, arguments, said):
    log = write("a.txt", CASAS)
    with pytest.raises(UserError, match=said):
        run("import", "casas", log, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_each_command_has_its_place(tmp_path):
    groups = {group.name: group.typer_instance for group in program().registered_groups}
    names = {one.callback for one in program().registered_commands} | {
        one.callback for one in groups["import"].registered_commands
    }
    assert groups["import"] is import_logs.app
    assert {new_home.command, import_labels.command} <= names
    target = import_options.target_of(tmp_path / "e.csv", None, None, False, None, default_zone="UTC")
    assert (target.labels.name, target.recording, target.is_zone_given) == ("e_labels.csv", "e", False)


def test_help_has_examples_and_names_each_command(run):
    assert "home-assistant-history" in run("import", "--help").stdout
    for command in (
        "home-assistant",
        "home-assistant-history",
        "mqtt",
        "casas",
        "aras",
        "van-kasteren",
        "pyadlml",
        "labels",
    ):
        result = run("import", command, "--help")
        assert (result.exit_code, f"detach import {command}" in result.stdout) == (0, True)
    assert "detach new-home my-home" in run("new-home", "--help").stdout


def test_completion_knows_the_commands(root):
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "_DETACH_COMPLETE": "complete_bash",
        "COMP_WORDS": "detach import home",
        "COMP_CWORD": "2",
    }
    code = "from detach_core.commands.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["home-assistant", "home-assistant-history"], done.stderr


def test_help_loads_none_of_the_heavy_libraries(root):
    code = """
import sys
from typer.testing import CliRunner
from detach_core.commands.main import program
assert CliRunner().invoke(program(), ["import", "labels", "--help"]).exit_code == 0
heavy = {"torch", "numpy", "pandas", "sqlalchemy", "pympi", "pysubs2", "pyarrow", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_place_that_cannot_be_written_ends_the_program_with_one_sentence(monkeypatch, capsys, write, tmp_path):
    monkeypatch.chdir(tmp_path)
    log, _ = write("a.txt", CASAS), write("b.csv", "")
    monkeypatch.setattr(sys, "argv", ["detach", "import", "casas", log, "-o", "b.csv/e.csv", "--time-zone", "UTC"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert (told.count("\n"), "b.csv" in told, "Traceback" in told) == (1, True, False)


def test_an_error_of_the_input_ends_the_program_with_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["detach", "new-home", "x", "--time-zone", "Mars"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("detach: --time-zone: found 'Mars'")
