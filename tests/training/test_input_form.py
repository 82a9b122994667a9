import numpy as np
import pytest
import torch

from detach_core.contracts.frames import flow_table
from detach_core.training.input_form import channels_first, decode_differences, decode_flow, decode_frames, join_motion


def decode_motion(rgb, flow):
    return join_motion(decode_differences(rgb), decode_flow(flow, 16.0))


@pytest.mark.parametrize("max_px", [4.0, 16.0, 20.0, 64.0])
def test_every_flow_code_is_the_tables_value_over_four_within_four(max_px):
    codes = np.arange(-127, 128, dtype=np.int8)
    expected = np.clip(flow_table(max_px)[codes.astype(int) + 128] / 4.0, -4.0, 4.0)
    found = decode_flow(torch.from_numpy(codes), max_px).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_frames_are_within_0_and_1():
    frames = decode_frames(torch.tensor([0, 51, 255], dtype=torch.uint8))
    np.testing.assert_allclose(frames.numpy(), [0.0, 0.2, 1.0], atol=1e-7)


def test_motion_is_the_difference_to_the_next_frame_and_the_flow_into_it():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, size=(2, 4, 3, 5, 3), dtype=np.uint8)
    flow = rng.integers(-127, 128, size=(2, 4, 3, 5, 2)).astype(np.int8)
    motion = channels_first(decode_motion(torch.from_numpy(rgb), torch.from_numpy(flow))).numpy()
    assert motion.shape == (2, 5, 3, 3, 5)
    for batch, step, row, column in np.ndindex(2, 3, 3, 5):
        for colour in range(3):
            later, earlier = rgb[batch, step + 1, row, column, colour], rgb[batch, step, row, column, colour]
            expected = (int(later) - int(earlier)) / 255.0
            assert motion[batch, colour, step, row, column] == pytest.approx(expected, abs=1e-6)
        for axis in range(2):
            expected = flow_table(16.0)[int(flow[batch, step + 1, row, column, axis]) + 128] / 4.0
            assert motion[batch, 3 + axis, step, row, column] == pytest.approx(expected, abs=1e-6)


def test_channels_stay_last_in_memory():
    rgb, flow = torch.zeros(2, 3, 4, 4, 3, dtype=torch.uint8), torch.zeros(2, 3, 4, 4, 2, dtype=torch.int8)
    assert channels_first(decode_motion(rgb, flow)).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(
    "shapes", [((1, 1, 2, 2, 3), (1, 1, 2, 2, 2)), ((1, 3, 2, 2, 3), (1, 2, 2, 2, 2)), ((3, 2, 2, 3), (3, 2, 2, 2))]
)
def test_other_shapes_are_refused(shapes):
    rgb, flow = torch.zeros(shapes[0], dtype=torch.uint8), torch.zeros(shapes[1], dtype=torch.int8)
    with pytest.raises(ValueError, match="expected"):
        decode_motion(rgb, flow)
