"""A training's settings on their way to the stage, to the checkpoint and back."""

import json
from dataclasses import replace

import pytest
import torch

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.foundation.errors import BadInputError
from detach_core.methods.registry import METHODS
from detach_core.settings.shared import MachinesSettings, VideoStartSettings, WeightFile
from detach_core.training.job import TrainingJob, read_job, settings_of, with_stage_1

MACHINES = MachinesSettings(device="cpu", threads=3, devices=2, nodes=2)


def checkpoint(method, settings):
    """A checkpoint of which nothing but its settings counts."""
    return Checkpoint(
        method=method,
        settings=TrainingJob(method, settings, MACHINES).to_plain()["settings"],
        shape={},
        normalisation={},
        dataset="toy",
        class_names=[],
        class_places=[],
        class_actions=[],
        channel_names=[],
        window_s=2.0,
        max_nan_share=0.5,
        flow_method="dis fast",
        flow_max_px=16.0,
        epoch=0,
        facts={},
        tensors={},
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}),
    )


@pytest.fixture
def weights(tmp_path):
    """A weight file of the shared trunk."""
    torch.save(SpatialCnn2d(dim=32, size="small").state_dict(), tmp_path / "t.pt")
    return tmp_path / "t.pt"


@pytest.mark.parametrize("name", list(METHODS))
def test_a_stage_gets_back_the_settings_that_it_was_given(toy, name):
    job = TrainingJob(name, toy.SETTINGS[name], MACHINES)
    assert read_job(json.dumps(job.to_plain())) == job


@pytest.mark.parametrize("name", list(METHODS))
def test_a_checkpoint_gives_back_the_settings_of_its_method(toy, name):
    assert settings_of(checkpoint(name, toy.SETTINGS[name])) == toy.SETTINGS[name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"momentun": 0.9}, r"^DetachSettings: unknown momentun; known are input, "),
        ({"epochs": "2"}, r"^DetachSettings\.epochs: expected int, found '2'"),
        ({"epochs": True}, r"^DetachSettings\.epochs: expected int, found True"),
        ({"input": {"from": "z"}}, r"^DetachSettings\.input: unknown from; known are form, "),
        ({"z_parts": ["spatial", "both"]}, r"^DetachSettings\.z_parts\[1\]: expected .*, found 'both'"),
    ],
)
def test_settings_that_the_method_does_not_know_are_refused(toy, change, said):
    plain = TrainingJob("detach", toy.DETACH, MACHINES).to_plain()
    plain["settings"] |= change
    with pytest.raises(TypeError, match=said):
        read_job(json.dumps(plain))


def test_an_unknown_method_is_refused(toy):
    plain = TrainingJob("detach", toy.DETACH, MACHINES).to_plain()
    with pytest.raises(LookupError, match="unknown method 'detahc'"):
        read_job(json.dumps(plain | {"method": "detahc"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 3}, "unknown seed; known are method, settings, machines"),
        ({"method": 3}, r"\.method: expected str, found 3"),
        ({"settings": None}, r"^DetachSettings: expected DetachSettings, found None"),
        ({"machines": {"gpus": 3}}, r"\.machines: unknown gpus; known are device, threads, devices, nodes"),
    ],
)
def test_what_is_no_job_is_refused(toy, change, said):
    plain = TrainingJob("detach", toy.DETACH, MACHINES).to_plain() | change
    with pytest.raises(TypeError, match=said):
        read_job(json.dumps(plain))


def test_stage_2_takes_the_settings_and_the_start_of_its_stage_1(toy, weights):
    spatial = replace(toy.SPATIAL, video=VideoStartSettings(init=str(weights)))
    described = with_stage_1(TrainingJob("detach_spatial", spatial, MACHINES), None).settings
    assert described.video.init == "t.pt"
    assert (described.video.weights.width, described.video.weights.path) == (32, str(weights))
    stage_1 = checkpoint("detach_spatial", described)
    weights.unlink()
    job = with_stage_1(TrainingJob("detach", toy.DETACH, MACHINES), stage_1)
    assert job.settings.video == replace(described.video, weights=replace(described.video.weights, path=None))
    assert job.settings.spatial_settings == settings_of(stage_1)
    assert job.settings.epochs == toy.DETACH.epochs


def test_where_a_weight_file_lay_is_in_no_plain_value(toy, weights):
    settings = replace(toy.SETTINGS["imu2clip"], video=VideoStartSettings(init=str(weights)))
    job = with_stage_1(TrainingJob("imu2clip", settings, MACHINES), None)
    assert job.settings.video.weights.path == str(weights)
    assert str(weights.parent) not in json.dumps(job.to_plain())
    assert job.to_plain()["settings"]["video"]["weights"]["sha256"] == job.settings.video.weights.sha256


def test_a_weight_file_that_is_none_is_refused(toy, tmp_path):
    (tmp_path / "t.pt").write_bytes(b"no weights")
    settings = replace(toy.SETTINGS["imu2clip"], video=VideoStartSettings(init=str(tmp_path / "t.pt")))
    with pytest.raises(BadInputError, match=r"t\.pt"):
        with_stage_1(TrainingJob("imu2clip", settings, MACHINES), None)


def test_a_start_that_is_described_is_not_read_again(toy):
    start = VideoStartSettings(init="gone.pt", weights=WeightFile(network="trunk", width=32, sha256="0" * 64))
    job = TrainingJob("imu2clip", replace(toy.SETTINGS["imu2clip"], video=start), MACHINES)
    assert with_stage_1(job, None) == job


def test_methods_without_video_have_nothing_to_describe(toy):
    job = TrainingJob("statistics", toy.SETTINGS["statistics"], MACHINES)
    assert with_stage_1(job, None) == job


def test_no_settings_of_the_caller_are_changed(toy, weights):
    settings = replace(toy.SETTINGS["imu2clip"], video=VideoStartSettings(init=str(weights)))
    job = TrainingJob("imu2clip", settings, MACHINES)
    with_stage_1(job, None).to_plain()
    assert settings.video == VideoStartSettings(init=str(weights))
