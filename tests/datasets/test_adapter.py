import pytest

from detach_core.datasets.adapter import FileFinder
from detach_core.foundation.errors import BadInputError


def test_at_most_one_file_is_none_one_or_a_refusal(tmp_path):
    def find():
        return FileFinder().at_most_one(tmp_path, ["**/{recording}*.srt"], "S1", key="native.annotation_glob")

    assert find() is None
    (tmp_path / "S1_a.srt").write_text("")
    assert find() == tmp_path / "S1_a.srt"
    (tmp_path / "S1_b.srt").write_text("")
    with pytest.raises(BadInputError, match=r"S1_a.srt, S1_b.srt, expected at most one"):
        find()
