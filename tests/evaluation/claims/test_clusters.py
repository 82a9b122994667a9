import dataclasses

import numpy as np
import pytest

from detach_core.evaluation.clusters import (
    activations,
    confident_purer,
    kmeans_clusters,
    over_kmeans,
    refinement_over_control,
    refinement_raises,
)
from detach_core.evaluation.settings import (
    ActivationSettings,
    ConfidentPuritySettings,
    OverKmeansSettings,
    RefinementSettings,
)
from detach_core.foundation.errors import UserError
from detach_core.signals.normalization import activation_vector


def one(measure, *arguments):
    (line,) = measure(*arguments)
    return line


def share_right(stage_one, row, among, place):
    """Loops: a window is right where its place is the commonest of its cluster."""
    right = []
    for cluster, its, asked in zip(stage_one.cluster[row], place, among, strict=True):
        members = [p for p, c in zip(place, stage_one.cluster[row], strict=True) if c == cluster]
        if asked:
            right.append(max(set(members), key=members.count) == its)
    return sum(right) / len(right)


def test_confident_minus_ambiguous_is_that_of_a_loop(made, claim):
    stage = made.stage_one()
    line = one(
        confident_purer,
        claim(ConfidentPuritySettings, spatial="default"),
        "opportunity",
        made.artifacts({("assignments", "default"): [stage]}),
    )
    confident = stage.confident[2]
    expected = share_right(stage, 2, confident, made.place) - share_right(stage, 2, ~confident, made.place)
    assert line.estimate.value == pytest.approx(expected)
    assert line.estimate.low > 0.0
    assert line.n_units == 24
    assert line.splits == ("default",)


def test_refinement_is_measured_on_those_who_were_ambiguous_before_it(made, claim):
    stages = [made.stage_one(seed=seed) for seed in (0, 1)]
    artifacts = made.artifacts({("assignments", "default"): stages}, seeds=(0, 1))
    line = one(refinement_raises, claim(ConfidentPuritySettings, spatial="default"), "opportunity", artifacts)
    expected = [
        share_right(one_, 4, ~one_.confident[2], made.place) - share_right(one_, 2, ~one_.confident[2], made.place)
        for one_ in stages
    ]
    assert line.estimate.value == pytest.approx(np.mean(expected))
    assert line.estimate.low > 0.0


def test_a_refinement_that_does_nothing_is_no_gain(made, claim):
    stage = made.stage_one()
    still = dataclasses.replace(stage, cluster=np.repeat(stage.cluster[2:3], 5, axis=0))
    artifacts = made.artifacts({("assignments", "default"): [still]})
    line = one(refinement_raises, claim(ConfidentPuritySettings, spatial="default"), "opportunity", artifacts)
    assert (line.estimate.value, line.estimate.low, line.estimate.high) == (0.0, 0.0, 0.0)


def test_the_control_goes_on_without_refinement(made, claim):
    refined, control = made.stage_one(right_after=0.95), made.stage_one(right_after=0.6, refined=False)
    artifacts = made.artifacts({("assignments", "default"): [refined], ("assignments", "no-refinement"): [control]})
    line = one(
        refinement_over_control,
        claim(RefinementSettings, spatial="default", control="no-refinement"),
        "opportunity",
        artifacts,
    )
    assert line.estimate.low > 0.0
    assert line.compared == "no-refinement"


@pytest.mark.parametrize("figure", ["hungarian", "nmi"])
@pytest.mark.parametrize("features_tell", [True, False])
@pytest.mark.parametrize("input_tells", [True, False])
def test_a_kmeans_wins_where_what_it_clusters_tells_the_places(made, claim, figure, features_tell, input_tells):
    found = {
        ("assignments", "default"): [made.stage_one(right_after=0.5)],
        ("embeddings", "statistics"): [made.embeddings(tells_places=features_tell)],
    }
    settings = claim(OverKmeansSettings, spatial="default", variant="statistics", figure=figure)
    artifacts = made.artifacts(found, windows=made.moving_windows(tells_places=input_tells))
    lines = list(over_kmeans(settings, "opportunity", artifacts))
    assert [line.compared for line in lines] == ["k-means on statistics", "k-means on Stage 1's input"]
    for line, tells in zip(lines, (features_tell, input_tells), strict=True):
        sign = -1 if tells else 1
        assert min(sign * line.estimate.low, sign * line.estimate.high) > 0.0
        assert (line.n_units, line.splits) == (24, ("default",))


@pytest.mark.parametrize("form", ["centred", "z"])
def test_what_stage_one_is_fed_is_the_activation_vector_of_its_windows(made, form):
    windows = made.moving_windows(tells_places=True)
    split = made.split(windows)
    found = activations(windows, split, ActivationSettings(form, 0.99, "abs"))
    expected = activation_vector(windows.sensor, split.normalisation, form=form, quantile=0.99)
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_stage_one_of_other_windows_than_the_splits_is_refused(made, claim):
    stage = made.stage_one()
    other = dataclasses.replace(
        stage, window=stage.window[:-1], cluster=stage.cluster[:, :-1], confident=stage.confident[:, :-1]
    )
    found = {
        ("assignments", "default"): [other],
        ("embeddings", "statistics"): [made.embeddings(tells_places=True)],
    }
    settings = claim(OverKmeansSettings, spatial="default", variant="statistics", figure="nmi")
    with pytest.raises(UserError, match=r"found 71 windows that are not the 72 that split\.json pretrains on"):
        list(over_kmeans(settings, "opportunity", made.artifacts(found)))


def test_a_split_that_is_lacking_is_named(made, claim):
    found = {
        ("assignments", "default"): [made.stage_one()],
        ("embeddings", "statistics"): [made.embeddings(tells_places=True)],
    }
    artifacts = dataclasses.replace(made.artifacts(found), splits={})
    with pytest.raises(UserError, match=r"split\.json of opportunity, split default, was not given"):
        list(
            over_kmeans(
                claim(OverKmeansSettings, spatial="default", variant="statistics", figure="nmi"),
                "opportunity",
                artifacts,
            )
        )


def test_kmeans_finds_what_there_is(made):
    clusters = kmeans_clusters(made.embeddings(tells_places=True).sensor, 3, seed=0)
    assert len({(c, p) for c, p in zip(clusters, made.place, strict=True)}) == 3


@pytest.mark.parametrize("measure", [confident_purer, refinement_raises])
def test_without_known_places_the_claim_is_left_out(made, claim, measure):
    unknown = dataclasses.replace(made.windows, location=np.full_like(made.windows.location, -1))
    artifacts = made.artifacts({("assignments", "default"): [made.stage_one()]}, windows=unknown)
    line = one(measure, claim(ConfidentPuritySettings, spatial="default"), "opportunity", artifacts)
    assert line.estimate is None
    assert "place" in line.note
