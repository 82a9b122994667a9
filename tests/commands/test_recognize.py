"""`detach recognize` from files, growing files and standard input, as a user runs it."""

import json
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from detach_core.commands import recognize
from detach_core.commands.main import program
from detach_core.foundation.errors import UserError
from detach_core.recognition.recognizer import Recognizer


@pytest.fixture(scope="module")
def plain(run_folder):
    return Recognizer.load(run_folder)


def draw(plain, seconds=20):
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(30 * seconds, len(plain.channel_names))).cumsum(axis=0).round(3) * 0.05
    return samples, (np.arange(len(samples)) / 30.0).round(6)


def write_csv(path, plain, *, columns=None, begin=None, rows=slice(None)):
    samples, times = draw(plain)
    names = columns or list(plain.channel_names)
    table = pd.DataFrame(samples, columns=names)
    table.insert(0, "time", times if begin is None else [f"{begin}{second:09.6f}+00:00" for second in times])
    table[rows].to_csv(path, index=False)
    return plain.predict(samples, times)


def run(*arguments):
    result = CliRunner().invoke(program(), ["recognize", *map(str, arguments)], catch_exceptions=True)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_a_recording_becomes_a_timeline(tmp_path, run_folder, plain):
    expected = write_csv(tmp_path / "a.csv", plain)
    result = run(run_folder, tmp_path / "a.csv", "-o", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found) == ["start", "end", "label", "place", "action", "probability", "known"]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert f"{len(found)} windows, {found['known'].sum()} known; " in result.stderr
    assert result.stdout == ""


def test_smoothed_labels_are_those_of_the_smoothing_recogniser(tmp_path, run_folder, plain):
    write_csv(tmp_path / "a.csv", plain)
    run(run_folder / "recognizer", tmp_path / "a.csv", "-o", tmp_path / "out.parquet", "--smooth")
    expected = Recognizer.load(run_folder, smoothing=True).predict(*draw(plain))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected, check_exact=True)


def test_stamps_stay_stamps_and_csv_says_the_same(tmp_path, run_folder, plain):
    expected = write_csv(tmp_path / "a.csv", plain, begin="2020-01-31T12:00:")
    run(run_folder, tmp_path / "a.csv", "-o", tmp_path / "out.parquet")
    run(run_folder, tmp_path / "a.csv", "-o", tmp_path / "out.csv")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found["start"][0] == pd.Timestamp("2020-01-31T12:00:00Z")
    assert list(found["label"]) == list(expected["label"])
    text = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(pd.to_datetime(text["start"])) == list(found["start"])
    np.testing.assert_allclose(text["probability"], found["probability"], atol=1e-6)
    assert list(text["known"]) == list(found["known"])


def test_units_in_the_header_or_beside_it_are_converted(tmp_path, run_folder, plain):
    folder = shutil.copytree(run_folder / "recognizer", tmp_path / "recognizer")
    text = json.loads((folder / "recognizer.json").read_text())
    for place, unit in enumerate(("milli g", "W", "°C")):
        text["channels"][place]["unit"] = unit
    (folder / "recognizer.json").write_text(json.dumps(text))
    first, second, third, *others = plain.channel_names
    expected = write_csv(tmp_path / "a.csv", plain)
    table = pd.read_csv(tmp_path / "a.csv")
    table[first], table[second], table[third] = table[first] / 1e3, table[second] / 1e3, table[third] + 273.15
    table.columns = ["time", f"{first} [g]", second, f"{third} (K)", *others]
    table.to_csv(tmp_path / "a.csv", index=False)
    run(folder, tmp_path / "a.csv", "--unit", f"{second}=kW", "-o", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found["label"]) == list(expected["label"])
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-3)
    with pytest.raises(UserError, match="expected CHANNEL=UNIT"):
        run(folder, tmp_path / "a.csv", "--unit", "g")
    with pytest.raises(UserError, match=r"found the unit 'furlong', expected 'W'"):
        run(folder, tmp_path / "a.csv", "--unit", f"{second}=furlong")


def test_a_growing_file_is_named_window_by_window(tmp_path, run_folder, plain):
    expected = write_csv(tmp_path / "whole.csv", plain)
    lines = (tmp_path / "whole.csv").read_text().splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join(lines[:100]))

    def grow():
        for first in range(100, len(lines), 173):
            time.sleep(0.15)
            with (tmp_path / "a.csv").open("a") as file:
                file.write("".join(lines[first : first + 173]))

    writer = threading.Thread(target=grow)
    writer.start()
    result = run(run_folder, tmp_path / "a.csv", "--follow", "--idle", "1.5", "-o", tmp_path / "out.csv")
    writer.join()
    shown = result.stdout.splitlines()
    assert len(shown) == len(expected)
    for line, start, label, known, probability in zip(
        shown, expected["start"], expected["label"], expected["known"], expected["probability"], strict=True
    ):
        assert line.startswith(f"{start:.3f}  ")
        assert (f"  {label}  " in line) if known else (f"  unknown (perhaps {label})  " in line)
        assert line.endswith(f"  {probability:.2f}")
    assert list(pd.read_csv(tmp_path / "out.csv")["label"]) == list(expected["label"])


def test_windows_of_standard_input_are_printed_while_it_is_open(tmp_path, run_folder, plain):
    expected = write_csv(tmp_path / "a.csv", plain)
    lines = (tmp_path / "a.csv").read_text().splitlines(keepends=True)
    command = [sys.executable, "-u", "-m", "detach_core", "recognize", str(run_folder), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write("".join(lines[:200]))
        process.stdin.flush()
        first = [process.stdout.readline() for _ in range(3)]  # 6.6 s of samples, and the input is still open
        process.stdin.write("".join(lines[200:]))
        process.stdin.close()
        rest = process.stdout.readlines()
    assert process.returncode == 0
    assert [line.split()[0] for line in first + rest] == [f"{start:.3f}" for start in expected["start"]]


def test_events_are_held_and_unknown_sensors_told(tmp_path, run_folder, plain):
    names = plain.channel_names
    lines = ["time,sensor,value", *(f"{second},{names[second % 7]},{second % 3}" for second in range(60)), "60,lamp,on"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    result = run(run_folder, tmp_path / "a.csv", "-o", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found["start"]) == list(np.arange(0.0, 58.0, 2.0))
    assert "sensors that the recogniser does not know are ignored: lamp" in result.stderr
    assert f"no event of {names[7]}, which count as 0" in result.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text, names: text.replace(names[2], "other", 1), "found no {2} among"),
        (lambda text, names: text.replace("time,", "when,", 1), "name the column of the times `time`"),
        (lambda text, names: text.replace("\n", "\nx", 2), "line 2: found the time 'x0.0'"),
        (lambda text, names: "\n".join(text.splitlines()[:1] + text.splitlines()[1::10]), "expected at least 15"),
        (lambda text, names: "\n".join([text.splitlines()[0], *text.splitlines()[:0:-1]]), "that do not decrease"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_no_timeline(tmp_path, run_folder, plain, change, said):
    write_csv(tmp_path / "a.csv", plain)
    (tmp_path / "a.csv").write_text(change((tmp_path / "a.csv").read_text(), plain.channel_names))
    with pytest.raises(UserError) as caught:
        run(run_folder, tmp_path / "a.csv", "-o", tmp_path / "out.parquet")
    assert said.format(*plain.channel_names) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


@pytest.mark.parametrize(
    ("sensors", "output", "said"),
    [("none.csv", "a.parquet", "found nothing"), ("none.csv", "a.xlsx", "expected .parquet or .csv")],
)
def test_files_that_cannot_be_are_one_sentence(tmp_path, run_folder, sensors, output, said):
    with pytest.raises(UserError, match=said):
        run(run_folder, tmp_path / sensors, "-o", tmp_path / output)


def test_a_folder_without_a_recogniser_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="run the rule recognizer"):
        run(tmp_path, tmp_path / "a.csv")


def test_the_help_loads_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from detach_core.commands.main import program;"
        " print(CliRunner().invoke(program(), ['recognize', '--help']).output);"
        " heavy = {'numpy', 'torch', 'pandas', 'onnxruntime', 'paho'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Examples:" in done.stdout
    assert recognize.command.__doc__.count("detach recognize results/") == 3
