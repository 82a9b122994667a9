import pytest
import yaml
from typer.testing import CliRunner

from detach_core.commands.home_file import Additions, check_home, with_additions
from detach_core.commands.main import program
from detach_core.config.yaml_file import read_yaml
from detach_core.foundation.errors import BadInputError, UserError


def additions(recording="a", files=None, channels=("door",), classes=("tea",)):
    files = {"sensors": f"{recording}.csv"} if files is None else files
    lines = {name: f"{name}: {{kind: switch}}  # guessed" for name in channels}
    return Additions("UTC", recording, files, lines, {label: f"{label}: {{}}" for label in classes})


def add_to_home(folder, additions):
    text, sentence = with_additions(folder, additions)
    (folder / "home.yaml").write_text(text)
    return sentence


def home(folder):
    return read_yaml(folder / "home.yaml")


def test_a_home_without_a_file_gets_one(tmp_path):
    assert "written with 1 channels, 1 classes and sensors" in add_to_home(tmp_path, additions())
    assert home(tmp_path) == {
        "time_zone": "UTC",
        "channels": {"door": {"kind": "switch"}},
        "cameras": {},
        "classes": {"tea": {}},
        "recordings": {"a": {"sensors": "a.csv"}},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "time_zone: UTC\n",
        "channels:\nrecordings:\n",
        "channels: {}   # mine\n\n# a remark\nrecordings:  { }\nclasses: {}\n",
        "recordings:\n    b:\n        sensors: b.csv\n\n# behind\n",
        "channels:\n  lamp: {kind: power}\n\n  # kitchen\n  tap:\n    kind: switch\n# recorded\nrecordings: {}\n",
        "classes:\n  tea:\n    place: kitchen",
        "recordings:\n  a:\n    labels: l.csv\n",
    ],
)
def test_entries_are_added_and_all_else_stays(tmp_path, text):
    path = tmp_path / "home.yaml"
    path.write_text(text)
    before = yaml.safe_load(text) or {}
    add_to_home(tmp_path, additions())
    after = home(tmp_path)
    assert after["channels"] == {**(before.get("channels") or {}), "door": {"kind": "switch"}}
    assert after["classes"] == {"tea": {}, **(before.get("classes") or {})}
    recordings = before.get("recordings") or {}
    assert after["recordings"] == {**recordings, "a": {**recordings.get("a", {}), "sensors": "a.csv"}}
    remarks = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in remarks if line not in path.read_text().splitlines()] == []
    again = path.read_text()
    add_to_home(tmp_path, additions())
    assert path.read_text() == again


@pytest.mark.parametrize(
    "text", ["channels: {lamp: {kind: power}}\n", "recordings: [a]\n", "'channels':\n  x: {kind: power}\n"]
)
def test_a_file_of_another_form_is_refused_with_what_to_add(tmp_path, text):
    (tmp_path / "home.yaml").write_text(text)
    with pytest.raises(BadInputError, match=r"add by hand: .*door: \{kind: switch\}"):
        add_to_home(tmp_path, additions())
    assert (tmp_path / "home.yaml").read_text() == text


def test_other_files_of_a_recording_are_refused(tmp_path):
    (tmp_path / "home.yaml").write_text("recordings:\n  a:\n    sensors: mine.csv\n")
    for use in (check_home, add_to_home):
        with pytest.raises(BadInputError, match=r"found 'mine.csv', expected nothing, or 'a.csv'"):
            use(tmp_path, additions())


def test_a_file_that_is_no_yaml_is_refused_with_its_line(tmp_path):
    (tmp_path / "home.yaml").write_text("channels: {}\nchannels: {}\n")
    with pytest.raises(UserError, match="line 2: the key `channels` is repeated"):
        add_to_home(tmp_path, additions())


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "home.yaml").write_bytes(b"channels: {}\n# \xff\n")
    with pytest.raises(UserError, match="line 2: must be UTF-8"):
        add_to_home(tmp_path, additions())


def test_a_new_home_is_a_commented_template(tmp_path):
    folder = tmp_path / "My Home"
    result = CliRunner().invoke(program(), ["new-home", str(folder), "--time-zone", "Europe/Amsterdam"])
    assert result.exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["home.yaml", "overlay.yaml", "recordings"]
    assert home(folder)["time_zone"] == "Europe/Amsterdam"
    assert (folder / "home.yaml").read_text().count("\n#") > 10
    overlay = read_yaml(folder / "overlay.yaml")
    assert overlay["datasets"]["my_home"] == {"adapter": "folder", "root": str(folder)}
    assert overlay["tables"]["table1"]["datasets"] == ["my_home"]


def test_a_folder_with_files_and_an_unknown_zone_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    for arguments, said in (
        (["new-home", str(tmp_path / "a")], "found a folder with files in it"),
        (["new-home", str(tmp_path / "a" / "x")], "found a file"),
        (["new-home", str(tmp_path / "b"), "--time-zone", "Mars"], "expected a time zone"),
    ):
        result = CliRunner().invoke(program(), arguments)
        assert isinstance(result.exception, UserError)
        assert said in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
