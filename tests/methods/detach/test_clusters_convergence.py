import pytest
import torch

from detach_core.methods.detach.clusters import change_rate, has_reached_plateau, refinement_is_over

SETTINGS = {"refinement_epochs": 10, "min_refinement_epochs": 5, "plateau_rate": 0.01, "plateau_epochs": 3}


def test_the_change_rate_is_the_share_of_windows_that_moved():
    assert change_rate(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0])) == 0.25
    with pytest.raises(ValueError, match="shapes"):
        change_rate(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="non-empty"):
        change_rate(torch.zeros(0), torch.zeros(0))


def test_a_plateau_needs_enough_epochs_and_all_of_the_last_ones_quiet():
    plateau = {"rate": 0.01, "epochs": 3, "min_epochs": 5}
    assert not has_reached_plateau([0.0] * 4, **plateau)
    assert has_reached_plateau([0.3, 0.3, 0.0, 0.005, 0.009], **plateau)
    assert not has_reached_plateau([0.3, 0.0, 0.0, 0.0, 0.01], **plateau)
    assert not has_reached_plateau([0.0, 0.0, 0.02, 0.0, 0.0], **plateau)


def test_refinement_stops_at_a_plateau_or_at_its_cap():
    quiet, restless = [0.2, 0.05, 0.0, 0.0, 0.0], [0.2] * 9
    assert refinement_is_over(quiet, stop="adaptive", **SETTINGS)
    assert not refinement_is_over(restless, stop="adaptive", **SETTINGS)
    assert refinement_is_over([*restless, 0.2], stop="adaptive", **SETTINGS)


def test_a_fixed_refinement_takes_all_its_epochs():
    assert not refinement_is_over([0.0] * 9, stop="fixed", **SETTINGS)
    assert refinement_is_over([0.0] * 10, stop="fixed", **SETTINGS)
    with pytest.raises(ValueError, match="stop"):
        refinement_is_over([], stop="never", **SETTINGS)


def test_no_refinement_epochs_are_over_at_once():
    assert refinement_is_over([], stop="adaptive", **{**SETTINGS, "refinement_epochs": 0})
