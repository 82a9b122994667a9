from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import save_file

from detach_core.encoders import video_weights
from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.encoders.video_weights import (
    BackboneTrunk,
    build_trunk,
    described_start,
    read_video_weights,
    without_path,
)
from detach_core.foundation.errors import BadInputError, UserError
from detach_core.settings.shared import VideoStartSettings

GUARD = """
import warnings; warnings.simplefilter("ignore")
import torch
from detach_core.encoders.video_weights import import_torchvision
assert import_torchvision() is import_torchvision()
from importlib import import_module
model = import_module("torchvision.models").resnet18(weights=None).eval()
assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_models_of_torchvision_run_beside_this_torch():
    subprocess.run([sys.executable, "-c", GUARD], check=True, timeout=120)


def test_the_two_operators_are_declared_only_after_a_failed_import(monkeypatch):
    calls, declared = [], []

    class Library:
        def __init__(self, *name):
            declared.append(name)

        def define(self, schema):
            declared.append(schema.split("(")[0])

    def import_module(name):
        calls.append(name)
        if len(calls) == 1:
            raise RuntimeError("operator torchvision::nms does not exist")
        return torch

    monkeypatch.setattr(video_weights, "_DECLARED", [])
    monkeypatch.setattr("detach_core.encoders.video_weights.importlib.import_module", import_module)
    monkeypatch.setattr("detach_core.encoders.video_weights.torch.library.Library", Library)
    monkeypatch.setitem(sys.modules, "torchvision.half_loaded", torch)
    assert video_weights.import_torchvision() is torch
    assert declared == [("torchvision", "FRAGMENT"), "nms", "qnms"]
    assert "torchvision.half_loaded" not in sys.modules


def test_any_other_failure_is_left_to_be_seen(monkeypatch):
    def import_module(name):
        raise RuntimeError(f"cannot load {name}")

    monkeypatch.setattr("detach_core.encoders.video_weights.importlib.import_module", import_module)
    with pytest.raises(RuntimeError, match="cannot load"):
        video_weights.import_torchvision()


REAL = """
import sys, torch
from safetensors.torch import save_file
from detach_core.encoders.video_weights import BACKBONES, BackboneTrunk, build_backbone
from detach_core.encoders.video_weights import read_video_weights
from detach_core.encoders.video_weights import import_torchvision

torch.set_num_threads(1)
models = import_torchvision().models
for network, kind in BACKBONES.items():
    made = getattr(models, network)(weights=None)
    state = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
             for key, value in made.state_dict().items() if not key.endswith("num_batches_tracked")}
    path = f"{sys.argv[1]}/{network}.safetensors"
    save_file(state, path)
    weights = read_video_weights(path, size="small")
    assert weights.network == network, weights.network
    assert set(weights.tensors) <= set(build_backbone(network).state_dict())
    trunk = BackboneTrunk(network, dim=16, time_average="features").eval()
    trunk.backbone.load_state_dict(trunk.backbone.state_dict() | weights.tensors)
    frames = torch.rand(1, 2, 3, 48, 64)
    assert trunk(frames).shape == (1, 16)
    trunk.projection, made = torch.nn.Identity(), made.eval()
    setattr(made, kind.classifier, torch.nn.Identity())
    pictures = torch.nn.functional.interpolate(frames[0], (224, 224), mode="bilinear", antialias=True)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = made((pictures - mean[:, None, None]) / std[:, None, None])
        assert expected.shape == (2, kind.width)
        torch.testing.assert_close(trunk(frames)[0], expected.mean(0), atol=1e-4, rtol=1e-4)
try:
    state = models.resnet34(weights=None).state_dict()
    save_file(state, path)
    read_video_weights(path, size="small")
except Exception as error:
    assert "layer1.2." in str(error) and "the 120 keys of torchvision's ResNet-18 and no others" in str(error), error
else:
    raise SystemExit("a ResNet-34 was taken for a ResNet-18")
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_networks_of_torchvision_itself_are_told_loaded_and_give_their_features(tmp_path):
    subprocess.run([sys.executable, "-W", "error", "-c", REAL, str(tmp_path)], check=True, timeout=120)


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_features_of_frames_are_averaged_before_the_layer(models, network):
    trunk = BackboneTrunk(network, dim=8, time_average="features").eval()
    single = BackboneTrunk(network, dim=8, time_average="pixels").eval()
    single.load_state_dict(trunk.state_dict())
    frames = torch.rand(2, 3, 3, 24, 32)
    expected = torch.stack([single(frames[:, frame]) for frame in range(3)]).mean(dim=0)
    torch.testing.assert_close(trunk(frames), expected, atol=1e-5, rtol=1e-5)


def test_pictures_are_stretched_whole_and_brought_to_imagenets_range(models):
    trunk = BackboneTrunk("resnet18", dim=4, time_average="pixels").eval()
    seen = []
    trunk.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames = torch.zeros(1, 3, 24, 32)
    frames[..., :, :16] = 1.0
    trunk(frames)
    assert seen[0].shape == (1, 3, 224, 224)
    for channel, (mean, std) in enumerate(zip(video_weights.MEAN, video_weights.STD, strict=True)):
        left, right = seen[0][0, channel, 112, 10], seen[0][0, channel, 112, 213]
        torch.testing.assert_close([float(left), float(right)], [(1 - mean) / std, -mean / std], atol=1e-5, rtol=1e-5)


def test_it_is_tuned_end_to_end_and_its_constants_are_no_weights(models):
    trunk = BackboneTrunk("resnet18", dim=4, time_average="pixels")
    trunk(torch.rand(2, 3, 24, 32)).square().sum().backward()
    named = dict(trunk.named_parameters())
    assert float(named["backbone.conv1.weight"].grad.abs().sum()) > 0
    assert not {"mean", "std"} & set(trunk.state_dict())
    assert not any("fc" in name for name in named)


@pytest.mark.parametrize(("average", "shape"), [("pixels", (1, 2, 3, 24, 32)), ("features", (1, 3, 24, 32))])
def test_another_shape_is_refused(models, average, shape):
    with pytest.raises(ValueError, match=f"time_average '{average}' expects"):
        BackboneTrunk("resnet18", dim=4, time_average=average)(torch.rand(shape))


def test_a_machine_without_torchvision_is_told_what_to_add(monkeypatch):
    def absent():
        raise ModuleNotFoundError("No module named 'torchvision'")

    monkeypatch.setattr(video_weights, "import_torchvision", absent)
    with pytest.raises(UserError, match=r"video\.init: ViT-B/32 needs torchvision, which is not installed"):
        video_weights.build_backbone("vit_b_32")


def trunk_state(dim=16, size="small"):
    return SpatialCnn2d(dim=dim, size=size).state_dict()


def save(folder, state, name="weights.safetensors"):
    path = folder / name
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def refusal(path, size="small"):
    with pytest.raises(BadInputError) as refused:
        read_video_weights(path, size=size)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt", "weights.pth"])
@pytest.mark.parametrize("prefix", ["", "video.encoder.", "module."])
def test_our_own_trunk_is_read_under_its_own_names_whatever_stands_before_them(tmp_path, name, prefix):
    state = trunk_state()
    path = save(tmp_path, {prefix + key: value for key, value in state.items()}, name)
    weights = read_video_weights(path, size="small")
    assert (weights.network, weights.width) == ("trunk", 16)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.tensors.keys() == state.keys()
    assert all(torch.equal(weights.tensors[key], state[key]) for key in state)


@pytest.mark.parametrize("network", ["resnet18", "resnet50", "vit_b_32"])
def test_a_network_of_torchvision_is_told_by_its_keys_and_its_classifier_is_left_out(models, tmp_path, network):
    state = models[network]().state_dict()
    weights = read_video_weights(save(tmp_path, state), size="small")
    assert (weights.network, weights.width) == (network, None)
    assert weights.tensors.keys() == {key for key in state if not key.startswith(("fc.", "heads."))}
    bare = {f"backbone.{key}": value for key, value in weights.tensors.items()}
    assert read_video_weights(save(tmp_path, bare), size="small").network == network


def test_files_of_before_are_read_the_counters_of_batchnorm_missing_and_old_names_of_the_transformer(models, tmp_path):
    state = {key: value for key, value in trunk_state().items() if not key.endswith("num_batches_tracked")}
    assert read_video_weights(save(tmp_path, state), size="small").tensors.keys() == state.keys()
    state = models["vit_b_32"]().state_dict()
    old = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): state[key] for key in state}
    assert old.keys() != state.keys()
    weights = read_video_weights(save(tmp_path, old), size="small")
    assert all(torch.equal(weights.tensors[key], state[key]) for key in state if not key.startswith("heads."))


@pytest.mark.parametrize("key", ["attention.bias", "projection.0.weight", "scene.1.running_var"])
def test_a_missing_key_is_refused_by_its_name(tmp_path, key):
    state = trunk_state()
    del state[key]
    message = refusal(save(tmp_path, state))
    assert f"found no `{key}`, expected all " in message
    assert "keys of the shared trunk" in message


def test_unknown_keys_are_refused_the_first_few_by_name(tmp_path):
    state = trunk_state() | {f"head.{k}": torch.zeros(1) for k in range(5)}
    message = refusal(save(tmp_path, state))
    assert "found `head.0`, `head.1`, `head.2` and 2 more, expected the " in message
    assert "of the shared trunk and no others" in message


def test_a_whole_checkpoint_is_refused_and_it_is_said_what_to_cut_out(tmp_path):
    state = {f"video.encoder.{key}": value for key, value in trunk_state().items()} | {"memory.label": torch.zeros(3)}
    message = refusal(save(tmp_path, state))
    assert "found `memory.label`" in message
    assert "which here begin with `video.encoder.`; cut out those" in message


@pytest.mark.parametrize("key", ["attention.weight", "projection.1.bias", "convolutions.2.0.weight"])
def test_an_ill_shaped_key_is_refused_with_both_shapes(tmp_path, key):
    state = trunk_state()
    shape = tuple(state[key].shape)
    state[key] = torch.zeros(7, *shape[1:])
    message = refusal(save(tmp_path, state))
    assert f"`{key}`: found shape (7," in message
    assert f"expected shape {shape} of the shared trunk" in message


def test_a_trunk_of_the_other_size_is_refused(tmp_path):
    assert "keys of the shared trunk" in refusal(save(tmp_path, trunk_state(size="paper")))
    path = save(tmp_path, trunk_state(size="paper"))
    assert read_video_weights(path, size="paper").network == "trunk"


def test_a_backbone_that_lacks_a_layer_is_refused(models, tmp_path):
    state = models["resnet18"]().state_dict()
    del state["bn1.weight"]
    assert "found no `bn1.weight`, expected all" in refusal(save(tmp_path, state))


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "NaN or infinity"), (float("inf"), "NaN or infinity")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value, words):
    state = trunk_state()
    state["attention.weight"][0, 0] = value
    assert f"`attention.weight`: found {words}" in refusal(save(tmp_path, state))


def test_whole_numbers_for_weights_are_refused_and_half_precision_is_not(tmp_path):
    state = trunk_state()
    state["attention.weight"] = state["attention.weight"].to(torch.int64)
    assert "expected floating-point numbers" in refusal(save(tmp_path, state))
    half = {key: value.half() if value.is_floating_point() else value for key, value in trunk_state().items()}
    assert read_video_weights(save(tmp_path, half), size="small").network == "trunk"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.safetensors", b"not weights", "expected weights alone"),
        ("a.pth", b"not weights", "expected weights alone"),
        ("a.pt", b"", "expected weights alone"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


class Code:
    """Unpickled, it would run."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        ({"weight": Code()}, "expected weights alone"),
        ([torch.zeros(2)], "found list, expected a state dict"),
        ({}, "found dict, expected a state dict"),
        ({"epoch": 3, "state_dict": {}}, "found `epoch`, `state_dict`, expected names of tensors"),
        ({"w": torch.zeros(2)}, "found `w`, expected a state dict of the shared trunk, torchvision's ResNet-18"),
    ],
)
def test_what_is_no_state_dict_of_these_networks_is_refused_and_no_code_runs(tmp_path, capsys, loaded, words):
    assert words in refusal(save(tmp_path, loaded, "a.pt"))
    assert "unpickled" not in capsys.readouterr().out


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "file: found nothing, expected a weight file" in refusal(tmp_path / "gone.pth")


def test_a_view_that_claims_more_numbers_than_it_holds_is_refused(tmp_path):
    state = {**trunk_state(), "projection.0.weight": torch.zeros(1).expand(16, 128)}
    assert "`projection.0.weight`: found a tensor of more numbers than its storage holds" in refusal(
        save(tmp_path, state, "w.pt")
    )


def test_a_packed_file_is_refused_before_it_is_read(tmp_path):
    path = save(tmp_path, trunk_state(), "w.pt")
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in records.items():
            archive.writestr(name, bytes(len(data)))
    assert "packed bytes in a file of" in refusal(path)


FROM_SCRATCH = VideoStartSettings()


@pytest.fixture
def trunk():
    return SpatialCnn2d(dim=16, size="small", time_average="features").eval()


@pytest.fixture
def path(tmp_path, trunk):
    save_file(
        {f"video.{key}": value.contiguous() for key, value in trunk.state_dict().items()}, tmp_path / "t.safetensors"
    )
    return tmp_path / "t.safetensors"


def build(video, dim=16, average="features"):
    return build_trunk(video, dim=dim, size="small", time_average=average)


def test_from_scratch_the_same_numbers_are_drawn_as_by_the_trunk_itself(trunk):
    torch.manual_seed(3)
    expected = SpatialCnn2d(dim=16, size="small", time_average="features").state_dict()
    torch.manual_seed(3)
    network, words = build(FROM_SCRATCH)
    assert words == "scratch"
    assert described_start(FROM_SCRATCH, size="small") == FROM_SCRATCH
    assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())


def test_a_trunk_of_the_same_width_gives_the_same_features(trunk, path):
    network, words = build(VideoStartSettings(init=str(path)))
    frames = torch.rand(2, 3, 3, 24, 32)
    torch.testing.assert_close(network.eval()(frames), trunk(frames), rtol=0, atol=0)
    assert words.startswith("t.safetensors (sha256 ")
    assert str(path.parent) not in words


def test_a_trunk_of_another_width_gives_all_but_its_last_layer_and_says_so(trunk, path):
    network, words = build(VideoStartSettings(init=str(path)), dim=8, average="pixels")
    given, state = trunk.state_dict(), network.state_dict()
    same = {key for key in state if state[key].shape == given[key].shape and torch.equal(state[key], given[key])}
    assert set(state) - same == {key for key in state if key.startswith("projection.")}
    assert words.endswith(", projection anew)")
    assert network.eval()(torch.rand(1, 3, 24, 32)).shape == (1, 8)


def test_a_backbone_starts_from_its_weights(models, tmp_path):
    made = models["resnet18"]()
    torch.save(made.state_dict(), tmp_path / "r.pth")
    network, words = build(VideoStartSettings(init=str(tmp_path / "r.pth")))
    assert isinstance(network, BackboneTrunk)
    state = network.backbone.state_dict()
    assert state
    assert all(torch.equal(value, made.state_dict()[key]) for key, value in state.items())
    assert words.startswith("r.pth (sha256 ")
    assert "anew" not in words


@pytest.mark.parametrize("kind", ["trunk", "resnet18"])
def test_what_a_checkpoint_keeps_rebuilds_the_network_and_its_words_without_the_file(models, path, tmp_path, kind):
    if kind != "trunk":
        path = tmp_path / "r.pt"
        torch.save(models[kind]().state_dict(), path)
    described = described_start(VideoStartSettings(init=str(path)), size="small")
    first, words = build(described)
    kept = without_path(described)
    assert str(path.parent) not in str(kept)
    path.unlink()
    again, same_words = build(kept)
    assert type(again) is type(first)
    assert same_words == words
    again.load_state_dict(first.state_dict())
    assert described_start(kept, size="small") == kept


def test_a_described_section_loads_the_weights_like_the_plain_one(trunk, path):
    network, _ = build(described_start(VideoStartSettings(init=str(path)), size="small"))
    assert all(torch.equal(value, trunk.state_dict()[key]) for key, value in network.state_dict().items())


def test_a_refused_file_is_refused_at_once_and_again_when_it_is_gone(path):
    described = described_start(VideoStartSettings(init=str(path)), size="small")
    path.unlink()
    for video in (described, VideoStartSettings(init=str(path))):
        with pytest.raises(BadInputError, match="found nothing, expected a weight file"):
            build(video)
    with pytest.raises(BadInputError, match="found nothing"):
        described_start(VideoStartSettings(init=str(path)), size="small")
