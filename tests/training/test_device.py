import pytest
import torch

from detach_core.contracts.errors import UserError
from detach_core.training.device import choose_device, prepare


def test_cpu_is_the_cpu():
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_takes_what_there_is():
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_one_clear_line():
    with pytest.raises(UserError, match="device: cuda was asked for"):
        choose_device("cuda")


def test_another_name_is_refused():
    with pytest.raises(UserError, match="tpu"):
        choose_device("tpu")


def test_threads_are_those_of_the_config_and_the_cpu_is_deterministic():
    assert prepare(torch.device("cpu"), threads=1) == "cpu, 1 thread"
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
