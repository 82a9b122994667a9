import json
from typing import Any

import pytest

from detach_core.evaluation.settings import (
    ActivationSettings,
    ClaimSettings,
    EasyWeightSettings,
    Need,
    OverKmeansSettings,
    RefinementSettings,
    WeightGapSettings,
    read_claims,
)

COMMON: dict[str, Any] = {"table": "table1", "datasets": ("opportunity",), "threshold": 0.0}
KMEANS: dict[str, Any] = {
    "measure": "clusters_over_kmeans",
    "spatial": "default",
    "variant": "statistics",
    "figure": "nmi",
}


def job(**changes):
    claim = {"settings": {**COMMON, **KMEANS, **changes}, "parts": [["opportunity", "default"], ["hwu_usp", "fold1"]]}
    activation = {"form": "z", "activation_quantile": 0.9, "activation": "abs"}
    return json.dumps({"claims": {"x": {**claim, "activation": activation}}, "seeds": [0, 1], "keys": []})


def test_a_claim_has_settings_of_its_measure_s_type():
    found, claims = read_claims(job())
    assert claims["x"].settings == OverKmeansSettings(**COMMON, **KMEANS)
    assert claims["x"].activation == ActivationSettings("z", 0.9, "abs")
    assert claims["x"].splits_of("hwu_usp") == ("fold1",)
    assert (found.seeds, found.bootstrap, found.confidence) == ((0, 1), 1000, 0.95)


@pytest.mark.parametrize(("key", "value"), [("measure", "wins"), ("figure", "purity"), ("spatials", "default")])
def test_a_claim_of_no_known_measure_is_refused(key, value):
    with pytest.raises(TypeError, match=value if key != "spatials" else key):
        read_claims(job(**{key: value}))


def test_a_claim_names_the_artifacts_that_decide_it():
    assert list(OverKmeansSettings(**COMMON, **KMEANS).needs()) == [
        Need("assignments", "table1", "default"),
        Need("embeddings", "table1", "statistics"),
    ]
    refinement = RefinementSettings(
        **COMMON, measure="refinement_over_control", spatial="default", control="no-refinement"
    )
    assert [need.name for need in refinement.needs()] == ["default", "no-refinement"]
    assert list(ClaimSettings(**COMMON, measure="mine").needs()) == []


def test_only_the_distance_from_one_must_stay_below():
    assert EasyWeightSettings(**COMMON, measure="easy_near_one", variant="detach").below
    assert not WeightGapSettings(**COMMON, measure="hard_above_false", variant="detach").below
