from __future__ import annotations

import json
import logging
import os
import signal
import threading
from dataclasses import fields, make_dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from detach_core.contracts.checkpoint import Checkpoint, TrainingState, read_training_state, write_training_state
from detach_core.contracts.history import json_value
from detach_core.contracts.provenance import make_provenance
from detach_core.methods.detach.settings import PlateauSettings
from detach_core.methods.registry import METHODS
from detach_core.settings.shared import OptimizerSettings
from detach_core.training import resume
from detach_core.training import session as sessions
from detach_core.training.job import TrainingJob, with_stage_1
from detach_core.training.resume import FILE_NAME, StateKeeper, code_digest, tensors_digest, training_identity

PROVENANCE = make_provenance(stage="pretrain", source="simulated", settings={"a": 1}, seed=0, inputs={"windows": "w"})

STAGE_1: Any = SimpleNamespace(tensors={"w": torch.arange(4.0)})


def differing(one, other):
    return [name for name in one if one[name] != other[name]]


def test_equal_trainings_have_equal_identities():
    one, other = (training_identity(PROVENANCE, device="cpu", spatial=STAGE_1) for _ in range(2))
    assert one == other
    assert all(isinstance(value, str) for value in one.values())


def test_every_difference_is_named():
    changes: dict[str, Any] = {
        "stage": {"stage": "pretrain_spatial"},
        "data source": {"source": "local"},
        "settings": {"settings_digest": "0"},
        "seed": {"seed": 1},
        "inputs": {"inputs": {"windows": "x"}},
        "version": {"version": "0"},
    }
    one = training_identity(PROVENANCE, device="cpu", spatial=None)
    for name, change in changes.items():
        assert differing(one, training_identity(replace(PROVENANCE, **change), device="cpu", spatial=None)) == [name]
    assert differing(one, training_identity(PROVENANCE, device="cpu", spatial=STAGE_1)) == ["Stage 1"]


def test_what_is_not_in_the_bits_of_a_training_does_not_count():
    one = training_identity(PROVENANCE, device="cpu", spatial=None)
    assert one == training_identity(replace(PROVENANCE, commit="another"), device="cpu", spatial=None)


def test_the_digest_of_tensors_sees_values_types_shapes_and_names():
    tensors = {"w": torch.arange(4.0), "flag": torch.tensor(True), "none": torch.zeros(0, 2)}
    others = [
        tensors | {"w": torch.tensor([0.0, 1.0, 2.0, 3.5])},
        tensors | {"w": torch.arange(4.0).view(torch.int32)},
        tensors | {"w": torch.arange(4.0).reshape(2, 2)},
        {"x" if name == "w" else name: value for name, value in tensors.items()},
    ]
    assert tensors_digest(tensors) == tensors_digest({name: value.clone() for name, value in tensors.items()})
    assert tensors_digest(tensors) == tensors_digest(dict(reversed(tensors.items())))
    assert len({tensors_digest(each) for each in [tensors, *others]}) == 5


def test_the_code_that_trains_counts_and_other_code_does_not(tmp_path, monkeypatch):
    for package in ("training", "methods", "reports"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.py").write_text("A = 1\n")
    monkeypatch.setattr(resume, "__file__", str(tmp_path / "training" / "identity.py"))
    digests = []
    for package in ("reports", "methods", "training"):
        code_digest.cache_clear()
        digests.append(code_digest())
        (tmp_path / package / "a.py").write_text("A = 2\n")
    code_digest.cache_clear()
    digests.append(code_digest())
    monkeypatch.undo()
    code_digest.cache_clear()
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


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


IDENTITY = {"seed": "0", "settings": "ab"}


class Stopped(Exception):
    """Ends a block from within."""


def state(epoch=1):
    rows = [{"epoch": done} for done in range(epoch + 1)]
    return TrainingState(epoch, rows, {"phase": "joint"}, {"weights/a": torch.arange(float(epoch))})


def keeper(folder, save_every_s=0.0, **identity):
    log = logging.getLogger("state keeper")
    return StateKeeper(
        folder / "checkpoint.safetensors", identity=IDENTITY | identity, log=log, save_every_s=save_every_s
    )


def leave(folder, epoch=1):
    """A state as a stopped run leaves it."""

    def stop():
        with keeper(folder) as one:
            one.keep(state(epoch))
            raise Stopped

    with pytest.raises(Stopped):
        stop()
    return folder / FILE_NAME


def test_the_state_lies_beside_the_checkpoint_and_is_found_again(tmp_path):
    assert keeper(tmp_path).found() is None
    assert leave(tmp_path, 3) == tmp_path / FILE_NAME
    found = keeper(tmp_path).found()
    assert (found.epoch, found.rows, found.values) == (3, state(3).rows, {"phase": "joint"})
    assert torch.equal(found.tensors["weights/a"], torch.arange(3.0))


def test_success_deletes_it_and_what_killed_writers_left(tmp_path):
    leave(tmp_path)
    (tmp_path / ".training_state.123.partial.safetensors").write_bytes(b"half")
    other = tmp_path / ".checkpoint.123.partial.safetensors"
    other.write_bytes(b"not ours")
    with keeper(tmp_path) as one:
        one.keep(state())
    assert list(tmp_path.iterdir()) == [other]


def test_another_training_s_state_is_ignored_with_one_warning_that_says_in_what_it_differs(tmp_path, caplog):
    path = leave(tmp_path)
    assert keeper(tmp_path, seed="1", settings="cd").found() is None
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    for part in (str(path), "ignored", "starts from the beginning", "another seed, another settings"):
        assert part in record.getMessage()
    assert path.exists()


@pytest.mark.parametrize("damage", ["half", "empty", "foreign"])
def test_a_state_that_cannot_be_read_is_ignored_with_one_warning(tmp_path, caplog, damage):
    path = leave(tmp_path)
    whole = path.read_bytes()
    path.write_bytes({"half": whole[: len(whole) - 4], "empty": b"", "foreign": b"something else"}[damage])
    assert keeper(tmp_path).found() is None
    (record,) = caplog.records
    assert str(path) in record.getMessage()
    assert "expected a safetensors file" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_it_is_written_at_intervals_and_at_the_end_of_a_run_that_fails(tmp_path):
    def fail():
        with keeper(tmp_path, save_every_s=3600.0) as one:
            one.keep(state(1))
            one.keep(state(2))
            assert not one.path.exists()
            raise Stopped

    with pytest.raises(Stopped):
        fail()
    assert read_training_state(tmp_path / FILE_NAME)[0].epoch == 2


def test_the_interval_counts_from_the_last_writing(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("detach_core.training.resume.time.perf_counter", lambda: now[0])
    one = StateKeeper(tmp_path / "c.safetensors", identity={}, log=logging.getLogger("x"))
    written = []
    for epoch, seconds in enumerate((59.0, 60.0, 119.0, 121.0), start=1):
        now[0] = seconds
        one.keep(state(epoch))
        written.append(read_training_state(one.path)[0].epoch if one.path.exists() else None)
    assert written == [None, 2, 2, 4]


def test_sigterm_writes_the_latest_state_and_ends_with_143(tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    def train():
        with keeper(tmp_path, save_every_s=3600.0) as one:
            one.keep(state(2))
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("the signal came to nothing")

    with pytest.raises(SystemExit) as caught:
        train()
    assert caught.value.code == 143
    assert read_training_state(tmp_path / FILE_NAME)[0].epoch == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_does_not_cut_the_writing_short(tmp_path, monkeypatch):
    write = write_training_state

    def slow_write(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        write(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGTERM)

    def run():
        with keeper(tmp_path, save_every_s=3600) as one:
            one.keep(state(2))
            monkeypatch.setattr(resume, "write_training_state", slow_write)
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"):
        run()
    assert read_training_state(tmp_path / FILE_NAME)[0].epoch == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_on_the_way_out_changes_nothing(tmp_path):
    reached = []

    def run():
        with keeper(tmp_path, save_every_s=3600) as one:
            one.keep(state(2))
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append(True)

    with pytest.raises(SystemExit, match="143"):
        run()
    assert reached
    assert read_training_state(tmp_path / FILE_NAME)[0].epoch == 2


def test_of_a_training_s_processes_one_writes_and_all_read(tmp_path):
    def second():
        return StateKeeper(
            tmp_path / "checkpoint.safetensors",
            identity=IDENTITY,
            log=logging.getLogger("x"),
            save_every_s=0,
            writes=False,
        )

    with second() as one:
        one.keep(state(1))
        assert list(tmp_path.iterdir()) == []
    leave(tmp_path, 3)
    with second() as one:
        assert one.found().epoch == 3
    assert (tmp_path / FILE_NAME).exists()


def test_success_restores_the_handler_too(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with keeper(tmp_path):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_of_the_main_thread_it_handles_no_signal(tmp_path):
    handlers = []

    def work():
        with keeper(tmp_path) as one:
            one.keep(state())
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [before]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_a_warning_and_training_goes_on(tmp_path, caplog, monkeypatch):
    def refuse(*arguments, **named):
        raise OSError("No space left on device")

    monkeypatch.setattr(resume, "write_training_state", refuse)
    with keeper(tmp_path) as one:
        one.keep(state())
    (record,) = caplog.records
    assert FILE_NAME in record.getMessage()
    assert "No space left" in record.getMessage()
