import pytest

from detach_core.methods.detach.stage1 import SpatialPhases

SETTINGS = {
    "warmup_epochs": 2,
    "joint_epochs": 3,
    "refine": True,
    "refinement_epochs": 6,
    "stop": "adaptive",
    "min_refinement_epochs": 4,
    "plateau": {"rate": 0.01, "epochs": 3},
}


def test_phases_follow_each_other():
    phases = SpatialPhases(SETTINGS)
    names = [phases.phase(epoch) for epoch in range(1, phases.num_epochs + 1)]
    assert names == ["warm-up"] * 2 + ["joint"] * 3 + ["refinement"] * 6


def test_without_refinement_the_joint_phase_goes_on_for_as_long():
    phases = SpatialPhases({**SETTINGS, "refine": False})
    assert phases.num_epochs == 11
    assert {phases.phase(epoch) for epoch in range(3, 12)} == {"joint"}


@pytest.mark.parametrize(
    ("rates", "over"),
    [
        ([], False),
        ([0.0, 0.0, 0.0], False),
        ([0.5, 0.0, 0.0, 0.0], True),
        ([0.5, 0.0, 0.02, 0.0, 0.0], False),
        ([0.5] * 6, True),
    ],
)
def test_adaptive_training_ends_at_the_plateau_or_the_cap(rates, over):
    assert SpatialPhases(SETTINGS).is_over(rates) is over


def test_fixed_training_ends_at_its_count():
    phases = SpatialPhases({**SETTINGS, "stop": "fixed"})
    assert not phases.is_over([0.0] * 5)
    assert phases.is_over([0.0] * 6)
