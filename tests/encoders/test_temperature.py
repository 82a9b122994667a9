"""A learned temperature."""

import pytest
import torch

from detach_core.encoders.temperature import LearnedTemperature


def test_it_starts_where_it_was_told_and_has_a_gradient():
    temperature = LearnedTemperature(0.1)
    value = temperature()
    value.backward()
    assert float(value.detach()) == pytest.approx(0.1)
    assert float(temperature.logarithm.grad) == pytest.approx(0.1)


@pytest.mark.parametrize(("logarithm", "value"), [(-50.0, 0.01), (3.0, 1.0)])
def test_it_stays_within_its_bounds_and_can_come_back(logarithm, value):
    temperature = LearnedTemperature(0.1)
    with torch.no_grad():
        temperature.logarithm.fill_(logarithm)
    assert float(temperature().detach()) == pytest.approx(value)
    temperature.keep_within_bounds()
    temperature().backward()
    assert float(temperature.logarithm.grad) == pytest.approx(value)


@pytest.mark.parametrize("start", [0.0, -1.0, 2.0])
def test_a_start_outside_the_bounds_is_refused(start):
    with pytest.raises(ValueError, match="must start within"):
        LearnedTemperature(start)
