import numpy as np
import pytest
from safetensors.torch import save_file

from detach_core.contracts.checkpoint import read_checkpoint, write_checkpoint
from detach_core.contracts.embeddings import read_embeddings
from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.settings.shared import VideoStartSettings
from detach_core.stages.embed import embed
from detach_core.stages.pretrain import pretrain
from detach_core.stages.pretrain_spatial import pretrain_spatial


@pytest.fixture(scope="module")
def checkpoint(toy, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    pretrain(
        settings=toy.job_text("random_encoder"),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        spatial_path=None,
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=3,
        log_path=folder / "pretrain.log",
    )
    return folder / "checkpoint.safetensors"


def run(home, checkpoint, folder):
    embed(
        settings='{"variant": "control", "device": "cpu", "threads": 1}',
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        checkpoint_path=checkpoint,
        embeddings_path=folder / "embeddings.h5",
        log_path=folder / "embed.log",
    )
    return read_embeddings(folder / "embeddings.h5")


def test_all_windows_are_embedded_with_the_runs_facts(home, checkpoint, tmp_path):
    embeddings = run(home, checkpoint, tmp_path)
    assert embeddings.sensor.shape == (144, 64)
    assert embeddings.features.keys() == {"sensor", "sensor_spatial", "sensor_temporal"}
    assert (embeddings.variant, embeddings.method, embeddings.seed) == ("control", "random_encoder", 3)
    assert (embeddings.dataset, embeddings.split, embeddings.source) == ("toy", "default", "simulated")
    np.testing.assert_array_equal(run(home, checkpoint, tmp_path).sensor, embeddings.sensor)


def train_alone(toy, home, folder, name, **changes):
    pretrain(
        settings=toy.job_text(name, **changes),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        spatial_path=None,
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=3,
        log_path=folder / "pretrain.log",
    )


@pytest.mark.parametrize(
    ("name", "epochs"), [("comodo", {"epochs": 1, "teacher_epochs": 1}), ("primus", {"epochs": 1})]
)
def test_what_meets_the_video_has_an_untrained_control_too(toy, home, tmp_path, name, epochs):
    train_alone(toy, home, tmp_path, name, **epochs)
    found = run(home, tmp_path / "checkpoint.safetensors", tmp_path).features
    assert found["start_shared"].shape == found["sensor_shared"].shape
    assert not np.allclose(found["start_shared"], found["sensor_shared"], atol=1e-3)


def test_a_checkpoint_of_another_split_is_refused(home, checkpoint, tmp_path, capsys):
    from dataclasses import replace

    read = read_checkpoint(checkpoint)
    for inputs in ({**read.provenance.inputs, "split": "another"}, {}):
        other = tmp_path / "other.safetensors"
        write_checkpoint(other, replace(read, provenance=replace(read.provenance, inputs=inputs)))
        with pytest.raises(SystemExit):
            run(home, other, tmp_path)
        (line,) = capsys.readouterr().err.splitlines()
        assert f"provenance.split: found {inputs.get('split', 'nothing')}, expected" in line
        assert line.endswith("rerun the rule `pretrain`")
    assert not (tmp_path / "embeddings.h5").exists()


def test_the_untrained_control_is_embedded_beside_what_was_trained(toy, home, tmp_path):
    train_alone(toy, home, tmp_path, "supervised", epochs=3)
    found = run(home, tmp_path / "checkpoint.safetensors", tmp_path)
    assert found.features["start"].shape == found.sensor.shape
    assert not np.allclose(found.features["start"], found.sensor, atol=1e-3)
    halves = [found.features[f"start_{half}"] for half in ("spatial", "temporal")]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), found.features["start"], atol=1e-6)
    again = run(home, tmp_path / "checkpoint.safetensors", tmp_path)
    np.testing.assert_array_equal(again.features["start"], found.features["start"])


def test_what_collapsed_is_carried_from_the_checkpoint(home, checkpoint, tmp_path):
    from dataclasses import replace

    read = read_checkpoint(checkpoint)
    assert run(home, checkpoint, tmp_path).collapse == ""
    words = "loss contrastive 4.158 of 4.159 at chance"
    write_checkpoint(tmp_path / "c.safetensors", replace(read, facts=read.facts | {"collapse": words}))
    assert run(home, tmp_path / "c.safetensors", tmp_path).collapse == words


def test_a_checkpoint_of_other_channels_is_refused(home, checkpoint, tmp_path, capsys):
    from dataclasses import replace

    other = tmp_path / "other.safetensors"
    write_checkpoint(other, replace(read_checkpoint(checkpoint), channel_names=["x"]))
    with pytest.raises(SystemExit):
        run(home, other, tmp_path)
    assert "channel_names" in capsys.readouterr().err
    assert not (tmp_path / "embeddings.h5").exists()


@pytest.mark.parametrize("width", [32, 16])
def test_a_row_says_which_weights_its_video_started_from_and_is_embedded_without_their_file(toy, home, tmp_path, width):
    path = tmp_path / "mine.safetensors"
    state = SpatialCnn2d(dim=width, size="small").state_dict()
    save_file({f"video.{key}": value.contiguous() for key, value in state.items()}, path)
    changes = {"video": VideoStartSettings(init=str(path))}
    paths = {"windows_path": home / "windows.h5", "split_path": home / "split.json", "seed": 0}
    stage_1, stage_2 = tmp_path / "spatial.safetensors", tmp_path / "checkpoint.safetensors"
    pretrain_spatial(
        settings=toy.job_text("detach_spatial", **changes, warmup_epochs=1, joint_epochs=1, refinement_epochs=1),
        checkpoint_path=stage_1,
        history_path=tmp_path / "spatial.jsonl",
        assignments_path=tmp_path / "spatial.h5",
        log_path=tmp_path / "spatial.log",
        **paths,
    )
    pretrain(
        settings=toy.job_text("detach", **changes, epochs=1),
        spatial_path=stage_1,
        checkpoint_path=stage_2,
        history_path=tmp_path / "history.jsonl",
        snapshots_path=tmp_path / "snapshots.safetensors",
        log_path=tmp_path / "pretrain.log",
        **paths,
    )
    path.unlink()
    anew = "" if width == 32 else ", projection anew"
    for checkpoint in map(read_checkpoint, (stage_1, stage_2)):
        assert str(tmp_path) not in str((checkpoint.settings, checkpoint.facts))
        assert checkpoint.facts["video_init"].startswith("mine.safetensors (sha256 ")
    embeddings = run(home, stage_2, tmp_path)
    digest = read_checkpoint(stage_1).settings["video"]["weights"]["sha256"]
    assert embeddings.video_init == f"mine.safetensors (sha256 {digest[:12]}{anew})"
    assert "video_spatial" in embeddings.features


def test_a_weight_file_that_does_not_fit_is_one_line_before_any_training(toy, home, tmp_path, capsys):
    path = tmp_path / "mine.safetensors"
    state = SpatialCnn2d(dim=32, size="small").state_dict()
    del state["attention.bias"]
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    with pytest.raises(SystemExit):
        pretrain_spatial(
            settings=toy.job_text("detach_spatial", video=VideoStartSettings(init=str(path))),
            windows_path=home / "windows.h5",
            split_path=home / "split.json",
            checkpoint_path=tmp_path / "spatial.safetensors",
            history_path=tmp_path / "spatial.jsonl",
            assignments_path=tmp_path / "spatial.h5",
            seed=0,
            log_path=tmp_path / "spatial.log",
        )
    (line,) = capsys.readouterr().err.splitlines()
    assert "mine.safetensors: keys: found no `attention.bias`" in line
    assert not (tmp_path / "spatial.safetensors").exists()
