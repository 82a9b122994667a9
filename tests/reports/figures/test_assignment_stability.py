from typing import Any

import numpy as np
import pytest

from detach_core.foundation.errors import ContractError
from detach_core.reports.figures.drawing import add_provenance, house_style
from detach_core.reports.figures.registry import AssignmentStabilitySettings
from detach_core.reports.figures.training_curves import AssignmentStability

DRAWING = AssignmentStability()
SETTINGS = AssignmentStabilitySettings(split="default", datasets=("opportunity", "hwu_usp"), spatial="default")
RATES = [0.2, 0.1, 0.05, 0.02, 0.12, 0.0]


def frame_of(made, *runs):
    """Each run: dataset's unit, seed, rates."""
    windows: dict[str, Any] = {}
    histories = []
    for unit, seed, rates in runs:
        windows.setdefault(unit, made.windows(unit, provenance=provenance(made, unit)))
        histories.append(made.history(windows[unit], rates, seed=seed))
    return DRAWING.frame(made.artifacts(windows=list(windows.values()), spatial_history=histories), SETTINGS)


def provenance(made, unit):
    return made.changed(made.windows().provenance, settings_digest=unit)


def draw(frame):
    with house_style():
        figure = DRAWING.draw(frame, SETTINGS)
    add_provenance(figure, "Simulated data · pretraining windows · seeds 0, 1, 2 · commit cf2f2075ba50")
    return figure


def test_the_frame_has_a_row_for_each_epoch_of_training_with_its_phase(made):
    frame = frame_of(made, ("window", 3, RATES))
    assert frame["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["change_rate"].tolist() == RATES
    assert frame["phase"].tolist() == ["warm-up"] * 2 + ["joint"] * 2 + ["refinement"] * 2
    assert set(frame["dataset"]) == {"opportunity"}
    assert set(frame["seed"]) == {3}


def test_each_dataset_has_a_panel_and_each_seed_a_line(made, texts_stand_apart):
    frame = frame_of(made, ("window", 0, RATES), ("window", 1, RATES[:5]), ("recording", 0, RATES))
    figure = draw(frame)
    top, bottom = figure.axes
    assert top.get_title(loc="left") == "opportunity: 50 windows, one is 2.00%"
    assert bottom.get_title(loc="left").startswith("hwu_usp")
    seeds = [line for line in top.lines if line.get_label().startswith("seed")]
    assert [len(line.get_xdata()) for line in seeds] == [6, 5]
    assert seeds[0].get_linestyle() != seeds[1].get_linestyle()
    texts_stand_apart(figure)


def test_the_refinement_s_start_is_marked_between_its_epoch_and_the_one_before(made):
    (panel,) = draw(frame_of(made, ("window", 0, RATES))).axes
    (marked,) = [line for line in panel.lines if line.get_linestyle() == "--"]
    assert list(marked.get_xdata()) == [4.5, 4.5]


def test_labels_that_hardly_change_look_so(made, texts_stand_apart):
    figure = draw(frame_of(made, ("window", 0, [0.001, 0.0, 0.0, 0.0, 0.0016, 0.0])))
    low, high = figure.axes[0].get_ylim()
    assert low == 0.0
    assert high == 0.02
    texts_stand_apart(figure)


def test_all_panels_share_an_axis_that_holds_the_largest_rate(made):
    figure = draw(frame_of(made, ("window", 0, np.zeros(6).tolist()), ("recording", 0, RATES)))
    for axes in figure.axes:
        assert axes.get_ylim() == (0.0, pytest.approx(0.27))


def test_a_run_without_refinement_marks_none(made):
    windows = made.windows()
    history = made.history(windows, RATES, phases=["warm-up"] * 2 + ["joint"] * 4)
    (panel,) = draw(DRAWING.frame(made.artifacts(windows=windows, spatial_history=history), SETTINGS)).axes
    assert not [line for line in panel.lines if line.get_linestyle() == "--"]


@pytest.mark.parametrize("field", ["phase", "change_rate"])
def test_a_history_without_phase_or_rate_is_refused(made, field):
    windows = made.windows()
    history = made.history(windows, RATES)
    history.epochs[3][field] = None
    with pytest.raises(ContractError, match=rf"spatial_history0: {field}: .*rerun the rule `pretrain_spatial`"):
        DRAWING.frame(made.artifacts(windows=windows, spatial_history=history), SETTINGS)


def test_a_history_that_does_not_say_how_many_windows_it_is_of_is_refused(made):
    windows = made.windows()
    history = made.history(windows, RATES)
    del history.run["num_windows"]
    with pytest.raises(ContractError, match=r"run/num_windows: found None"):
        DRAWING.frame(made.artifacts(windows=windows, spatial_history=history), SETTINGS)


def test_a_history_of_other_windows_is_refused(made):
    history = made.history(made.windows(), RATES)
    other = made.windows(provenance=provenance(made, "other"))
    with pytest.raises(ContractError, match="found other windows"):
        DRAWING.frame(made.artifacts(windows=other, spatial_history=history), SETTINGS)


def test_the_note_says_whose_labels_they_are(made):
    assert DRAWING.note(frame_of(made, ("window", 0, RATES)), SETTINGS) == "pretraining windows"
