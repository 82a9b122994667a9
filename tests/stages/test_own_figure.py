"""A figure of a package of its own, which no file of this project names, from the configuration to the picture."""

import copy
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from detach_core.config.load import ConfigError, load_config
from detach_core.config.yaml_file import read_default
from detach_core.contracts.windows import write_windows
from detach_core.stages.figure import figure
from tests.fixtures.artifacts import make_windows

ROOT = Path(__file__).resolve().parents[2]
NAME = "my_figures.counts:Counts"
SOURCE = '''
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pandas as pd

from detach_core.reports.captions import DATA, Caption
from detach_core.reports.figures.drawing import Drawing, only
from detach_core.reports.figures.registry import Artifact, RunFigureSettings
from detach_core.reports.figures.drawing import new_figure
from detach_core.settings.base import Range


@dataclass(frozen=True, kw_only=True)
class CountsSettings(RunFigureSettings):
    """Windows of each class."""

    needs: ClassVar[tuple[Artifact, ...]] = ("windows",)

    at_least: Annotated[int, Range(ge=0)] = 0
    """classes with fewer windows are left out"""

    def caption(self):
        return Caption(DATA, "Windows of each class", "Counted, with $ signs.")


class Counts(Drawing[CountsSettings]):
    settings_type = CountsSettings

    def frame(self, artifacts, settings):
        windows = only(artifacts, "windows").value
        counts = pd.Series(windows.label).value_counts().sort_index()
        counts = counts[counts >= settings.at_least]
        return pd.DataFrame({"class": [windows.class_names[k] for k in counts.index], "windows": counts.to_numpy()})

    def draw(self, frame, settings):
        picture, axes = new_figure(width="column", height_in=2.0)
        axes[0, 0].bar(frame["class"], frame["windows"])
        return picture

    def note(self, frame, settings):
        return f"{len(frame)} classes"
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    package = tmp_path / "installed" / "my_figures"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "counts.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(package.parent))
    yield NAME
    for module in [name for name in sys.modules if name.partition(".")[0] == "my_figures"]:
        del sys.modules[module]


@pytest.fixture
def data():
    """The default configuration with a section of the user's."""
    data = copy.deepcopy(read_default(checkout=ROOT))
    section = {"draw": NAME, "dataset": "opportunity", "variant": "detach", "split": "default", "at_least": 1}
    data["figures"]["counts"] = section
    return data


def test_it_goes_from_the_configuration_to_results(own, data, tmp_path):
    config = load_config(data)
    assert config.figures["counts"].needs == ("windows",)
    windows = make_windows()
    write_windows(tmp_path / "windows.h5", windows)
    csv_path = tmp_path / "results" / "counts.csv"
    figure(
        name="counts",
        settings=config.figure("counts"),
        paths={"windows": tmp_path / "windows.h5"},
        csv_path=csv_path,
        log_path=tmp_path / "figure.log",
    )
    frame = pd.read_csv(csv_path)
    assert frame["windows"].tolist() == [int((windows.label == k).sum()) for k in range(len(frame))]
    assert frame["windows"].sum() == windows.num_windows
    assert csv_path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    text = csv_path.with_suffix(".md").read_text()
    assert text.startswith("**counts. Windows of each class.** Counted, with")
    assert f"{len(frame)} classes · split default" in text


def test_its_settings_are_checked_like_any_other(own, data):
    data["figures"]["counts"] |= {"at_least": -1, "split": "nowhere"}
    data["figures"]["more"] = {**data["figures"]["counts"], "at_most": 3, "at_least": 0}
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    assert refused.value.lines == [
        "figures.counts.at_least: must be >= 0, got -1",
        "figures.more.at_most: unknown key, did you mean `at_least`?",
    ]


def test_the_names_that_it_shares_with_others_must_exist(own, data):
    data["figures"]["counts"] |= {"split": "nowhere", "variant": "nobody"}
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    assert [line.partition(": ")[0] for line in refused.value.lines] == [
        "figures.counts.split",
        "figures.counts.variant",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_figures.counts:Count", "cannot be imported: AttributeError: "),
        ("my_figure.counts:Counts", "cannot be imported: ModuleNotFoundError: No module named 'my_figure'"),
        ("my_figures.counts:new_figure", "has no `settings_type`, a subclass of Settings"),
        ("pie", "must be one of weight_cdf, class_separation"),
        (3, "must be one of weight_cdf, class_separation"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(own, data, name, said):
    data["figures"]["counts"]["draw"] = name
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    (line,) = refused.value.lines
    assert line.startswith("figures.counts.draw: ")
    assert said in line


def test_settings_of_a_method_are_no_settings_of_a_figure(data):
    data["figures"]["counts"]["draw"] = "detach_core.methods.primus.method:Primus"
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    expected = "figures.counts.draw: the `settings_type` of detach_core.methods.primus.method:Primus must be a"
    assert refused.value.lines[0].startswith(expected)


def test_what_the_stage_gets_is_the_section(own, data):
    assert json.loads(load_config(data).figure("counts")) == data["figures"]["counts"]
