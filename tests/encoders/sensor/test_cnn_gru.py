import pytest
import torch

from detach_core.encoders.sensor.cnn_gru import CnnGru, convolved_length


def test_the_lengths_before_pooling_are_those_of_the_specification():
    assert [convolved_length(length) for length in (60, 100, 128)] == [7, 17, 24]


def test_the_shortest_window_that_fits_is_taken_and_a_shorter_one_refused():
    assert CnnGru(channels=2, length=36, dim=4, size="paper")(torch.randn(2, 2, 36)).shape == (2, 4)
    with pytest.raises(ValueError, match="too short"):
        CnnGru(channels=2, length=35, dim=4, size="paper")


def test_the_paper_size_reads_32_steps_of_64_channels():
    encoder = CnnGru(channels=34, length=60, dim=256, size="paper")
    assert encoder.convolutions(torch.randn(2, 34, 60)).shape == (2, 64, 32)
    assert (encoder.recurrence.input_size, encoder.recurrence.hidden_size) == (64, 256)
