import errno
import logging
import os

import pytest

from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log


def fail(error):
    raise error


def test_lines_reach_the_file_and_the_terminal(tmp_path, capsys):
    with stage_log(tmp_path / "deep" / "ingest.log", "ingest") as log:
        log.info("read %d rows", 3)
    assert (tmp_path / "deep" / "ingest.log").read_text().endswith(" INFO read 3 rows\n")
    assert capsys.readouterr().err == "[ingest] read 3 rows\n"


def test_a_user_error_is_one_line_and_exit_code_1(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_info, stage_log(tmp_path / "a.log", "ingest"):
        fail(UserError("x.csv: line 3: found 'a', expected a number; mend it"))
    assert exit_info.value.code == 1
    assert capsys.readouterr().err == "[ingest] x.csv: line 3: found 'a', expected a number; mend it\n"
    text = (tmp_path / "a.log").read_text()
    assert text.count("\n") == 1
    assert "Traceback" not in text


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_file_that_the_system_refuses_anywhere_in_a_stage_is_one_line(tmp_path, capsys, number):
    with pytest.raises(SystemExit), stage_log(tmp_path / "a.log", "ingest"):
        fail(OSError(number, os.strerror(number), "S1-Drill.dat"))
    said = capsys.readouterr().err
    assert said.startswith("[ingest] S1-Drill.dat: the operating system refuses it: ")
    assert said.count("\n") == 1
    assert "Traceback" not in (tmp_path / "a.log").read_text()


def test_another_exception_goes_on_and_leaves_its_traceback_in_the_log(tmp_path):
    with pytest.raises(ZeroDivisionError), stage_log(tmp_path / "a.log", "flow"):
        _ = 1 / 0
    assert "Traceback" in (tmp_path / "a.log").read_text()


def test_handlers_are_gone_afterwards(tmp_path):
    log = logging.getLogger("detach.flow")
    before = list(log.handlers)
    with stage_log(tmp_path / "a.log", "flow"):
        assert len(log.handlers) == len(before) + 2
    assert log.handlers == before


def test_of_several_processes_the_first_writes_the_file_and_the_others_say_their_errors(tmp_path, capsys):
    with stage_log(tmp_path / "a.log", "pretrain") as log:
        log.info("epoch 1")
    with stage_log(tmp_path / "a.log", "pretrain", rank=1) as log:
        log.info("epoch 2")
    with pytest.raises(SystemExit), stage_log(tmp_path / "a.log", "pretrain", rank=1):
        fail(UserError("no such device"))
    (line,) = (tmp_path / "a.log").read_text().splitlines()
    assert line.endswith("epoch 1")
    assert capsys.readouterr().err.splitlines() == ["[pretrain] epoch 1", "[pretrain, process 1] no such device"]


def test_a_second_run_starts_a_new_file(tmp_path):
    for text in ("first", "second"):
        with stage_log(tmp_path / "a.log", "flow") as log:
            log.info(text)
    assert "first" not in (tmp_path / "a.log").read_text()


def test_a_log_that_cannot_be_written_is_told_once_and_the_terminal_has_its_lines(tmp_path, capsys):
    path = tmp_path / "a.log"
    path.symlink_to("/dev/full")
    with stage_log(path, "flow") as log:
        log.info("first")
        log.info("second")
    first, *others = sorted(capsys.readouterr().err.splitlines())
    assert first == f"[flow] {path}: the log cannot be written (No space left on device); its lines appear here only"
    assert others == ["[flow] first", "[flow] second"]


def test_a_folder_for_the_log_that_cannot_be_made_is_told_too(tmp_path, capsys, monkeypatch):
    def refuse(self, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with stage_log(tmp_path / "deep" / "a.log", "flow") as log:
        log.info("first")
    lines = capsys.readouterr().err.splitlines()
    assert "a.log: the log cannot be written (No space left on device)" in lines[0]
    assert lines[1:] == ["[flow] first"]
