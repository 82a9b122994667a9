import numpy as np
import pytest

from detach_core.contracts.history import read_history, write_history
from detach_core.contracts.provenance import make_provenance
from detach_core.reports.figures.drawing import house_style
from detach_core.reports.figures.training_curves import curve_frame, draw_curves

ROWS = [
    {"epoch": 0, "phase": "start", "seconds": 0.5, "sizes": [3, 4], "pairs": {"weight": {"hard": 1.0, "easy": 1.0}}},
    {"epoch": 1, "losses": {"total": 2.5, "_kept": 1}, "lr": 0.1, "pairs": {"weight": {"hard": 1.5, "easy": 0.5}}},
    {"epoch": 2, "losses": {"total": float("nan"), "_kept": 2}, "lr": 0.2, "done": True},
    {"epoch": 3, "losses": {"total": 1.5, "_kept": 3}, "lr": 0.0, "unseen": {"gallery": 72}},
]


@pytest.fixture
def path(tmp_path):
    provenance = make_provenance(stage="pretrain", source="simulated", settings={}, seed=4)
    write_history(tmp_path / "history.jsonl", ROWS, run={}, provenance=provenance)
    return tmp_path / "history.jsonl"


def test_every_number_is_a_point_of_its_line(path):
    with house_style():
        figure = draw_curves(curve_frame(read_history(path)))
    drawn = {
        (axes.get_title(loc="left"), str(line.get_label()).lstrip("\N{ZERO WIDTH SPACE}")): list(
            zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
        )
        for axes in figure.axes
        for line in axes.get_lines()
    }
    assert drawn == {
        ("pairs", "weight.hard"): [(0, 1.0), (1, 1.5)],
        ("pairs", "weight.easy"): [(0, 1.0), (1, 0.5)],
        ("losses", "total"): [(1, 2.5), (3, 1.5)],
        ("losses", "_kept"): [(1, 1.0), (2, 2.0), (3, 3.0)],
        ("lr", "lr"): [(1, 0.1), (2, 0.2), (3, 0.0)],
    }
    assert all(len(axes.get_legend().get_texts()) == len(axes.get_lines()) for axes in figure.axes)
