import pytest
import torch

from detach_core.encoders.sensor.convolution import SameConvolutions


def test_time_is_shortened_four_times_and_kept_in_order():
    stack = SameConvolutions(2, (4, 5, 6), 60).eval()
    quiet = torch.zeros(1, 2, 60)
    late = quiet.clone()
    late[:, :, 50:] = 1.0
    with torch.no_grad():
        difference = (stack(late) - stack(quiet)).abs().sum(dim=1)[0]
    assert difference.shape == (15,)
    assert float(difference[:6].max()) == 0.0
    assert float(difference[12:].max()) > 0.0


def test_windows_of_fewer_than_four_samples_are_refused():
    with pytest.raises(ValueError, match="too short"):
        SameConvolutions(2, (4, 5, 6), 3)
