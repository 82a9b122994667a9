import json
from itertools import pairwise

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_layers
from detach_core.methods.registry import TrainedSettings
from detach_core.settings.base import to_plain
from detach_core.training.loop import learning_rate_of_run

STAGES = {
    "simulate_home": ["hwu_usp"],
    "download": ["hwu_usp"],
    "ingest": ["hwu_usp"],
    "extract_frames": ["hwu_usp"],
    "flow": ["hwu_usp"],
    "pack": ["hwu_usp"],
    "split": ["hwu_usp", "default"],
    "spatial": ["default", "hwu_usp"],
    "pretraining": ["detach", "hwu_usp"],
    "embedding": ["detach"],
    "probing": ["detach"],
    "table": ["table1"],
}


def settings_of(data):
    config = load_config(data)
    return {stage: getattr(config, stage)(*arguments) for stage, arguments in STAGES.items()}


@pytest.mark.parametrize(
    ("path", "value", "stages"),
    [
        ("methods.detach.hardness", 2.0, {"pretraining"}),
        ("spatial.default.alpha", 2.0, {"spatial"}),
        ("probe.inner_folds", 4, {"probing"}),
        ("datasets.hwu_usp.window.stride_s", 0.5, {"pack"}),
        ("datasets.hwu_usp.flow.preset", "medium", {"flow"}),
        ("datasets.hwu_usp.video.working_hz", 2.5, {"extract_frames"}),
        ("datasets.hwu_usp.video.length_tolerance_s", 2.0, {"extract_frames", "pack"}),
        ("datasets.hwu_usp.native.video_offset_s", 1.0, {"extract_frames"}),
        ("datasets.hwu_usp.native.video_offset_s", {"tea_s01": 1.0}, {"extract_frames"}),
        ("datasets.hwu_usp.missing.max_nan_share", 0.4, {"pack"}),
        ("datasets.hwu_usp.missing.all_nan_channel", "zero", {"ingest"}),
        ("datasets.hwu_usp.download.max_unpacked_gb", 2.0, {"download"}),
        ("datasets.hwu_usp.recordings_per_shard", 10, set()),
        ("datasets.opportunity.window.stride_s", 0.5, set()),
        ("splits.default.hwu_usp.folds", 4, {"split"}),
        ("splits.default.opportunity.folds", 4, set()),
        ("augmentation.sensor.jitter", 0.2, {"spatial", "pretraining"}),
        ("snapshots", [0.0, 1.0], {"pretraining"}),
        ("methods.supervised.epochs", 3, set()),
        ("datasets.hwu_usp.epoch_share", 0.5, {"pretraining"}),
        ("datasets.opportunity.epoch_share", 0.5, set()),
        ("datasets.hwu_usp.spatial_batch_size", 50, {"spatial"}),
        ("datasets.opportunity.spatial_batch_size", 50, set()),
        ("tables.table1.rows", ["detach"], {"table"}),
        ("seeds", [0, 1], {"table"}),
        ("search.candidates", [{"optimizer": {"lr": 3e-4}}], {"probing"}),
    ],
)
def test_a_change_reaches_just_the_stages_that_it_touches(data, set_key, path, value, stages):
    before = settings_of(data)
    after = settings_of(set_key(path, value))
    assert {stage for stage in STAGES if before[stage] != after[stage]} == stages


def test_one_share_shortens_every_method_s_training_alike(set_key):
    data = set_key("datasets.hwu_usp.epoch_share", 0.3)
    config = load_config(data)
    for name in ("detach", "comodo", "cav_mae"):
        full = to_plain(config.variant(name).settings)
        found = json.loads(config.pretraining(name, "hwu_usp"))["settings"]
        for key in {"epochs", "teacher_epochs"} & full.keys():
            assert found[key] == round(0.3 * full[key])
        assert found["paper_steps"] == full["paper_steps"]
    least = load_config(set_key("datasets.hwu_usp.epoch_share", 0.001))
    assert json.loads(least.pretraining("detach", "hwu_usp"))["settings"]["epochs"] == 1


# Steps of an epoch at full scale: 80 % of 5,324 windows in batches of 256, and of COMODO's 128.
FULL_SCALE_STEPS = {"detach": 16, "imu2clip": 16, "primus": 16, "cav_mae": 16, "comodo": 33}


@pytest.mark.parametrize("method", FULL_SCALE_STEPS)
def test_the_paper_s_steps_are_those_of_its_epochs_at_full_scale(root, method):
    full = load_config(read_layers([root / "config/results.yaml", root / "config.yaml", root / "config/full.yaml"]))
    settings = to_plain(full.variant(method).settings)
    epochs = settings["epochs"] + settings.get("teacher_epochs", 0)
    assert settings["paper_steps"] == FULL_SCALE_STEPS[method] * epochs
    assert FULL_SCALE_STEPS[method] == int(0.8 * 5324) // settings["batch_size"]


@pytest.mark.parametrize("num_steps", [448, 480, 3200])
def test_cav_mae_s_rate_is_that_of_the_rule_with_its_own_product(data, num_steps):
    settings = load_config(data).variant("cav_mae").settings
    assert isinstance(settings, TrainedSettings)
    expected = min(2e-3, 3e-4 * 3200 / num_steps)
    assert learning_rate_of_run(settings, num_steps) == expected


@pytest.mark.parametrize("method", ["detach", "imu2clip", "primus", "cav_mae"])
def test_the_paper_s_run_to_the_letter_has_the_paper_s_rate(root, method):
    layers = read_layers([root / "config/results.yaml", root / "config.yaml", root / "config/paper.yaml"])
    layers["datasets"]["opportunity"]["root"] = layers["datasets"]["hwu_usp"]["root"] = str(root)
    settings = load_config(layers).variant(method).settings
    assert isinstance(settings, TrainedSettings)
    assert learning_rate_of_run(settings, 480) == 1e-4


def test_settings_are_canonical_json(data):
    for text in settings_of(data).values():
        assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_recordings_are_ordered_by_subject(data):
    config = load_config(data)
    assert config.recordings("opportunity")[:3] == ["S1-Drill", "S1-ADL4", "S2-Drill"]
    assert config.recordings("hwu_usp")[:2] == ["cereals_s01", "tea_s01"]


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_shards_hold_every_recording_once_in_order(set_key, size):
    config = load_config(set_key("datasets.opportunity.recordings_per_shard", size))
    shards = config.shards("opportunity")
    assert [name for group in shards.values() for name in group] == config.recordings("opportunity")
    assert max(map(len, shards.values())) <= size
    assert list(shards) == [group[0] for group in shards.values()]
    assert all(len(first) == size for first, _ in pairwise(shards.values()))


def test_sources_have_their_own_roots(data):
    roots = set()
    for source in ("simulated", "download", "local"):
        data["datasets"]["opportunity"] |= {"source": source, "root": "mine"}
        data["datasets"]["opportunity"]["download"]["files"] = [
            {"url": "http://x.org/a.zip", "path": "a.zip", "sha256": None, "unpack": True}
        ]
        roots.add((load_config(data).source("opportunity"), load_config(data).raw_root("opportunity")))
    assert roots == {
        ("simulated", "data/simulated/opportunity"),
        ("downloaded", "data/downloaded/opportunity"),
        ("local", "mine"),
    }


def test_methods_without_stage_1_stand_on_none(data):
    config = load_config(data)
    for name, section in data["variants"].items():
        assert config.spatial_of(name) == section.get("spatial"), name
    assert config.spatial_of("detach") == "default"
    assert config.spatial_of("primus") is None


def test_tables_know_their_rows_and_datasets(data):
    config = load_config(data)
    assert config.rows("table1") == data["tables"]["table1"]["rows"]
    assert config.rows("table7") == []
    assert config.tabulated == ["hwu_usp", "opportunity"]
