import json
from dataclasses import fields, make_dataclass, replace

import pytest
import torch

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.history import json_value
from detach_core.contracts.provenance import make_provenance
from detach_core.methods.detach.settings import PlateauSettings
from detach_core.methods.registry import METHODS
from detach_core.settings.shared import OptimizerSettings
from detach_core.training import session as sessions
from detach_core.training.job import TrainingJob, with_stage_1
from detach_core.training.state_keeper import FILE_NAME, StateKeeper

TIMES = ("seconds", "windows_per_s", "epoch_seconds")
UNTRAINED = ("random_encoder", "statistics")
SEED = 3
SNAPSHOTS = {"detach_spatial": (0.0, 0.4, 1.0), "comodo": (0.0, 0.25, 0.5, 1.0)}
AT_ONCE = PlateauSettings(rate=1.1, epochs=1)


class Stop(Exception):
    """Ends a run from within."""


class Log:
    """Keeps its lines and stops the run at the report of one epoch."""

    def __init__(self, stop_after=None):
        self.stop_after, self.lines = stop_after, []

    def info(self, text, *values):
        self.lines.append(text % values if values else text)
        if self.stop_after is not None and self.lines[-1].startswith(f"epoch {self.stop_after}/"):
            raise Stop

    warning = info


@pytest.fixture(scope="session")
def stage_1(toy, windows, split):
    """A Stage 1 for DETACH to stand on."""
    job = TrainingJob("detach_spatial", toy.SPATIAL, toy.MACHINES)
    session = run(toy, windows, split, "detach_spatial", None, Log())
    provenance = make_provenance(stage="pretrain_spatial", source="simulated", settings=job.to_plain())
    return sessions.make_checkpoint(job, session, windows=windows, split=split, provenance=provenance)


def settings_of(toy, name, **changes):
    """Settings of some epochs more; weights are kept of every method, as only DETACH's settings ask for."""
    settings = toy.DETACH if name == "detach" else toy.SETTINGS[name]
    if name in UNTRAINED:
        return settings
    longer = {} if name in SNAPSHOTS else {"epochs": 4}
    kept = make_dataclass("Kept", [("snapshots", tuple, ())], bases=(type(settings),), frozen=True)
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return kept(**{**values, "snapshots": SNAPSHOTS.get(name, (0.0, 0.5, 1.0)), **longer, **changes})


def run(toy, windows, split, name, folder, log, stage_1=None, **changes):
    job = TrainingJob(name, settings_of(toy, name, **changes), toy.MACHINES)
    job = with_stage_1(job, stage_1 if METHODS.settings(name).needs_spatial else None)
    arguments = {
        "place": "x",
        "windows": windows,
        "split": split,
        "spatial": stage_1 if METHODS.settings(name).needs_spatial else None,
        "seed": SEED,
        "log": log,
    }
    if folder is None:
        return sessions.run_session(job, **arguments)
    with StateKeeper(folder / "checkpoint.safetensors", identity={"name": name}, log=log, save_every_s=0) as keeper:
        return sessions.run_session(job, **arguments, keeper=keeper)


def outcome(session):
    """All that a training leaves: tensors by name, and the rest as text."""
    run = session.run
    tensors = dict(session.method.state_dict())
    for kind, parts in (("trace", dict(enumerate(run.traces))), ("kept", run.snapshots)):
        tensors |= {f"{kind}/{epoch}/{name}": value for epoch, part in parts.items() for name, value in part.items()}
    rows = [{name: value for name, value in row.items() if name not in TIMES} for row in run.rows]
    return tensors, json.dumps(json_value([rows, run.facts, run.num_epochs]), sort_keys=True)


def assert_equal(found, expected):
    assert found[1] == expected[1]
    assert found[0].keys() == expected[0].keys()
    assert [name for name, value in expected[0].items() if not torch.equal(found[0][name], value)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNTRAINED])
def test_stopped_after_any_epoch_and_resumed_is_never_stopped(toy, windows, split, stage_1, tmp_path, name):
    whole = run(toy, windows, split, name, None, Log(), stage_1)
    expected = outcome(whole)
    assert whole.run.num_epochs >= 4
    for epoch in range(1, whole.run.num_epochs + 1):
        folder = tmp_path / str(epoch)
        with pytest.raises(Stop):
            run(toy, windows, split, name, folder, Log(epoch), stage_1)
        log = Log()
        resumed = run(toy, windows, split, name, folder, log, stage_1)
        assert f"resumed at epoch {epoch} of {whole.run.num_epochs} from {folder / FILE_NAME}" in log.lines
        assert not any(line.startswith(f"epoch {epoch}/") for line in log.lines)
        assert_equal(outcome(resumed), expected)


@pytest.mark.parametrize("name", ["detach_spatial", "comodo"])
def test_a_training_may_be_stopped_again_and_again(toy, windows, split, tmp_path, name):
    expected = outcome(run(toy, windows, split, name, None, Log()))
    for epoch in (1, 2, 3):
        with pytest.raises(Stop):
            run(toy, windows, split, name, tmp_path, Log(epoch))
    assert_equal(outcome(run(toy, windows, split, name, tmp_path, Log())), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"freeze_video": False},
        {"refine": False},
        {"video_time_average": "features"},
        {"stop": "adaptive", "plateau": AT_ONCE, "refinement_epochs": 3},
    ],
)
def test_variants_of_stage_1_resume_too(toy, windows, split, tmp_path, changes):
    whole = run(toy, windows, split, "detach_spatial", None, Log(), **changes)
    for epoch in (2, whole.run.num_epochs - 1):
        folder = tmp_path / str(epoch)
        with pytest.raises(Stop):
            run(toy, windows, split, "detach_spatial", folder, Log(epoch), **changes)
        assert_equal(outcome(run(toy, windows, split, "detach_spatial", folder, Log(), **changes)), outcome(whole))


def test_labels_that_move_are_compared_with_those_before_the_interruption(toy, windows, split, tmp_path):
    changes = {"clusters": 8, "optimizer": OptimizerSettings(lr=1e-2, weight_decay=1e-4, max_lr=1e-2)}
    whole = run(toy, windows, split, "detach_spatial", None, Log(), **changes)
    assert all(row["change_rate"] > 0 for row in whole.run.rows[1:4])
    with pytest.raises(Stop):
        run(toy, windows, split, "detach_spatial", tmp_path, Log(2), **changes)
    assert_equal(outcome(run(toy, windows, split, "detach_spatial", tmp_path, Log(), **changes)), outcome(whole))


def test_dropout_goes_on_where_it_stood(toy, windows, split, stage_1, tmp_path):
    changes = {"sensor_temporal": "transformer"}
    expected = outcome(run(toy, windows, split, "detach", None, Log(), stage_1, **changes))
    with pytest.raises(Stop):
        run(toy, windows, split, "detach", tmp_path, Log(2), stage_1, **changes)
    assert_equal(outcome(run(toy, windows, split, "detach", tmp_path, Log(), stage_1, **changes)), expected)


def test_a_training_that_finished_early_takes_no_further_epoch_when_resumed(toy, windows, split, tmp_path):
    changes = {"stop": "adaptive", "plateau": AT_ONCE, "refinement_epochs": 3}
    with pytest.raises(Stop):
        run(toy, windows, split, "detach_spatial", tmp_path, Log(4), **changes)
    resumed = run(toy, windows, split, "detach_spatial", tmp_path, Log(), **changes)
    assert resumed.run.num_epochs == 4 < resumed.method.num_epochs


def test_several_frames_without_augmentation_resume_too(toy, windows, split, tmp_path):
    changes = {"frames": 2, "augmentation": replace(toy.AUGMENTATION, enabled=False)}
    expected = outcome(run(toy, windows, split, "cav_mae", None, Log(), **changes))
    with pytest.raises(Stop):
        run(toy, windows, split, "cav_mae", tmp_path, Log(2), **changes)
    assert_equal(outcome(run(toy, windows, split, "cav_mae", tmp_path, Log(), **changes)), expected)


@pytest.mark.parametrize("name", UNTRAINED)
def test_what_is_not_trained_leaves_no_state(toy, windows, split, tmp_path, name):
    run(toy, windows, split, name, tmp_path, Log())
    assert list(tmp_path.iterdir()) == []


def test_a_taken_state_does_not_move_with_the_training(toy, windows, split, tmp_path, monkeypatch):
    states = []
    monkeypatch.setattr(StateKeeper, "keep", lambda keeper, state: states.append((state, digest_of(state))))
    run(toy, windows, split, "detach_spatial", tmp_path, Log())
    assert [state.epoch for state, _ in states] == [1, 2, 3, 4, 5]
    assert [digest_of(state) for state, _ in states] == [digest for _, digest in states]
    assert all(isinstance(value, torch.Tensor) for value in states[0][0].tensors.values())


def digest_of(state):
    tensors = {name: value.tolist() for name, value in state.tensors.items() if name.startswith(("method", "weights"))}
    return hash(json.dumps([tensors, state.values, len(state.rows), state.epoch]))


def test_a_checkpoint_tells_nothing_of_the_interruption(stage_1):
    assert isinstance(stage_1, Checkpoint)
    assert not any("seconds" in name or "per_s" in name for name in stage_1.facts)
