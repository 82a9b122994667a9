import pytest

from detach_core.contracts.history import read_history, write_history
from detach_core.contracts.provenance import make_provenance
from detach_core.stages.training_curves import training_curves

ROWS = [
    {"epoch": 0, "purity": 0.5, "pairs": {"weight": {"hard": 1.0, "easy": 1.0}}},
    {"epoch": 1, "losses": {"total": 2.5}, "lr": 0.1},
    {"epoch": 2, "losses": {"total": 1.5}, "lr": 0.2},
]


@pytest.fixture
def path(tmp_path):
    provenance = make_provenance(stage="pretrain", source="simulated", settings={}, seed=4)
    write_history(tmp_path / "history.jsonl", ROWS, run={}, provenance=provenance)
    return tmp_path / "history.jsonl"


def test_equal_histories_give_equal_bytes(path, tmp_path):
    for name in ("a", "b"):
        training_curves(history_path=path, png_path=tmp_path / f"{name}.png", log_path=tmp_path / f"{name}.log")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert "5 curves of 3 epochs" in (tmp_path / "a.log").read_text(encoding="utf-8")


def test_a_history_without_numbers_is_refused_and_leaves_no_plot(path, tmp_path, capsys):
    write_history(path, [{"epoch": 0}], run={}, provenance=read_history(path).provenance)
    with pytest.raises(SystemExit):
        training_curves(history_path=path, png_path=tmp_path / "a.png", log_path=tmp_path / "a.log")
    assert "history.jsonl: epochs: found no number" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()
