import json

import pytest

from detach_core.config.evidence import (
    claim_keys,
    claim_settings,
    claim_splits,
    few_labels_settings,
    retrieval_settings,
    significance_keys,
    significance_settings,
)
from detach_core.config.load import ConfigError, load_config
from detach_core.evaluation.settings import ExceedsSettings
from detach_core.reports.settings import ResultsTable
from detach_core.settings.base import to_plain


def test_every_artifact_stands_once_and_belongs_to_a_part_of_its_table(data):
    config = load_config(data)
    keys = claim_keys(config)
    assert len(set(keys)) == len(keys)
    assert {key.split for key in keys} == {"default"}
    # Nothing of one dataset where a claim asks the other alone.
    assert {key.dataset for key in keys if key.kind == "negative_pairs"} == {"opportunity"}
    assert {key.name for key in keys if key.kind == "assignments"} == {"default", "no-refinement"}


def test_significance_needs_the_rows_of_its_tables(data):
    config = load_config(data)
    rows = {row for table in config.document.significance.tables for row in config.rows(table)}
    assert {key.name for key in significance_keys(config)} == rows
    assert {"detach", "best"} <= rows


def test_the_preset_best_is_held_against_baselines_statistics_and_its_own_start(data):
    document = load_config(data).document
    claims = [claim for name, claim in document.claims.items() if name.startswith("best_")]
    exceeding = [claim for claim in claims if isinstance(claim, ExceedsSettings)]
    table = document.tables["table1"]
    assert isinstance(table, ResultsTable)
    assert len(exceeding) == len(claims)
    over = {row for claim in exceeding for row in claim.over}
    assert over == {"imu2clip", "primus", "comodo", "cav_mae", "statistics", "best-untrained"}
    for claim in exceeding:
        assert (claim.variant, claim.table, claim.threshold) == ("best", "table1", 0.0)
        assert set(claim.datasets) == set(document.datasets)
        assert {claim.variant, *claim.over} <= set(table.rows)


def test_settings_carry_the_keys_in_the_order_of_the_files(data):
    config = load_config(data)
    for settings, keys in (
        (claim_settings(config), claim_keys(config)),
        (significance_settings(config), significance_keys(config)),
    ):
        assert json.loads(settings)["keys"] == [to_plain(key) for key in keys]


@pytest.mark.parametrize(
    ("rows", "references"),
    [
        (["statistics", "best", "detach-spatial-place", "detach"], ["detach", "best"]),
        (["statistics", "best"], ["best"]),
        (["statistics", "random_encoder"], ["statistics"]),
    ],
)
def test_curves_are_compared_with_the_references_among_them(set_key, rows, references):
    settings = json.loads(few_labels_settings(load_config(set_key("tables.table1.rows", rows))))
    assert settings["references"] == references
    trainings = ["detach" if row == "detach-spatial-place" else row for row in rows]
    assert settings["tables"]["few_labels"]["rows"] == list(dict.fromkeys(trainings))


def test_retrieval_knows_in_which_form_each_training_has_its_sensors(set_key):
    # A random encoder has no Stage 1 whose input would have to be the same.
    config = load_config(set_key("variants.random_encoder.input", {"form": "z"}))
    forms = json.loads(retrieval_settings(config))["forms"]
    assert set(forms) == set(map(config.trained, config.rows("table1")))
    assert {name for name, form in forms.items() if form == "z"} == {"random_encoder"}


def test_claims_about_clusters_know_what_their_stage_one_is_fed(set_key):
    config = load_config(set_key("spatial.default.activation", "range"))
    claims = json.loads(claim_settings(config))["claims"]
    with_input = {name for name, claim in claims.items() if claim["activation"] is not None}
    assert with_input == {"clusters_recover_places", "clusters_inform_on_places"}
    form = config.document.input.form
    expected = {"form": form, "activation_quantile": 0.99, "activation": "range"}
    assert claims["clusters_recover_places"]["activation"] == expected
    assert claim_splits(config) == [("opportunity", "default"), ("hwu_usp", "default")]


def test_a_claim_without_datasets_needs_nothing(set_key):
    everything = {(key.kind, key.dataset) for key in claim_keys(load_config(set_key("seeds", [0])))}
    assert ("assignments", "hwu_usp") in everything
    data = set_key("seeds", [0])
    for name in set(data["claims"]) - {"refinement_raises_purity"}:
        data["claims"][name]["datasets"] = []
    config = load_config(data)
    keys = claim_keys(config)
    assert {(key.kind, key.name) for key in keys} == {("assignments", "default")}
    assert claim_splits(config) == []
    data["claims"]["refinement_raises_purity"]["datasets"] = []
    with pytest.raises(ConfigError, match="claims: at least one must have a dataset"):
        load_config(data)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("claims.detach_exceeds_baselines.table", "table7", "claims.detach_exceeds_baselines.table: unknown key"),
        ("claims.detach_exceeds_baselines.over", ["nobody"], "claims.detach_exceeds_baselines: nobody: unknown key"),
        ("claims.refinement_raises_purity.spatial", "nobody", "claims.refinement_raises_purity: nobody: unknown key"),
        ("claims.weights_help.datasets", ["elsewhere"], "claims.weights_help.datasets: unknown key"),
        ("significance.references", ["nobody"], "significance.references: unknown key"),
        ("significance.references", ["detach", "nobody"], "significance.references: unknown key"),
        (
            "significance.references",
            ["imu2clip-frames", "detach-spatial-place"],
            "significance.references: must be rows of the compared tables, got imu2clip-frames, detach-spatial-place",
        ),
        ("significance.tables", ["table7"], "significance.tables: unknown key"),
        ("tables.claims", {"datasets": ["opportunity"], "split": "default"}, "tables.claims: must have another name"),
    ],
)
def test_names_that_do_not_exist_are_refused_by_their_place(set_key, mistakes, key, value, message):
    assert any(line.startswith(message) for line in mistakes(set_key(key, value)))
