import runpy
from pathlib import Path

import numpy as np
import pytest

from detach_core.contracts.checkpoint import read_checkpoint, write_checkpoint
from detach_core.contracts.embeddings import read_embeddings
from detach_core.stages.embed import embed
from detach_core.stages.pretrain import pretrain

_TOY = runpy.run_path(str(Path(__file__).resolve().parents[1] / "training" / "conftest.py"))
home, toy = _TOY["home"], _TOY["toy"]


@pytest.fixture(scope="module")
def checkpoint(toy, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    pretrain(
        settings=toy.as_text(toy.SETTINGS["random_encoder"]),
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


def test_a_checkpoint_of_other_channels_is_refused(home, checkpoint, tmp_path, capsys):
    from dataclasses import replace

    other = tmp_path / "other.safetensors"
    write_checkpoint(other, replace(read_checkpoint(checkpoint), channel_names=["x"]))
    with pytest.raises(SystemExit):
        run(home, other, tmp_path)
    assert "channel_names" in capsys.readouterr().err
    assert not (tmp_path / "embeddings.h5").exists()
