import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from detach_core.contracts.provenance import make_provenance
from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d
from detach_core.training import session as sessions

LOG = logging.getLogger("test")


def run(toy, windows, split, name="supervised", seed=0, spatial=None, **changes):
    settings = {**toy.SETTINGS[name], **changes}
    return sessions.run_session(
        name, place="methods.x", settings=settings, windows=windows, split=split, spatial=spatial, seed=seed, log=LOG
    )


def test_two_runs_of_a_seed_give_the_same_bits_and_another_seed_does_not(toy, windows, split):
    first, second, other = (run(toy, windows, split, seed=seed).method.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_checkpoint_knows_all_that_rebuilds_the_method(toy, windows, split):
    session = run(toy, windows, split)
    checkpoint = sessions.make_checkpoint(
        "supervised",
        session,
        settings=toy.SETTINGS["supervised"],
        windows=windows,
        split=split,
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}),
    )
    assert checkpoint.epoch == 2
    assert checkpoint.channel_names == list(windows.channel_names)
    assert checkpoint.facts["encoders"] == {"size": "small", "dim": 32}
    json.dumps([checkpoint.settings, checkpoint.shape, checkpoint.normalisation, checkpoint.facts])


def test_a_normalisation_survives_the_way_through_json(split):
    values = json.loads(json.dumps(sessions.normalisation_as_dict(split.normalisation)))
    back = sessions.normalisation_from_dict(values)
    np.testing.assert_array_equal(back.mean, split.normalisation.mean)
    np.testing.assert_array_equal(back.std, split.normalisation.std)
    for form, statistics in split.normalisation.activation.items():
        np.testing.assert_array_equal(back.activation[form].std, statistics.std)


def test_monitoring_falls_back_on_the_downstream_part(split):
    assert sessions.unseen_part(split) is split.held_out
    split.parts["held_out"], kept = np.array([], dtype=np.int64), split.parts["held_out"]
    try:
        assert sessions.unseen_part(split) is split.downstream
    finally:
        split.parts["held_out"] = kept


def test_an_unknown_method_is_refused(toy, windows, split):
    with pytest.raises(ValueError, match="method must be one of"):
        sessions.run_session(
            "nonsense",
            place="x",
            settings=dict(toy.SETTINGS["statistics"]),
            windows=windows,
            split=split,
            spatial=None,
            seed=0,
            log=LOG,
        )


def test_the_start_of_the_video_is_described_once_and_stage_2_takes_over_that_of_stage_1(toy, windows, split, tmp_path):
    path = tmp_path / "t.pt"
    torch.save(SpatialCnn2d(dim=32, size="small").state_dict(), path)
    settings = sessions.with_video_start(toy.SPATIAL | {"video": {"init": str(path)}}, None)
    assert settings["video"].keys() == {"init", "network", "width", "sha256", "path"}
    assert sessions.portable(settings)["video"].keys() == settings["video"].keys() - {"path"}
    stage_1 = SimpleNamespace(settings=sessions.portable(settings))
    path.unlink()
    assert sessions.with_video_start(toy.DETACH, stage_1)["video"] == stage_1.settings["video"]


def test_methods_without_video_have_nothing_to_describe(toy):
    settings = toy.SETTINGS["statistics"]
    assert sessions.with_video_start(settings, None) == sessions.portable(settings) == settings
