"""A method of a user's own package goes the whole way, from the configuration to the probe, without an edit here."""

import copy
import json
import sys
from pathlib import Path

import pytest

from detach_core.config.load import ConfigError, load_config
from detach_core.config.yaml_file import read_default
from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.history import read_history
from detach_core.contracts.metrics import read_metrics
from detach_core.stages.embed import embed
from detach_core.stages.pretrain import pretrain
from detach_core.stages.probe import probe
from detach_core.training.job import read_job
from detach_core.workflow.code_digest import CodeDigest

ROOT = Path(__file__).resolve().parents[2]
NAME = "my_package.forecast:Forecast"
SOURCE = '''
"""Learns to tell the second half of a window from the first."""

from dataclasses import dataclass
from typing import Annotated

from torch import nn

from detach_core.methods.method import Embedding, Method
from detach_core.methods.registry import TrainedSettings
from detach_core.settings.base import Range
from tests.fixtures.toy_home import home, one_thread, toy


@dataclass(frozen=True)
class ForecastSettings(TrainedSettings):
    width: Annotated[int, Range(ge=1, le=512)] = 16
    """of the feature"""


class Forecast(Method[ForecastSettings]):
    settings_type = ForecastSettings
    probed = "forecast"

    def __init__(self, settings, shape, activation):
        super().__init__(settings, shape, activation)
        self.half = shape.length // 2
        self.sensor = nn.Sequential(nn.Flatten(), nn.Linear(shape.channels * self.half, settings.width), nn.Tanh())
        self.head = nn.Linear(settings.width, shape.channels)
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size

    @property
    def embedding_dim(self):
        return self.settings.width

    def embed_sensor(self, sensor):
        return Embedding(self.sensor(sensor[:, :, : self.half]))

    def losses(self, batch):
        guess = self.head(self.embed_sensor(batch.sensor).whole)
        return {"forecast": (guess - batch.sensor[:, :, self.half :].mean(dim=2)).square().mean()}
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The package, on the path."""
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").write_text("")
    (tmp_path / "my_package" / "forecast.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield NAME
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


@pytest.fixture
def data():
    """The default configuration with a row of the user's."""
    data = copy.deepcopy(read_default(checkout=ROOT))
    data["device"] = "cpu"
    data["methods"][NAME] = {"epochs": 50, "batch_size": 16}
    data["variants"]["mine"] = {"method": NAME, "width": 24}
    data["variants"]["mine-narrow"] = {"method": NAME, "width": 4, "input": {"form": "z"}}
    data["tables"]["table1"]["rows"].append("mine")
    return data


def test_it_goes_from_the_configuration_to_the_probe(own, data, home, tmp_path):
    config = load_config(data)
    settings = config.pretraining("mine", "opportunity")
    job = read_job(settings)
    share = data["datasets"]["opportunity"]["epoch_share"]
    assert (job.method, job.settings.width, job.settings.epochs) == (NAME, 24, round(50 * share))
    assert read_job(config.pretraining("mine-narrow", "opportunity")).settings.input.form == "z"
    shared = {"windows_path": home / "windows.h5", "split_path": home / "split.json"}
    checkpoint, embeddings = tmp_path / "checkpoint.safetensors", tmp_path / "embeddings.h5"
    pretrain(
        settings=settings,
        spatial_path=None,
        checkpoint_path=checkpoint,
        history_path=tmp_path / "history.jsonl",
        snapshots_path=tmp_path / "snapshots.safetensors",
        seed=0,
        log_path=tmp_path / "pretrain.log",
        **shared,
    )
    rows = read_history(tmp_path / "history.jsonl").epochs
    assert rows[-1]["losses"]["forecast"] < rows[1]["losses"]["forecast"]
    assert read_checkpoint(checkpoint).method == NAME
    embed(
        settings=config.embedding("mine"),
        checkpoint_path=checkpoint,
        embeddings_path=embeddings,
        log_path=tmp_path / "embed.log",
        **shared,
    )
    probe(
        settings=config.probing("mine"),
        embeddings_paths=[embeddings],
        metrics_path=tmp_path / "metrics.json",
        classifier_path=tmp_path / "classifier.safetensors",
        log_path=tmp_path / "probe.log",
        **shared,
    )
    metrics = read_metrics(tmp_path / "metrics.json")
    assert (metrics.method, metrics.variant, metrics.probed) == (NAME, "mine", "forecast")
    # Eight classes, alike frequent; what it learns of the first half of a window is worth something.
    assert metrics.protocols["by_recording"].f1_weighted > 2 / 8


def test_its_settings_are_checked_like_any_other(own, data):
    data["variants"]["mine"]["width"] = 0
    data["variants"]["mine-narrow"]["widths"] = 3
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    assert refused.value.lines == [
        "variants.mine.width: must be >= 1, got 0",
        "variants.mine-narrow.widths: unknown key, did you mean `width`?",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_package.forecast:Forecaster", "cannot be imported: AttributeError: "),
        ("my_packages.forecast:Forecast", "cannot be imported: ModuleNotFoundError: No module named 'my_packages'"),
        ("my_package.forecast:nn", "has no `settings_type`, a subclass of Settings"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(own, data, name, said):
    data["variants"]["mine"]["method"] = name
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    line = next(line for line in refused.value.lines if line.startswith("variants.mine."))
    assert line.startswith(f"variants.mine.method: method '{name}' ")
    assert said in line


def test_its_candidates_are_searched_like_any_other_s(own, data):
    data["search"]["candidates"] = [{"optimizer": {"lr": 3e-4}}]
    config = load_config(data)
    assert config.candidates("mine") == ["mine", "mine+1"]
    assert json.loads(config.pretraining("mine+1", "opportunity"))["settings"]["optimizer"]["lr"] == 3e-4


def test_the_digest_of_its_stage_is_that_of_the_stage_alone(own):
    code = CodeDigest(ROOT)
    assert code.of_stage("pretrain", own) != code.of_stage("pretrain", "primus")
