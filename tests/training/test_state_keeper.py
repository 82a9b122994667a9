import logging
import os
import signal
import threading

import pytest
import torch

from detach_core.contracts.checkpoint import TrainingState, read_training_state
from detach_core.training import state_keeper
from detach_core.training.state_keeper import FILE_NAME, StateKeeper

IDENTITY = {"seed": "0", "settings": "ab"}


class Stop(Exception):
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
            raise Stop

    with pytest.raises(Stop):
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
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert read_training_state(tmp_path / FILE_NAME)[0].epoch == 2


def test_the_interval_counts_from_the_last_writing(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(state_keeper.time, "perf_counter", lambda: now[0])
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
    write = state_keeper.write_training_state

    def slow_write(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        write(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGTERM)

    def run():
        with keeper(tmp_path, save_every_s=3600) as one:
            one.keep(state(2))
            monkeypatch.setattr(state_keeper, "write_training_state", slow_write)
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

    monkeypatch.setattr(state_keeper, "write_training_state", refuse)
    with keeper(tmp_path) as one:
        one.keep(state())
    (record,) = caplog.records
    assert FILE_NAME in record.getMessage()
    assert "No space left" in record.getMessage()
