import pytest
from typer.testing import CliRunner

from detach_core.commands.main import program
from detach_core.foundation.errors import UserError


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    done = CliRunner().invoke(program(), ["suggest", str(tmp_path / "a" / "b" / "c")])
    assert isinstance(done.exception, UserError)
    assert "expected a run with embeddings" in str(done.exception)


@pytest.mark.parametrize("count", ["0", "many"])
def test_a_count_that_is_none_is_refused(tmp_path, count):
    assert CliRunner().invoke(program(), ["suggest", str(tmp_path), "--count", count]).exit_code == 2
