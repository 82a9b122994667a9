import errno
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from detach_core.contracts.checkpoint import read_tensors
from detach_core.contracts.history import read_history
from detach_core.contracts.json_document import JsonDocument
from detach_core.foundation.errors import (
    UNREADABLE,
    BadInputError,
    ContractError,
    NoSpaceError,
    UnreadableFileError,
    UserError,
)


def test_bad_input_is_one_sentence_with_file_place_found_expected_and_remedy():
    error = BadInputError("a/b.txt", "line 3", found="12 columns", expected="250 columns", remedy="copy the file again")
    text = str(error)
    assert "\n" not in text
    for part in ("a/b.txt", "line 3", "12 columns", "250 columns", "copy the file again"):
        assert part in text


def test_contract_error_keeps_its_parts_and_is_a_user_error():
    error = ContractError("x.h5", "schema", expected="detach.windows/1", found="detach.windows/0", remedy="rerun pack")
    assert isinstance(error, UserError)
    assert (error.field, error.expected, error.found) == ("schema", "detach.windows/1", "detach.windows/0")
    assert str(error) == "x.h5: schema: found detach.windows/0, expected detach.windows/1; rerun pack"


def test_names_that_break_the_line_are_written_as_escapes():
    error = BadInputError("a\nERROR b", "line 3", found="\x1b[2J", expected="text", remedy="mend it")
    assert str(error) == "a\\nERROR b: line 3: found \\x1b[2J, expected text; mend it"
    damaged = ContractError("x\udcff.h5", "schema", expected="a", found="b", remedy="rerun pack")
    assert str(damaged).startswith("x\\udcff.h5: schema")


def test_a_full_disk_is_an_error_of_the_user_and_of_the_system():
    error = NoSpaceError("a\nb.h5", errno.ENOSPC)
    assert isinstance(error, UserError)
    assert isinstance(error, OSError)
    assert str(error).startswith(
        "a\\nb.h5: cannot be written, no space is left on its disk; the partial file is removed"
    )


def read_weights(path):
    return read_tensors(path, schema="detach.checkpoint/1", fields=(), rule="pretrain")


def read_document(path):
    return JsonDocument.load(path, schema="detach.metrics/2", rule="probe")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ENOLCK, errno.ESTALE])
@pytest.mark.parametrize("read", [read_weights, read_document, read_history])
def test_a_file_that_the_operating_system_refuses_is_not_to_be_made_anew(tmp_path, monkeypatch, read, number):
    path = tmp_path / "a"
    path.write_text("{}")
    refusal = OSError(number, os.strerror(number), str(path))

    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(Path, "read_text", refuse)
    # safetensors has no number, only words.
    told = SafetensorError(f"Error while deserializing: I/O error: {refusal.strerror} (os error {number})")
    monkeypatch.setattr("detach_core.contracts.checkpoint.safe_open", lambda *_, **__: (_ for _ in ()).throw(told))
    with pytest.raises(UnreadableFileError) as found:
        read(path)
    assert f"{path}: the operating system refuses it: {UNREADABLE[number][0]}" in str(found.value)
    assert "rule" not in str(found.value)


@pytest.mark.parametrize("read", [read_weights, read_document, read_history])
def test_a_file_that_is_not_there_or_holds_something_else_is_to_be_made_anew(tmp_path, read):
    with pytest.raises(ContractError, match="rule"):
        read(tmp_path / "none")
    (tmp_path / "a").write_text("(os error 13) errno = 13")
    with pytest.raises(ContractError, match="rule"):
        read(tmp_path / "a")
