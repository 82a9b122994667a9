from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.methods.batch import Truth
from detach_core.methods.detach.losses import weighted_info_nce
from detach_core.methods.detach.negatives import (
    EASY,
    FALSE,
    HARD,
    KINDS,
    NO_PAIR,
    PairFeatures,
    PairMonitor,
    centred_by_cluster,
    combine_spatial_similarity,
    cosine_matrix,
    false_negative_weight,
    hard_negative_weight,
    negative_kinds,
    negative_weights,
    pair_similarities,
    temporal_similarity,
)

seeds = st.integers(0, 10_000)


def features(seed, number=5, dim=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [
        (1 + part) * torch.randn(number, dim + part // 2, generator=generator, dtype=torch.float64).to(dtype)
        for part in range(4)
    ]


def weights(*four_and_rest, temporal_similarity="intra", **options):
    """Eq. 11 from four features, by way of the similarities of their pairs."""
    four, rest = four_and_rest[:4], four_and_rest[4:]
    return negative_weights(pair_similarities(PairFeatures(*four), temporal_similarity), *rest, **options)


def cosine(first, second):
    dot = sum(a * b for a, b in zip(first, second, strict=True))
    return dot / math.sqrt(sum(a * a for a in first)) / math.sqrt(sum(b * b for b in second))


def printed_equations_7_to_11(four, hardness, damping, cross):
    vs, ss, vt, st_ = (part.tolist() for part in four)
    number = len(vs)
    weight = torch.zeros(number, number, dtype=torch.float64)
    for i in range(number):
        for j in range(number):
            if i == j:
                continue
            spatial = max(max(cosine(vs[i], vs[j]), 0), max(cosine(ss[i], ss[j]), 0))
            intra = (cosine(vt[i], vt[j]) + cosine(st_[i], st_[j])) / 2
            temporal = cosine(vt[i], st_[j]) if cross else intra
            factor = spatial if damping == "spatial" else temporal
            weight[i, j] = (1 + (hardness - 1) * spatial) * (1 - factor * max(temporal, 0))
    return weight


@settings(deadline=None, max_examples=25)
@given(seed=seeds, hardness=st.floats(1.0, 6.0), damping=st.sampled_from(["spatial", "temporal"]), cross=st.booleans())
def test_the_weights_are_the_printed_equations(seed, hardness, damping, cross):
    four = features(seed)
    kind = "cross" if cross else "intra"
    expected = printed_equations_7_to_11(four, hardness, damping, cross)
    weight = weights(*four, hardness, damping, temporal_similarity=kind)
    assert float((weight - expected).abs().max()) < 1e-9
    single = weights(*(part.float() for part in four), hardness, damping, temporal_similarity=kind)
    assert single.dtype == torch.float32
    assert float((single - expected).abs().max()) < 1e-4


@settings(deadline=None, max_examples=25)
@given(seed=seeds, damping=st.sampled_from(["spatial", "temporal"]))
def test_every_factor_keeps_its_range(seed, damping):
    vs, ss, vt, st_ = features(seed)
    spatial = combine_spatial_similarity(cosine_matrix(vs, vs), cosine_matrix(ss, ss))
    temporal = temporal_similarity(cosine_matrix(vt, vt), cosine_matrix(st_, st_))
    hard, false = hard_negative_weight(spatial, 3.0), false_negative_weight(spatial, temporal, damping)
    for value, low, high in ((spatial, 0, 1), (temporal, -1, 1), (hard, 1, 3), (false, 0, 1)):
        assert float(value.min()) >= low
        assert float(value.max()) <= high


@settings(deadline=None, max_examples=25)
@given(seed=seeds, kind=st.sampled_from(["intra", "cross"]))
def test_permuting_the_batch_permutes_the_weights(seed, kind):
    four = features(seed)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    weight = weights(*four, 3.0, "spatial", temporal_similarity=kind)
    shuffled = weights(*(part[order] for part in four), 3.0, "spatial", temporal_similarity=kind)
    assert float((shuffled - weight[order][:, order]).abs().max()) < 1e-12


def test_cosines_just_above_one_never_make_a_negative_weight():
    for seed in range(8):
        unit = torch.nn.functional.normalize(features(seed, number=16, dim=7, dtype=torch.float32)[0], dim=1)
        twice = torch.cat([unit, unit])
        assert float(cosine_matrix(twice, twice).max()) <= 1.0
        for damping in ("spatial", "temporal"):
            assert float(weights(twice, twice, twice, twice, 3.0, damping).min()) >= 0.0
    above = torch.full((2, 2), 1.0 + 1e-6)
    assert float(combine_spatial_similarity(above, above).max()) == 1.0
    assert float(temporal_similarity(above, above).max()) == 1.0
    assert float(false_negative_weight(above, above, "temporal").min()) == 0.0


def test_different_motion_keeps_the_weight_in_both_forms():
    spatial, temporal = torch.tensor([0.0, 0.4, 1.0]), torch.full((3,), -0.7)
    for damping in ("spatial", "temporal"):
        assert torch.equal(false_negative_weight(spatial, temporal, damping), torch.ones(3))


def test_equal_motion_damps_the_same_place_only_unless_eq_10_is_taken_as_printed():
    spatial, temporal = torch.tensor([0.0, 1.0]), torch.ones(2)
    assert false_negative_weight(spatial, temporal, "spatial").tolist() == [1.0, 0.0]
    assert false_negative_weight(spatial, temporal, "temporal").tolist() == [0.0, 0.0]


def test_the_weight_surface_of_the_specification():
    """W = 1 at A = 0; 3 (1 - T) at A = 1; below 1 iff T > 2 / (1 + 2A); rises with A iff T < 2 / (1 + 4A)."""

    def surface(spatial, temporal, damping="spatial"):
        a, t = torch.tensor(spatial, dtype=torch.float64), torch.tensor(temporal, dtype=torch.float64)
        return float(hard_negative_weight(a, 3.0) * false_negative_weight(a, t, damping))

    for t in (-0.5, 0.0, 0.3, 0.5, 0.9):
        assert surface(0.0, t) == 1.0
        assert abs(surface(1.0, t) - 3 * (1 - max(t, 0))) < 1e-12
        assert abs(surface(1.0, t, "temporal") - 3 * (1 - max(t, 0) ** 2)) < 1e-12
    assert surface(0.0, 0.5, "temporal") == 0.75
    for a in (0.25, 0.5, 1.0):
        edge, turn = 2 / (1 + 2 * a), 2 / (1 + 4 * a)
        assert surface(a, edge + 0.01) < 1 < surface(a, edge - 0.01)
        assert surface(a + 1e-4, turn - 0.01) > surface(a, turn - 0.01)
        assert surface(a + 1e-4, turn + 0.01) < surface(a, turn + 0.01)


def test_zero_vectors_are_similar_to_nothing():
    dead = torch.zeros(3, 4)
    weight = weights(dead, dead, dead, dead, 3.0, "spatial")
    assert torch.equal(weight, 1 - torch.eye(3))


def test_the_loss_does_not_change_when_the_modalities_are_swapped_under_cross_similarity():
    vs, _, vt, st_ = features(1)
    ss, dim = features(2)[0], 3.0
    video, sensor = torch.randn(5, 6, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    weight = weights(vs, ss, vt, st_, dim, "spatial", temporal_similarity="cross")
    swapped = weights(ss, vs, st_, vt, dim, "spatial", temporal_similarity="cross")
    assert not torch.allclose(weight, weight.T)
    assert float((swapped - weight.T).abs().max()) < 1e-12
    loss = weighted_info_nce(video, sensor, weight, 0.1)
    assert abs(float(loss - weighted_info_nce(sensor, video, swapped, 0.1))) < 1e-12


def test_the_switches_of_table_2_leave_one_factor_each():
    vs, ss, vt, st_ = four = features(3)
    spatial = combine_spatial_similarity(cosine_matrix(vs, vs), cosine_matrix(ss, ss))
    temporal = temporal_similarity(cosine_matrix(vt, vt), cosine_matrix(st_, st_))
    off = 1 - torch.eye(5, dtype=torch.float64)
    without_spatial = weights(*four, 3.0, "spatial", spatial_weight=False)
    without_temporal = weights(*four, 3.0, "spatial", temporal_weight=False)
    assert torch.allclose(without_spatial, off * false_negative_weight(spatial, temporal, "spatial"))
    assert torch.allclose(without_temporal, off * hard_negative_weight(spatial, 3.0))
    assert torch.equal(weights(*four, 3.0, "spatial", spatial_weight=False, temporal_weight=False), off)


def test_row_mean_gives_every_row_of_negatives_a_mean_of_one():
    weight = weights(*features(4), 3.0, "spatial", normalise="row_mean")
    assert torch.allclose(weight.sum(dim=1), torch.full((5,), 4.0, dtype=torch.float64))
    assert torch.equal(weight.diagonal(), torch.zeros(5, dtype=torch.float64))
    same = torch.ones(3, 2)
    none_left = weights(same, same, same, same, 3.0, "spatial", normalise="row_mean")
    assert float(none_left.max()) < 1e-5


def test_one_window_has_no_negatives():
    assert weights(*features(5, number=1), 3.0, "spatial").tolist() == [[0.0]]


def test_no_gradient_passes_through_the_weights():
    four = [part.requires_grad_() for part in features(6)]
    assert not weights(*four, 3.0, "spatial").requires_grad


def test_what_does_not_fit_is_refused():
    four = features(7)
    for call in (
        lambda: weights(four[0][:3], *four[1:], 3.0, "spatial"),
        lambda: weights(four[0][0], *four[1:], 3.0, "spatial"),
        lambda: weights(*four, 0.5, "spatial"),
        lambda: weights(*four, 3.0, "both"),
        lambda: weights(*four, 3.0, "spatial", temporal_similarity="mean"),
        lambda: weights(*four, 3.0, "spatial", normalise="sum"),
        lambda: combine_spatial_similarity(torch.ones(2, 2), torch.ones(3, 3)),
        lambda: temporal_similarity(torch.ones(2, 2), torch.ones(2, 1)),
        lambda: false_negative_weight(torch.ones(2, 2), torch.ones(2), "spatial"),
        lambda: hard_negative_weight(torch.ones(2, 2), float("nan")),
    ):
        with pytest.raises(ValueError):
            call()


def test_kinds_by_place_and_action():
    kind = negative_kinds(torch.tensor([0, 0, 0, 1, -1]), torch.tensor([0, 0, 1, 1, 0]))
    expected = [
        [NO_PAIR, FALSE, HARD, EASY, NO_PAIR],
        [FALSE, NO_PAIR, HARD, EASY, NO_PAIR],
        [HARD, HARD, NO_PAIR, EASY, NO_PAIR],
        [EASY, EASY, EASY, NO_PAIR, NO_PAIR],
        [NO_PAIR] * 5,
    ]
    assert kind.tolist() == expected


def test_strictly_easy_pairs_share_the_action():
    kind = negative_kinds(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]), strict_easy=True)
    assert kind.tolist() == [[NO_PAIR, EASY, NO_PAIR], [EASY, NO_PAIR, NO_PAIR], [NO_PAIR] * 3]


def test_a_batch_of_fourteen_equal_classes_has_the_expected_false_and_hard_negatives():
    """About 18 of 255 negatives share place and action, and as many share the place alone."""
    label = torch.arange(256) % 14
    kind = negative_kinds(label // 2, label % 2)
    assert 17 <= float((kind == FALSE).sum(dim=1).double().mean()) <= 18
    assert 35 <= float(((kind == FALSE) | (kind == HARD)).sum(dim=1).double().mean()) <= 36


def test_ideal_features_weigh_hard_pairs_up_and_false_pairs_down():
    label = torch.arange(28) % 14
    place, action = torch.eye(7)[label // 2], torch.tensor([[1.0, 0.0], [-1.0, 0.0]])[label % 2]
    weight = negative_weights(pair_similarities(PairFeatures(place, place, action, action)), 3.0, "spatial")
    kind = negative_kinds(label // 2, label % 2)
    found = {name: weight[kind == code].unique().tolist() for name, code in KINDS.items()}
    assert found == {"easy": [1.0], "hard": [3.0], "false": [0.0]}


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="place and action"):
        negative_kinds(torch.zeros(3), torch.zeros(2))


TRUTH = Truth(torch.tensor([0, 0, 0, 1, 1, -1]), torch.tensor([0, 0, 1, 0, 1, 1]), "label")


def test_means_are_those_of_all_pairs_of_a_kind_over_the_epoch():
    torch.manual_seed(0)
    monitor = PairMonitor(TRUTH)
    batches = [torch.tensor([0, 1, 2, 3]), torch.tensor([5, 4, 3, 0])]
    values = [torch.rand(4, 4) for _ in batches]
    pooled: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for position, value in zip(batches, values, strict=True):
        monitor.add(position, weight=value, other=2 * value)
        kind = negative_kinds(TRUTH.location[position], TRUTH.action[position])
        for name, code in KINDS.items():
            pooled[name] += value[kind == code].tolist()
    report = monitor.report()
    for name, numbers in pooled.items():
        assert report["weight"][name] == pytest.approx(sum(numbers) / len(numbers))
        assert report["other"][name] == pytest.approx(2 * report["weight"][name])


def test_each_epoch_starts_anew_and_a_kind_without_pairs_has_no_mean():
    monitor = PairMonitor(TRUTH)
    monitor.add(torch.tensor([0, 1]), weight=torch.ones(2, 2))
    assert math.isnan(monitor.report()["weight"]["hard"])
    assert monitor.report() == {}


def test_centring_takes_each_clusters_mean_away_in_loops():
    feature, cluster = features(3, number=7, dim=4)[0], torch.tensor([2, 0, 0, 2, 2, 5, 0])
    found = centred_by_cluster(feature, cluster)
    units = [row / row.norm() for row in feature]
    for i in range(7):
        same = [units[j] for j in range(7) if cluster[j] == cluster[i]]
        expected = units[i] - sum(same) / len(same)
        torch.testing.assert_close(found[i], torch.zeros(4).double() if len(same) == 1 else expected)
    with pytest.raises(ValueError, match="a cluster for each"):
        centred_by_cluster(feature, cluster[:3])


def test_centring_brings_out_what_a_place_does_not_have_in_common():
    """Two places, whose windows differ by little beside what they share."""
    place, action = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    common = torch.eye(4, dtype=torch.float64)[place]
    motion = common + 0.1 * torch.eye(4, dtype=torch.float64)[2 + action]
    batch = PairFeatures(common, common, motion, motion, cluster=place)
    same_place = (place[:, None] == place).fill_diagonal_(False)
    same_action = action[:, None] == action
    plain, centred = pair_similarities(batch).temporal, pair_similarities(batch, "cluster_centred").temporal
    assert float((plain - centred)[same_place & ~same_action].min()) > 1.9
    assert float(plain[same_place].min()) > 0.98
    torch.testing.assert_close(centred[same_place & same_action], torch.ones(8).double())
    torch.testing.assert_close(centred[same_place & ~same_action], -torch.ones(16).double())
    over_all = pair_similarities(batch, "centred").temporal
    assert float(over_all[~same_place & (torch.eye(8) == 0)].max()) < 0 < float(over_all[same_place].min())


def test_net_change_takes_the_place_of_equation_9():
    vs, ss, first, second = features(5)
    found = pair_similarities(PairFeatures(vs, ss, net_change=(first, second)), "net_change")
    expected = temporal_similarity(cosine_matrix(first, first), cosine_matrix(second, second))
    torch.testing.assert_close(found.temporal, expected)
    assert torch.equal(found.spatial, pair_similarities(PairFeatures(vs, ss, first, second)).spatial)


@pytest.mark.parametrize("kind", ["intra", "cross", "centred", "net_change"])
def test_a_gain_stretches_the_similarity_that_weighs_up_to_its_ends(kind):
    vs, ss, vt, st_ = features(1)
    batch = PairFeatures(vs, ss, vt, st_, net_change=(vt, st_))
    plain, stretched = pair_similarities(batch, kind), pair_similarities(batch, kind, gain=3.0)
    for before, after in ((plain.temporal, stretched.temporal), (plain.cross, stretched.cross)):
        assert (before is None) == (after is None)
        if before is not None:
            torch.testing.assert_close(after, (3.0 * before).clamp(-1.0, 1.0))
            assert float((after - before).abs().max()) > 0.1


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("intra", {}, "needs the temporal features"),
        ("cross", {"net_change": 1}, "needs the temporal features"),
        ("cluster_centred", {"temporal": 1}, "needs the cluster"),
        ("net_change", {"temporal": 1}, "expected parts"),
        ("learned", {"temporal": 1}, "must be one of intra, cross, centred, cluster_centred, net_change"),
    ],
)
def test_a_similarity_without_what_it_compares_is_refused(kind, given, words):
    vs, ss, vt, st_ = features(2)
    temporal = (vt, st_) if "temporal" in given else (None, None)
    change = (vt,) if "net_change" in given else ()
    with pytest.raises(ValueError, match=words):
        pair_similarities(PairFeatures(vs, ss, *temporal, net_change=change), kind)
