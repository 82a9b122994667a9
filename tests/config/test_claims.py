import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("claims.detach_exceeds_baselines.threshold", 2.0),
        ("claims.detach_exceeds_baselines.over", []),
        ("claims.detach_exceeds_baselines.measure", "wins"),
        ("claims.clusters_recover_places.figure", "purity"),
        ("significance.tables", []),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, key, value):
    assert key.rpartition(".")[0] in "".join(mistakes(set_key(key, value)))


def test_only_the_distance_from_one_must_stay_below(data):
    claims = load_config(data).document.claims
    assert [name for name, claim in claims.items() if claim.below] == ["easy_negatives_keep_weight_one"]
