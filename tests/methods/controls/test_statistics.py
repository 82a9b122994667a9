import numpy as np
import pytest
import torch

from detach_core.methods.controls.statistics import FEATURES, channel_statistics


def test_each_statistic_is_what_numpy_says():
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(3, 2, 61))
    found = channel_statistics(torch.from_numpy(windows), 0.99).numpy()
    assert found.shape == (3, 2, len(FEATURES))
    time = np.linspace(-0.5, 0.5, 61)
    for index in np.ndindex(3, 2):
        x = windows[index]
        expected = [
            x.mean(),
            x.std(),
            x.min(),
            x.max(),
            x[-1] - x[0],
            np.polyfit(time, x, 1)[0],
            np.abs(np.diff(x)).mean(),
            np.quantile(np.abs(x - np.median(x)), 0.99),
        ]
        np.testing.assert_allclose(found[index], expected, atol=1e-9)


def test_a_window_at_rest_has_all_zeros():
    assert not channel_statistics(torch.zeros(1, 4, 60), 0.99).any()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_order_of_events_is_seen(sign):
    ramp = sign * torch.linspace(0.0, 1.0, 60)[None, None]
    values = dict(zip(FEATURES, channel_statistics(ramp, 0.99)[0, 0].tolist(), strict=True))
    assert values["slope"] == pytest.approx(sign, abs=1e-4)
    assert values["last - first"] == pytest.approx(sign)
