import json

import torch

from detach_core.methods.batch import InputShape, WindowBatch


def test_a_shape_survives_the_way_through_json():
    shape = InputShape(34, 60, 10, 48, 64, 30.0, 5.0, 14, "window")
    assert InputShape(**json.loads(json.dumps(shape.as_dict()))) == shape


def test_a_batch_is_as_long_as_its_windows_and_holds_nothing_unasked():
    batch = WindowBatch(torch.arange(3), torch.zeros(3), torch.zeros(3))
    assert len(batch) == 3
    assert (batch.sensor, batch.mean_frame, batch.motion, batch.frames, batch.label) == (None,) * 5
