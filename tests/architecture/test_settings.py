import json
import re

import pytest

from detach_core.acquisition.settings import DownloadStageSettings
from detach_core.config import evidence
from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.datasets.registry import (
    DATASETS,
    ExtractFramesSettings,
    FlowStageSettings,
    IngestSettings,
    PackSettings,
    SplitStageSettings,
)
from detach_core.evaluation.settings import (
    ActivationMapsJob,
    ClaimsJob,
    EmbedJob,
    NegativePairsJob,
    ProbeJob,
    RetrievalJob,
    SignificanceJob,
)
from detach_core.methods.registry import METHODS
from detach_core.recognition.settings import RecognizerJob
from detach_core.reports.figures.registry import read_figure
from detach_core.reports.settings import TableJob
from detach_core.settings.base import from_plain, to_plain
from detach_core.simulation.registry import HOMES
from detach_core.stages.simulate_home import read_simulation_job
from detach_core.training.job import read_job

# Settings of a stage as the configuration gives them, and the type that the stage takes back.
JOBS = [
    (EmbedJob, lambda config: config.embedding("detach")),
    (ProbeJob, lambda config: config.probing("detach")),
    (ProbeJob, lambda config: config.probing("detach-temporal-action")),
    (NegativePairsJob, lambda config: config.negative_pairs("detach")),
    (ActivationMapsJob, lambda config: config.activation_maps("hwu_usp", "detach")),
    (RecognizerJob, lambda config: config.recognizing()),
    (TableJob, lambda config: config.table("table1")),
    (TableJob, lambda config: config.table("table7")),
    (ClaimsJob, evidence.claim_settings),
    (SignificanceJob, evidence.significance_settings),
    (SignificanceJob, evidence.few_labels_settings),
    (RetrievalJob, evidence.retrieval_settings),
]
OF_DATA = {
    "download": DownloadStageSettings,
    "ingest": IngestSettings,
    "extract_frames": ExtractFramesSettings,
    "flow": FlowStageSettings,
    "pack": PackSettings,
    "split": SplitStageSettings,
}


def test_a_training_gets_its_settings_typed(root):
    """What these stages read of their settings, mypy checks."""
    config = load_config(read_default(checkout=root))
    for text in (config.spatial("default", "hwu_usp"), config.pretraining("detach", "hwu_usp")):
        job = read_job(text)
        assert type(job.settings) is METHODS.settings(job.method)
        assert job.to_plain() == json.loads(text)


def test_a_simulation_gets_its_settings_typed(root):
    """What the stage reads of its settings, mypy checks."""
    config = load_config(read_default(checkout=root))
    for dataset in config.document.datasets:
        job = read_simulation_job(dataset, config.simulate_home(dataset))
        assert type(job.home) is HOMES.settings(dataset)
        assert job.home == config.document.datasets[dataset].home


@pytest.mark.parametrize(("kind", "settings"), JOBS)
def test_a_stage_takes_back_what_the_configuration_gives_it(root, kind, settings):
    text = settings(load_config(read_default(checkout=root)))
    assert to_plain(from_plain(kind, json.loads(text))) == json.loads(text)


def test_a_figure_takes_back_what_the_configuration_gives_it(root):
    config = load_config(read_default(checkout=root))
    for name, figure in config.figures.items():
        assert read_figure(config.figure(name)) == figure


@pytest.mark.parametrize(("stage", "kind"), OF_DATA.items())
def test_a_stage_of_the_data_side_gets_its_settings_typed(root, stage, kind):
    config = load_config(read_default(checkout=root))
    for dataset in config.document.datasets:
        text = getattr(config, stage)(*((dataset, "default") if stage == "split" else (dataset,)))
        settings = from_plain(kind, json.loads(text))
        assert to_plain(settings) == json.loads(text)
        if native := getattr(settings, "native", None):
            own = native if stage == "download" else from_plain(DATASETS.settings(dataset), native)
            assert own.globs("video") == config.document.datasets[dataset].native.globs("video")


PACKAGES = (
    *("methods", "training", "encoders", "simulation", "reports"),
    *("evaluation", "datasets", "acquisition", "signals", "stages"),
)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_setting_is_looked_up_by_a_text(root, package):
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted((root / "detach_core" / package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b(settings|section)(\[[\"']|\.get\()|settings: (Mapping|dict)\b", line)
    ]
    assert found == []
