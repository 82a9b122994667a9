import errno

from detach_core.contracts.errors import BadInputError, ContractError, NoSpaceError, UserError


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
    error = ContractError("x\udcff.h5", "schema", expected="a", found="b", remedy="rerun pack")
    assert str(error).startswith("x\\udcff.h5: schema")


def test_a_full_disk_is_an_error_of_the_user_and_of_the_system():
    error = NoSpaceError("a\nb.h5", errno.ENOSPC)
    assert isinstance(error, UserError)
    assert isinstance(error, OSError)
    assert str(error).startswith("a\\nb.h5: cannot be written, no space is left on its disk; nothing is left")
