import pytest

from detach_core.contracts.embeddings import write_embeddings
from detach_core.foundation.errors import ContractError, UserError
from detach_core.reports.figures.drawing import READERS, Drawing, only, provenance_line, read_artifact
from detach_core.reports.figures.registry import FIGURES


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_drawing_of_the_registry_is_there_and_needs_what_can_be_read(name):
    found = FIGURES.implementation(name)
    assert issubclass(found, Drawing)
    assert found.settings_type is FIGURES.settings(name)
    assert found.settings_type.needs
    assert set(found.settings_type.needs) <= set(READERS)


def test_an_unknown_drawing_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(LookupError, match=r"'pie'.*weight_cdf.*assignment_stability"):
        FIGURES.implementation("pie")


def test_an_artifact_is_read_by_the_reader_of_its_kind(made, tmp_path):
    write_embeddings(tmp_path / "embeddings.h5", made.embeddings(made.windows(), seed=3))
    artifact = read_artifact("embeddings", tmp_path / "embeddings.h5")
    assert artifact.value.features["video"].shape == (72, 16)
    assert artifact.provenance.seed == 3


def test_a_file_that_is_no_such_artifact_is_refused_by_its_contract(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"schema": "detach.something/1"}\n')
    with pytest.raises(ContractError, match=r"detach.history/2"):
        read_artifact("spatial_history", path)


def test_the_one_artifact_of_a_kind_must_be_one(made):
    windows = made.windows()
    assert only(made.artifacts(windows=windows), "windows").value is windows
    with pytest.raises(UserError, match="found 2 files, expected one"):
        only(made.artifacts(windows=[windows, windows]), "windows")


def test_the_provenance_line_names_source_seeds_of_trainings_and_code(made):
    windows = made.windows()
    runs = [made.embeddings(windows, seed=seed) for seed in (2, 0)]
    shown = made.artifacts(windows=windows, split=made.split(windows), embeddings=runs)
    line = provenance_line(shown, "held-out part", split="fold1")
    commit = windows.provenance.commit
    assert line == f"Simulated data · held-out part · split fold1 · seeds 0, 2 · commit {commit}"


def test_real_recordings_are_not_called_simulated(made):
    windows = made.windows()
    provenance = made.changed(windows.provenance, source="local", commit="abc")
    line = provenance_line(made.artifacts(windows=made.changed(windows, provenance=provenance)), "", split="default")
    assert line == "Recordings: local · split default · commit abc"
