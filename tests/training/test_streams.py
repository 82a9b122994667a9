import pytest
import torch

from detach_core.training.streams import ByteStream


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
