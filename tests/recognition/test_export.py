"""The graph against PyTorch, and what of a run goes into a recogniser: the sensors' half alone."""

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.classifier import read_classifier
from detach_core.contracts.recognizer import read_description
from detach_core.evaluation.probes import Probe
from detach_core.foundation.errors import UserError
from detach_core.methods.registry import METHODS, build_method
from detach_core.recognition.export import (
    attention_without_mask,
    load_network,
    normal_form,
    recognizer_network,
    trace,
    write_graph,
)
from detach_core.recognition.recognizer import Recognizer
from detach_core.signals.normalization import apply_form
from detach_core.training.batches import input_shape
from detach_core.training.embedding import rebuild
from tests.fixtures.recognizers import make_recognizer
from tests.test_interface import probed

QUICK = ("statistics", "imu2clip")
METHOD_NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in sorted(METHODS)]


@pytest.fixture(scope="module")
def made(toy, home, split, tmp_path_factory):
    """Method -> the folder of its run with a recogniser, made when it is first asked for."""
    found = {}

    def of(name):
        if name not in found:
            found[name] = tmp_path_factory.mktemp(name) / "run"
            probed(toy, home, split, name, found[name])
            make_recognizer(found[name], home)
        return found[name]

    return of


def draw_windows(windows, count, seed=0):
    """(count, C, L) of noise at the scale of the home's windows, and at others."""
    rng = np.random.default_rng(seed)
    scale = np.asarray(windows.sensor).std() * 10.0 ** rng.uniform(-2, 2, size=(count, 1, 1))
    return (scale * rng.normal(size=(count, *windows.sensor.shape[1:]))).astype(np.float32)


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_onnx_equals_pytorch_on_a_thousand_random_windows(made, windows, name):
    folder = made(name) / "recognizer"
    given = draw_windows(windows, 1000)
    found, network = Recognizer.load(folder).probabilities(given), load_network(folder)
    with torch.no_grad():
        expected = np.concatenate([network(window[None]).numpy() for window in torch.from_numpy(given)])
    assert found.dtype == expected.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_the_weights_are_those_of_the_sensors_alone(made, toy, windows, name):
    folder = made(name)
    tensors, checkpoint = (
        load_file(folder / "recognizer" / "recognizer.safetensors"),
        read_checkpoint(folder / "checkpoint.safetensors"),
    )
    inside = {key.removeprefix("encoder.") for key in tensors if key.startswith("encoder.")}
    assert inside == set(read_description(folder / "recognizer").weights)
    assert {key for key in tensors if not key.startswith("encoder.")} == {
        *("probe.mean", "probe.std", "probe.coefficients", "probe.intercept", "input.mean", "input.std")
    }
    assert [key for key in inside if "video" in key or "teacher" in key or "flow" in key] == []
    # What stays behind has no effect on the sensors; each that is taken has one, so that none is there for nothing.
    given = torch.from_numpy(draw_windows(windows, 4))
    method = rebuild(checkpoint)
    expected = method.embed_sensor(given).whole
    for key, value in method.state_dict().items():
        if key not in inside and value.is_floating_point():
            value.fill_(torch.nan)
    assert torch.equal(method.embed_sensor(given).whole, expected)
    if name not in ("statistics",):
        assert inside


def test_the_network_names_what_video_weights_would_be(made):
    """The check above would see them: a method with video networks has such names."""
    checkpoint = read_checkpoint(made("imu2clip") / "checkpoint.safetensors")
    outside = checkpoint.tensors.keys() - set(read_description(made("imu2clip") / "recognizer").weights)
    assert any(key.startswith("video") for key in outside)


@pytest.mark.parametrize("form", ["centred", "z"])
@pytest.mark.parametrize("length", [59, 60])
def test_the_normal_form_is_that_of_the_workflow(split, form, length):
    rng, norm = np.random.default_rng(0), split.normalisation
    given = rng.normal(size=(5, len(norm.mean), length)).astype(np.float32)
    std = np.where(np.arange(len(norm.std)) == 2, 0.0, norm.std)
    constant = type(norm)(norm.mean, std, norm.activation)
    found = normal_form(torch.from_numpy(given), torch.from_numpy(norm.mean), torch.from_numpy(std), form)
    np.testing.assert_array_equal(found.numpy(), apply_form(given, constant, form).astype(np.float32))


def test_probabilities_are_those_of_the_probe_at_the_temperature(run_folder, windows):
    description = read_description(run_folder / "recognizer")
    classifier = read_classifier(run_folder / "classifier.safetensors")
    network = recognizer_network(
        read_checkpoint(run_folder / "checkpoint.safetensors"),
        Probe(**classifier.tensors, c=classifier.c, candidate=0, inner_loss=()),
        feature="sensor",
        temperature=1.0,
    )
    with torch.no_grad():
        plain = torch.cat([network(window[None]) for window in torch.from_numpy(np.asarray(windows.sensor))]).numpy()
    soft = plain ** (1.0 / description.calibration.temperature)
    found = Recognizer.load(run_folder).probabilities(np.asarray(windows.sensor))
    np.testing.assert_allclose(found, soft / soft.sum(axis=1, keepdims=True), atol=1e-5)


def test_equal_networks_give_equal_bytes_without_this_machines_paths(run_folder, tmp_path):
    network = load_network(run_folder / "recognizer")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_graph(tmp_path / name, trace(network), artifact_id="0")
    one, again = ((tmp_path / name / "recognizer.onnx").read_bytes() for name in ("a", "b"))
    assert one == again
    assert b"site-packages" not in one
    assert b".py" not in one


def test_the_graph_holds_no_other_computation_than_onnx_itself_defines(run_folder):
    model = onnx.load(run_folder / "recognizer" / "recognizer.onnx")
    onnx.checker.check_model(model)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}


def test_a_method_whose_sensor_encoder_is_unknown_here_is_traced_too(toy, windows, split):
    """The tensors are found by tracing, so nothing in the recogniser names a method."""
    name = "supervised"
    moments = split.normalisation.activation[toy.SETTINGS[name].input.form]
    activation = {"mean": moments.mean.tolist(), "std": moments.std.tolist()}
    method = build_method(name, settings=toy.SETTINGS[name], shape=input_shape(windows), activation=activation)
    method.extra = torch.nn.Linear(3, 3)
    width = method.embedding_dim
    probe = {
        "mean": torch.zeros(width),
        "std": torch.ones(width),
        "coefficients": torch.zeros(width, 2),
        "intercept": torch.zeros(2),
    }
    from detach_core.recognition.export import RecognizerNetwork

    statistics = torch.from_numpy(split.normalisation.mean), torch.from_numpy(split.normalisation.std)
    network = (
        RecognizerNetwork(method, statistics, probe, feature="sensor", temperature=1.0).requires_grad_(False).eval()
    )
    names = trace(network).encoder_names
    assert names
    assert not [one for one in names if one.startswith("extra")]


@pytest.mark.parametrize("options", [{"is_causal": True}, {"dropout_p": 0.5}, {"enable_gqa": True}])
def test_attention_that_has_no_form_in_the_graph_is_refused_in_a_sentence(options):
    one = torch.ones(1, 1, 2, 4)
    with pytest.raises(UserError, match="a recogniser cannot be made of it"):
        attention_without_mask(one, one, one, **options)
    plain = torch.nn.functional.scaled_dot_product_attention(one, one, one)
    torch.testing.assert_close(attention_without_mask(one, one, one), plain)
