import logging

import numpy as np
import torch

from detach_core.contracts.provenance import make_provenance
from detach_core.training.embedding import embed_windows, rebuild
from detach_core.training.job import TrainingJob
from detach_core.training.session import make_checkpoint, run_session

CPU = torch.device("cpu")


def make(toy, windows, split, name):
    job = TrainingJob(name, toy.SETTINGS[name], toy.MACHINES)
    session = run_session(
        job,
        place="x",
        windows=windows,
        split=split,
        spatial=None,
        seed=0,
        log=logging.getLogger("test"),
    )
    provenance = make_provenance(stage="pretrain", source="simulated", settings={})
    return session.method, make_checkpoint(job, session, windows=windows, split=split, provenance=provenance)


def test_all_windows_are_embedded_in_order_with_the_checkpoints_normalisation(toy, windows, split, resident):
    method, checkpoint = make(toy, windows, split, "statistics")
    features = embed_windows(rebuild(checkpoint), checkpoint, windows, device=CPU)
    assert features.keys() == {"sensor"}
    assert features["sensor"].shape == (windows.num_windows, 64)
    batch = resident.gather("pretrain", torch.arange(4), modalities={"sensor"}, augment=False)
    expected = method.embed_sensor(batch.sensor).whole.numpy()
    np.testing.assert_allclose(features["sensor"][split.pretrain[:4]], expected, atol=1e-5)


def test_a_rebuilt_method_is_frozen_and_embeds_the_same(toy, windows, split):
    method, checkpoint = make(toy, windows, split, "detach_spatial")
    again = rebuild(checkpoint)
    assert not again.training
    assert not any(weight.requires_grad for weight in again.parameters())
    first, second = (embed_windows(m.eval(), checkpoint, windows, device=CPU) for m in (method, again))
    assert first.keys() == {"sensor", "sensor_spatial"}
    np.testing.assert_array_equal(first["sensor"], second["sensor"])
