import subprocess
import sys

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


def test_threads_are_those_of_the_config():
    assert prepare(torch.device("cpu"), threads=1) == "cpu, 1 thread"
    assert torch.get_num_threads() == 1


def test_preparing_a_cpu_does_not_import_torchs_compiler():
    script = (
        "import sys, torch; from detach_core.training.device import prepare; prepare(torch.device('cpu'), threads=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; print('torch._dynamo' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
