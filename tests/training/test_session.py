import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from detach_core.contracts.provenance import make_provenance
from detach_core.training import session as sessions
from detach_core.training.job import TrainingJob

LOG = logging.getLogger("test")


def run(toy, windows, split, name="supervised", seed=0, spatial=None, **changes):
    job = TrainingJob(name, replace(toy.SETTINGS[name], **changes), toy.MACHINES)
    return sessions.run_session(
        job, place="methods.x", windows=windows, split=split, spatial=spatial, seed=seed, log=LOG
    )


def test_two_runs_of_a_seed_give_the_same_bits_and_another_seed_does_not(toy, windows, split):
    first, second, other = (run(toy, windows, split, seed=seed).method.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_checkpoint_knows_all_that_rebuilds_the_method(toy, windows, split):
    session = run(toy, windows, split)
    checkpoint = sessions.make_checkpoint(
        TrainingJob("supervised", toy.SETTINGS["supervised"], toy.MACHINES),
        session,
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
    with pytest.raises(LookupError, match="unknown method 'nonsense'"):
        sessions.run_session(
            TrainingJob("nonsense", toy.SETTINGS["statistics"], toy.MACHINES),
            place="x",
            windows=windows,
            split=split,
            spatial=None,
            seed=0,
            log=LOG,
        )
