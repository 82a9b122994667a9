from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from detach_core.contracts.frames import flow_table
from detach_core.methods.batch import FRAME, FRAMES, MEAN_FRAME, MOTION, SENSOR, WindowsAccess
from detach_core.settings.shared import VideoAugmentationSettings
from detach_core.signals.normalization import apply_form
from detach_core.training.batches import (
    ByteStream,
    channels_first,
    decode_differences,
    decode_flow,
    decode_frames,
    input_shape,
    join_motion,
)


@pytest.fixture
def pictures():
    return torch.randint(0, 256, (12, 5, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_windows_are_cut_where_they_start(pictures):
    found = ByteStream(pictures).gather(torch.tensor([7, 0]), 4)
    assert torch.equal(found, torch.stack([pictures[7:11], pictures[0:4]]))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, 0), (0, 1), (-1, -2), (3, -3)])
def test_a_shift_moves_the_content_and_repeats_the_border(pictures, down, right):
    found = ByteStream(pictures).gather(torch.tensor([3]), 2, torch.tensor([[down, right]]))[0]
    for frame in range(2):
        for row in range(5):
            for column in range(6):
                source = pictures[3 + frame, min(max(row - down, 0), 4), min(max(column - right, 0), 5)]
                assert torch.equal(found[frame, row, column], source)


def test_each_window_has_its_own_shift_and_its_own_content(pictures):
    shift = torch.tensor([[1, 0], [0, 2], [0, 0], [1, 2]])
    together = ByteStream(pictures).gather(torch.tensor([0, 2, 4, 6]), 3, shift)
    for index in range(4):
        alone = ByteStream(pictures).gather(torch.tensor([2 * index]), 3, shift[index : index + 1])
        assert torch.equal(together[index], alone[0])


def test_every_second_picture_can_be_left_out(pictures):
    stream, shift = ByteStream(pictures), torch.tensor([[1, -2], [0, 1]])
    found = stream.gather(torch.tensor([1, 4]), 3, shift, step=2)
    assert torch.equal(found, stream.gather(torch.tensor([1, 4]), 6, shift)[:, ::2])


def test_signed_bytes_keep_their_sign():
    flow = torch.tensor([-127, 127], dtype=torch.int8).expand(3, 2, 2, 2)
    found = ByteStream(flow).gather(torch.tensor([1]), 2)
    assert found.dtype == torch.int8
    assert found[0, 0, 0, 0].tolist() == [-127, 127]


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="expected"):
        ByteStream(torch.zeros(2, 2))


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


EVERYTHING = {SENSOR, MEAN_FRAME, MOTION, FRAMES}


def test_the_shape_is_what_the_windows_say(windows):
    shape = input_shape(windows)
    assert (shape.channels, shape.length, shape.frames, shape.height, shape.width) == (8, 60, 10, 24, 32)
    assert (shape.num_classes, shape.label_unit, shape.sensor_hz, shape.working_hz) == (8, "window", 30.0, 5.0)


def test_sensor_windows_come_in_their_normal_form(resident, windows, split):
    position = torch.tensor([5, 0, 3])
    batch = resident.gather("monitor", position, modalities={SENSOR}, augment=False)
    expected = apply_form(windows.sensor[split.held_out[[5, 0, 3]]], split.normalisation, "centred")
    np.testing.assert_allclose(batch.sensor.numpy(), expected, atol=1e-5)


def test_video_comes_from_the_window_that_was_asked_for(resident, windows, split):
    batch = resident.gather("pretrain", torch.tensor([30, 2]), modalities=EVERYTHING, augment=False)
    streams = windows.load_streams()
    for row, position in enumerate((30, 2)):
        window = split.pretrain[position]
        first = streams.first[window]
        rgb = streams.rgb[first : first + 10].astype(np.float32) / 255.0
        np.testing.assert_allclose(batch.frames[row].permute(1, 2, 3, 0).numpy(), rgb, atol=1e-6)
        difference = batch.motion[row, :3].permute(1, 2, 3, 0).numpy()
        np.testing.assert_allclose(difference, np.diff(rgb, axis=0), atol=1e-6)
        mean = windows.mean_frame[window] / 255.0
        np.testing.assert_allclose(batch.mean_frame[row].permute(1, 2, 0).numpy(), mean, atol=1e-6)
    assert batch.motion.shape == (2, 5, 9, 24, 32)


def test_only_what_is_asked_for_is_decoded(resident):
    batch = resident.gather("pretrain", torch.tensor([0]), modalities={SENSOR}, augment=False)
    assert batch.mean_frame is None
    assert batch.motion is None
    assert batch.frames is None


def test_labels_reach_only_who_may_see_them(windows, split, make_resident):
    for allowed in (False, True):
        resident = make_resident(windows, split, with_labels=allowed)
        batch = resident.gather("pretrain", torch.tensor([1]), modalities={SENSOR}, augment=False)
        assert (batch.label is not None) == allowed


def test_batches_give_each_window_once_in_order(resident, split):
    positions = torch.cat([batch.position for batch in resident.batches("pretrain", modalities={SENSOR})])
    assert positions.tolist() == list(range(len(split.pretrain)))


def test_a_limit_spreads_over_the_part(resident, split):
    positions = torch.cat([batch.position for batch in resident.batches("monitor", modalities={SENSOR}, limit=5)])
    assert len(positions) == 5
    assert positions[0] == 0
    assert positions[-1] == len(split.held_out) - 1


def test_truth_is_that_of_the_windows(resident, windows, split):
    truth = resident.truth("monitor")
    np.testing.assert_array_equal(truth.location.numpy(), windows.location[split.held_out])
    # Classes 0 to 3 close, 4 to 7 open; kinds.ACTIONS has opening first.
    np.testing.assert_array_equal(truth.action.numpy(), (windows.label[split.held_out] >= 4).astype(int))
    assert truth.source == "simulation truth"


def test_augmentation_changes_training_batches_alone_and_repeats_with_the_seed(windows, split, make_resident, toy):
    changes = toy.AUGMENTATION
    position = torch.arange(6)
    plain = make_resident(windows, split).gather("pretrain", position, modalities=EVERYTHING, augment=True)
    first, second = (
        make_resident(windows, split, augmentation=changes).gather(
            "pretrain", position, modalities=EVERYTHING, augment=True
        )
        for _ in range(2)
    )
    untouched = make_resident(windows, split, augmentation=changes).gather(
        "pretrain", position, modalities=EVERYTHING, augment=False
    )
    for name in EVERYTHING:
        assert torch.equal(getattr(first, name), getattr(second, name))
        assert torch.equal(getattr(untouched, name), getattr(plain, name))
        assert not torch.allclose(getattr(first, name), getattr(plain, name))


def test_the_off_switch_switches_off(windows, split, make_resident, toy):
    off = replace(toy.AUGMENTATION, enabled=False)
    plain, switched = (make_resident(windows, split, augmentation=value) for value in (None, off))
    first, second = (
        resident.gather("pretrain", torch.arange(3), modalities=EVERYTHING, augment=True)
        for resident in (plain, switched)
    )
    assert all(torch.equal(getattr(first, name), getattr(second, name)) for name in EVERYTHING)


def test_mean_frame_and_motion_of_a_window_move_together(windows, split, make_resident, toy):
    still: dict[str, Any] = {field.name: 0.0 for field in fields(toy.AUGMENTATION.video)}
    changes = replace(toy.AUGMENTATION, video=VideoAugmentationSettings(**{**still, "shift_px": 2}))
    batch = make_resident(windows, split, augmentation=changes).gather(
        "pretrain", torch.arange(8), modalities=EVERYTHING, augment=True
    )
    torch.testing.assert_close(batch.motion[:, :3], batch.frames.diff(dim=2), atol=1e-6, rtol=0)
    torch.testing.assert_close(batch.mean_frame, batch.frames.mean(dim=2), atol=3e-3, rtol=0)


def test_every_second_frame_may_be_all_that_networks_see(windows, split, make_resident):
    place, wanted = torch.arange(6), {FRAMES, MOTION}
    every = make_resident(windows, split).gather("pretrain", place, modalities=wanted, augment=False)
    second = make_resident(windows, split, frames_every=2).gather("pretrain", place, modalities=wanted, augment=False)
    assert torch.equal(second.frames, every.frames[:, :, ::2])
    assert torch.equal(second.motion, every.motion)


def test_a_lone_frame_is_the_middle_one_and_a_random_one_in_training(windows, split, make_resident):
    resident, place = make_resident(windows, split), torch.arange(50)
    still = resident.gather("pretrain", place, modalities={FRAME, FRAMES}, augment=False)
    count = still.frames.shape[2]
    assert torch.equal(still.frame, still.frames[:, :, count // 2])
    drawn = resident.gather("pretrain", place, modalities={FRAME}, augment=True).frame
    found = (drawn[:, :, None] == still.frames).flatten(3).all(dim=3).all(dim=1)
    assert bool(found.any(dim=1).all())
    assert len(set(found.int().argmax(dim=1).tolist())) > count // 2


@pytest.mark.parametrize("unit", ["window", "recording"])
def test_shuffled_positions_are_those_of_the_pretraining_part(resident, split, unit):
    positions = torch.cat(list(resident.shuffled(16, unit)))
    assert len(positions.unique()) == len(positions)
    assert int(positions.max()) < len(split.pretrain)
    assert resident.steps_per_epoch(16, unit) == len(list(resident.shuffled(16, unit)))


def test_resident_windows_are_what_methods_expect(resident):
    access: WindowsAccess = resident
    assert access.num_windows("pretrain") == 72


def test_random_streams_go_on_where_they_stood(windows, split, make_resident, toy):
    changes = toy.AUGMENTATION

    def draw(resident):
        batch = resident.gather("pretrain", torch.arange(4), modalities={*EVERYTHING, FRAME}, augment=True)
        parts = (batch.sensor, batch.mean_frame, batch.motion, batch.frames, batch.frame)
        return [torch.cat(list(resident.shuffled(16))), *parts]

    one, other = (make_resident(windows, split, augmentation=changes, seed=seed) for seed in (0, 1))
    draw(one)
    state = {name: value.clone() for name, value in one.random_state().items()}
    expected = draw(one)
    draw(other)
    other.restore_random_state(state)
    assert all(torch.equal(*pair) for pair in zip(draw(other), expected, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(draw(other), expected, strict=True))
