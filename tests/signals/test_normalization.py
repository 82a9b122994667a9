import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detach_core.contracts.split import Normalisation
from detach_core.signals.normalization import activation_vector, apply_form, equal_windows, fit

SENSOR = np.random.default_rng(3).normal(2.0, 5.0, size=(7, 3, 11)).astype(np.float32)


def loop_form(sensor, mean, std, form):
    result = np.zeros(sensor.shape)
    for n in range(sensor.shape[0]):
        for c in range(sensor.shape[1]):
            centre = np.median(sensor[n, c].astype(float)) if form == "centred" else mean[c]
            for t in range(sensor.shape[2]):
                result[n, c, t] = (float(sensor[n, c, t]) - centre) / std[c] if std[c] else 0.0
    return result


@pytest.mark.parametrize("form", ["centred", "z"])
def test_a_form_is_what_its_formula_says(form):
    norm = fit(SENSOR, quantile=0.99)
    flat = SENSOR.astype(float).transpose(1, 0, 2).reshape(3, -1)
    np.testing.assert_allclose(norm.mean, flat.mean(1), rtol=1e-12)
    np.testing.assert_allclose(norm.std, flat.std(1), rtol=1e-12)
    np.testing.assert_allclose(apply_form(SENSOR, norm, form), loop_form(SENSOR, norm.mean, norm.std, form), atol=1e-12)


def test_the_activation_vector_of_form_z_is_the_bare_quantile():
    norm = fit(SENSOR, quantile=0.9)
    expected = np.quantile(np.abs(apply_form(SENSOR, norm, "z")), 0.9, axis=2)
    np.testing.assert_allclose(activation_vector(SENSOR, norm, form="z", quantile=0.9), expected, atol=1e-12)


def test_the_centred_activation_vector_is_logarithmic_and_standardised_over_the_windows_it_was_fitted_on():
    norm = fit(SENSOR, quantile=0.99)
    vector = activation_vector(SENSOR, norm, form="centred", quantile=0.99)
    np.testing.assert_allclose(vector.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(vector.std(0), 1.0, atol=1e-12)
    raw = np.log1p(3.0 * np.quantile(np.abs(apply_form(SENSOR, norm, "centred")), 0.99, axis=2))
    back = vector * norm.activation["centred"].std + norm.activation["centred"].mean
    np.testing.assert_allclose(back, raw, atol=1e-12)


def test_the_q99_of_sixty_values_lies_between_the_two_largest():
    pulse = np.zeros((1, 1, 60), np.float32)
    pulse[0, 0, 17] = 1.0
    spread = Normalisation(np.zeros(1), np.ones(1), fit(pulse, quantile=0.99).activation)
    assert activation_vector(pulse, spread, form="z", quantile=0.99)[0, 0] == pytest.approx(0.41)


@pytest.mark.parametrize("form", ["centred", "z"])
def test_a_channel_that_never_moved_in_pretraining_is_zero_and_finite_even_when_it_moves_later(form):
    constant = np.full((5, 1, 12), 1000.123, np.float32)
    norm = fit(constant, quantile=0.99)
    assert norm.std[0] == 0.0
    later = constant + np.arange(12, dtype=np.float32)
    assert (apply_form(later, norm, form) == 0.0).all()
    assert (activation_vector(later, norm, form=form, quantile=0.99) == 0.0).all()


def test_a_rare_switch_is_large_in_the_z_form():
    rare = np.zeros((100, 1, 10), np.float32)
    rare[0] = 1.0
    assert apply_form(rare, fit(rare, quantile=0.99), "z").max() == pytest.approx(0.99 / np.sqrt(0.01 * 0.99))


@settings(deadline=None)
@given(arrays(np.float32, (3, 2, 5), elements=st.floats(-1e4, 1e4, width=32)))
def test_the_z_form_times_the_deviation_plus_the_mean_is_the_input(sensor):
    norm = fit(sensor, quantile=0.99)
    undone = apply_form(sensor, norm, "z").astype(np.float64) * norm.std[:, None] + norm.mean[:, None]
    np.testing.assert_allclose(undone, sensor, rtol=1e-6, atol=1e-3)


def test_wrong_shapes_forms_and_values_are_refused():
    norm = fit(SENSOR, quantile=0.99)
    with pytest.raises(ValueError, match="shape"):
        fit(SENSOR[0], quantile=0.99)
    with pytest.raises(ValueError, match="shape"):
        fit(SENSOR[:0], quantile=0.99)
    with pytest.raises(ValueError, match=r"\(N, 3, L\)"):
        apply_form(SENSOR[:, :2], norm, "z")
    with pytest.raises(ValueError, match="'robust'"):
        apply_form(SENSOR, norm, "robust")
    with pytest.raises(ValueError, match="finite"):
        fit(np.where(SENSOR > 5, np.nan, SENSOR), quantile=0.99)


def test_windows_are_equal_where_their_form_is():
    sensor = np.zeros((6, 2, 5), np.float32)
    sensor[0, 0], sensor[1, 0] = 1.0, 3.0  # constant: equal once centred
    sensor[2, 1, 0] = sensor[4, 1, 0] = 2.0
    sensor[3, 1, 4] = 2.0
    norm = Normalisation(np.zeros(2), np.ones(2), {})
    assert equal_windows(sensor, norm, "centred").tolist() == [0, 0, 2, 3, 2, 0]
    assert equal_windows(sensor, norm, "z").tolist() == [0, 1, 2, 3, 2, 5]


def test_minus_zero_and_a_channel_without_deviation_make_no_difference():
    sensor = np.zeros((3, 2, 4), np.float32)
    sensor[1, 0] = -0.0
    sensor[2, 1] = 5.0
    norm = Normalisation(np.zeros(2), np.array([1.0, 0.0]), {})
    assert equal_windows(sensor, norm, "z").tolist() == [0, 0, 0]


def test_pieces_of_many_windows_are_one_count(monkeypatch):
    from detach_core.contracts import rows

    sensor = np.repeat(SENSOR, 3, axis=0)
    norm = fit(SENSOR, quantile=0.99)
    whole = equal_windows(sensor, norm, "centred")
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 1)
    assert (equal_windows(sensor, norm, "centred") == whole).all()
    assert whole.tolist() == [3 * (k // 3) for k in range(21)]
