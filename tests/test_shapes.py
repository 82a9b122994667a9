"""Shapes of public functions and networks on tensors, each written as its docstring states it.

A letter is a size, the same in all inputs and the output of a line. `K<` marks whole numbers below size K, `?` truth
values. Every size differs, so that a transposed or broadcast axis shows; sizes that contradict each other are refused.
"""

from functools import partial
from typing import Any

import pytest
import torch

from detach_core.encoders.blocks import decomposed_feature
from detach_core.encoders.sensor_baselines import ChannelWiseCnn, StackedConvGru
from detach_core.encoders.sensor_networks import SENSOR_ENCODERS, SensorSpatial
from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.losses import cosine_logits, info_nce, one_way_info_nce, two_view_contrast, unit_rows
from detach_core.methods.detach import losses, negatives

SIZES = {"N": 6, "M": 4, "K": 3, "D": 5, "E": 7, "C": 2, "L": 60, "F": 9, "H": 24, "W": 32, "P": 8, "3": 3, "5": 5}


def tensor(form, sizes):
    """A tensor of the `form` that the module's docstring describes."""
    *axes, last = form.split() or [""]
    kind = last if last.endswith("<") or last == "?" else ""
    shape = [sizes[axis] for axis in (axes if kind else form.split())]
    if kind == "?":
        return torch.ones(shape, dtype=torch.bool)
    return torch.randint(sizes[kind[0]], shape) if kind else torch.rand(shape)


def features(first, second):
    return negatives.PairFeatures(first, first, second, second)


def weights(first, second):
    return negatives.negative_weights(negatives.pair_similarities(features(first, second)), 3.0, "spatial")


def contrast(first, second, weight):
    return losses.weighted_info_nce(first, second, weight, 0.1)


FUNCTIONS: dict[str, Any] = {
    "Eq. 1": (losses.cluster_loss, ["N K", "N K<", "K"], ""),
    "Eq. 2": (losses.video_spatial_loss, ["N K", "N K<", "N ?"], ""),
    "Eq. 3": (losses.refinement_loss, ["N K", "N K", "N ?"], ""),
    "Eqs. 5-6": (decomposed_feature, ["N D", "N E"], "N D+E"),
    "Eq. 7": (negatives.combine_spatial_similarity, ["N M", "N M"], "N M"),
    "Eq. 9": (negatives.temporal_similarity, ["N M", "N M"], "N M"),
    "Eq. 10": (lambda one, other: negatives.false_negative_weight(one, other, "spatial"), ["N M", "N M"], "N M"),
    "Eq. 11": (weights, ["N D", "N E"], "N N"),
    "Eqs. 12-13": (contrast, ["N D", "N D", "N N"], ""),
    "cosine_logits": (lambda one, other: cosine_logits(one, other, 0.1), ["N D", "M D"], "N M"),
    "info_nce": (lambda one, other: info_nce(one, other, 0.1), ["N D", "N D"], ""),
    "one_way_info_nce": (lambda one, other: one_way_info_nce(one, other, 0.1), ["N D", "N D"], ""),
    "two_view_contrast": (lambda one, other: two_view_contrast(one, other, 0.1), ["N D", "N D"], ""),
}
UNARY = {
    "Eq. 8": (lambda one: negatives.hard_negative_weight(one, 3.0), "N M", "N M"),
    "unit_rows": (unit_rows, "N M D", "N M D"),
}
WINDOW: dict[str, Any] = {"channels": SIZES["C"], "length": SIZES["L"]}
SPATIAL: dict[str, Any] = {"normalisation": None, "form": "centred", "quantile": 0.99, "mode": "abs"}
NETWORKS: dict[str, Any] = {
    **{name: (partial(kind, **WINDOW, dim=8, size="small"), "N C L", "N P") for name, kind in SENSOR_ENCODERS.items()},
    "SensorSpatial": (lambda: SensorSpatial(**WINDOW, dim=8, size="small", **SPATIAL), "N C L", "N P"),
    "StackedConvGru": (lambda: StackedConvGru(channels=SIZES["C"], length=400, dim=8), "N C 400", "N P"),
    "ChannelWiseCnn": (lambda: ChannelWiseCnn(channels=SIZES["C"], size="small"), "N C L", "N C*32"),
    "SpatialCnn2d": (lambda: SpatialCnn2d(dim=8, size="small"), "N 3 H W", "N P"),
    "TemporalCnn3d": (lambda: TemporalCnn3d(dim=8, size="small"), "N 5 F H W", "N P"),
}


def shape(form):
    """The sizes of a `form`; sums and products of sizes as well."""
    return tuple(int(eval(axis, {}, SIZES)) if not axis.isdigit() else int(axis) for axis in form.split())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_the_shape_that_it_states(name):
    function, forms, expected = FUNCTIONS[name]
    assert tuple(function(*(tensor(form, SIZES) for form in forms)).shape) == shape(expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_inputs_of_different_lengths_are_refused(name):
    function, forms, _ = FUNCTIONS[name]
    first, *others = (tensor(form, SIZES) for form in forms)
    axis = 1 if name == "cosine_logits" else 0
    with pytest.raises(ValueError, match=r"expected|must|one shape"):
        function(first.narrow(axis, 0, first.shape[axis] - 1), *others)


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_tensor_keeps_its_shape(name):
    function, form, expected = UNARY[name]
    assert tuple(function(tensor(form, SIZES)).shape) == shape(expected)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [1, 6])
def test_a_network_gives_the_shape_that_it_states(name, count):
    build, form, expected = NETWORKS[name]
    sizes = SIZES | {"N": count, "400": 400}
    network = build().eval()
    with torch.no_grad():
        assert tuple(network(tensor(form, sizes)).shape) == (count, *shape(expected)[1:])
