import pytest
import torch
from torch import nn

from detach_core.foundation.errors import UserError
from detach_core.methods.batch import InputShape, WindowBatch
from detach_core.methods.method import Embedding, Method, check_widths, join_halves
from detach_core.methods.registry import METHODS, MethodSettings

SHAPE = InputShape(2, 60, 10, 24, 32, 30.0, 5.0, 3, "window")


class Smallest(Method[MethodSettings]):
    probed = "nothing"
    embedding_dim = 1

    def embed_sensor(self, sensor):
        return Embedding(sensor.mean(dim=(1, 2))[:, None])


def test_halves_are_brought_to_length_1_before_they_are_joined():
    embedding = join_halves(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.5]]))
    torch.testing.assert_close(embedding.whole, torch.tensor([[0.6, 0.8, 0.0, 1.0]]))
    torch.testing.assert_close(embedding.spatial, torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(embedding.temporal, torch.tensor([[0.0, 1.0]]))


def test_what_a_method_need_not_say_has_a_harmless_default():
    method = Smallest(MethodSettings(), SHAPE, None)
    batch = WindowBatch(torch.zeros(1, dtype=torch.int64), torch.zeros(1), torch.zeros(1))
    assert method.before_training(None, num_steps=0) == {}
    assert method.after_epoch(0) == {}
    assert method.embed_video(batch) is None
    assert method.video_modalities == frozenset()
    assert method.learning_rate_factor(0.5) == 1.0
    assert method.training_state() == {}
    method.restore_training_state({})
    assert not method.is_finished


def test_losses_and_stage_1_are_refused_where_there_are_none():
    method = Smallest(MethodSettings(), SHAPE, None)
    with pytest.raises(NotImplementedError, match="is not trained"):
        method.losses(None)
    with pytest.raises(NotImplementedError, match="Stage 1"):
        method.load_spatial({})


def test_the_protocol_cannot_be_built_bare():
    with pytest.raises(TypeError):
        Method(MethodSettings(), SHAPE, None)  # type: ignore[abstract]


def test_what_is_probed_is_compared_unless_the_method_says_otherwise():
    whole, other = torch.ones(2, 3), torch.zeros(2, 4)
    assert Embedding(whole).in_shared_space is whole
    assert Embedding(whole, shared=other).in_shared_space is other


class TwoWidths(Method[MethodSettings]):
    """A method whose video network is as wide as it is told."""

    modalities, embedding_dim = frozenset({"sensor", "frames"}), 8

    def __init__(self, settings, shape, *, sensor=8, video=8, declared=8, taken=3):
        super().__init__(settings, shape, None)
        self.sensor, self.video = nn.Linear(shape.channels, sensor), nn.Linear(taken, video)
        self.norm, self.embedding_dim = nn.BatchNorm1d(sensor), declared

    def embed_sensor(self, sensor):
        return Embedding(self.norm(self.sensor(sensor.mean(dim=2))))

    def embed_video(self, batch):
        return Embedding(self.video(batch.frames.mean(dim=(2, 3, 4))))


def test_widths_that_fit_change_neither_the_method_nor_the_random_streams():
    method = TwoWidths(MethodSettings(), SHAPE)
    before, drawn = {name: value.clone() for name, value in method.state_dict().items()}, torch.get_rng_state()
    check_widths(method)
    assert method.training
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"video": 12}, r"TwoWidths: the video's feature has shape \(1, 12\) for one window, expected \(1, 8\) as the"),
        ({"declared": 16}, r"TwoWidths: the sensor's feature has shape \(1, 8\) for one window, expected \(1, 16\)"),
        (
            {"taken": 5},
            r"TwoWidths: a window of InputShape\(channels=2, .*\) does not fit its networks \(mat1 and mat2",
        ),
    ],
)
def test_widths_that_do_not_fit_are_refused_in_one_sentence(widths, message):
    with pytest.raises(UserError, match=message) as refused:
        check_widths(TwoWidths(MethodSettings(), SHAPE, **widths))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", list(METHODS))
def test_the_widths_of_every_method_fit(name, toy):
    check_widths(METHODS.implementation(name)(toy.SETTINGS[name], SHAPE, None))
