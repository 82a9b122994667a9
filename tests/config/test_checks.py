import pytest


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("datasets.opportunity.source", "local", "datasets.opportunity.root: must be your own folder"),
        (
            "datasets.opportunity.source",
            "download",
            "datasets.opportunity.download.files: must name the files to fetch",
        ),
        ("datasets.hwu_usp.classes", ["tea", "tidy"], "datasets.hwu_usp.takes: must be among `classes`"),
        ("datasets.opportunity.subjects", ["S1", "S3", "S4", "S1"], "datasets.opportunity.subjects: must not repeat"),
        (
            "datasets.opportunity.window.length_s",
            1.3,
            "datasets.opportunity.video.working_hz: must give a whole number",
        ),
        ("datasets.opportunity.video.working_hz", 12, "datasets.opportunity.video.working_hz: must be at most `native"),
        (
            "splits.default.opportunity.held_out",
            ["S9"],
            "splits.default.opportunity.held_out: must be among the recordings",
        ),
        ("splits.default.opportunity.held_out", [], "splits.default.opportunity.held_out: must name recordings"),
        (
            "splits.default.hwu_usp.hold_out",
            "nothing",
            "splits.default.hwu_usp.held_out: must be empty when `hold_out`",
        ),
        ("tables.table1.rows", ["detahc"], "tables.table1.rows: detahc: unknown key, did you mean `detach`?"),
        ("tables.table1.splits", ["x"], "tables.table1.splits: unknown key; known: default"),
        ("tables.table1.datasets", ["hwu"], "tables.table1.datasets: hwu: unknown key"),
        ("spatial.other", {"cluster": 3}, "spatial.other.cluster: unknown key, did you mean `clusters`?"),
        ("spatial.default.clusters", 1, "spatial.default.clusters: must be >= 2, got 1"),
        ("variants.a", {"hardness": 2.0}, "variants.a.method: missing"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(set_key, mistakes, path, value, line):
    assert mistakes(set_key(path, value))[0].startswith(line)


def test_a_split_without_a_tables_dataset_is_refused(data, mistakes):
    del data["splits"]["default"]["hwu_usp"]
    assert "tables.table1.datasets: hwu_usp has no part in splits.default" in mistakes(data)


def test_a_split_of_an_unknown_dataset_is_refused(data, mistakes):
    data["splits"]["default"]["hwu"] = data["splits"]["default"]["hwu_usp"]
    assert mistakes(data)[0].startswith("splits.default.hwu: unknown key")


def test_stage_1_needs_a_default(data, mistakes):
    data["spatial"] = {}
    assert mistakes(data)[0] == "spatial.default: missing"
