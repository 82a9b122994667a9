import errno
import os

import pytest

from detach_core.foundation.errors import NoSpaceError
from detach_core.foundation.files import atomic_path, remove, write_text


def test_a_finished_block_leaves_only_the_file(tmp_path):
    with atomic_path(tmp_path / "deep" / "a.h5") as partial:
        assert partial.suffix == ".h5"
        partial.write_bytes(b"whole")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.h5"]
    assert (tmp_path / "deep" / "a.h5").read_bytes() == b"whole"


def test_a_failed_block_leaves_the_earlier_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "earlier")

    def fail_midway():
        with atomic_path(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail_midway()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "earlier"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space is left on its disk"), (errno.EDQUOT, "the quota of its disk is used")],
)
def test_a_full_disk_is_one_sentence_that_names_the_file(tmp_path, number, words):
    write_text(tmp_path / "a.txt", "earlier")

    def fill():
        with atomic_path(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(NoSpaceError) as error:
        fill()
    assert str(error.value).startswith(f"{tmp_path / 'a.txt'}: cannot be written, {words}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "earlier"


def test_another_error_of_the_system_stays_itself(tmp_path):
    def deny():
        with atomic_path(tmp_path / "a.txt"):
            raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        deny()


def test_a_block_that_wrote_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_removed_with_what_killed_writers_left_of_it(tmp_path):
    for name in ("a.txt", ".a.1.partial.txt", ".a.22.partial.txt", ".b.1.partial.txt", "ab.txt"):
        write_text(tmp_path / name, "x")
    remove(tmp_path / "a.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.1.partial.txt", "ab.txt"]
    remove(tmp_path / "a.txt")
