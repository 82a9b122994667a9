from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from detach_core.foundation.errors import UserError
from detach_core.training.processes import choose_device, keep_freed_memory, prepare

SCRIPT = """
import resource, sys, numpy as np
from detach_core.training.processes import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(3)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(8_000_000)
before = faults()
for _ in range(10):
    np.ones(8_000_000)
print(faults() - before)
"""


def page_faults(how: str) -> int:
    """Of ten large blocks, taken and freed one after the other."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("the C library has no mallopt")
    return int(done.stdout)


def test_large_blocks_are_not_mapped_anew():
    # Huge pages may make the ordinary way cheap as well; kept memory costs next to nothing in any case.
    assert page_faults("keep") <= min(page_faults("ordinary"), 200)


def test_a_c_library_without_the_switch_is_no_error(monkeypatch):
    monkeypatch.setattr("detach_core.training.processes.ctypes.CDLL", lambda name: ctypes)
    assert keep_freed_memory() is False


def test_cpu_is_the_cpu():
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_takes_what_there_is():
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_one_clear_line():
    with pytest.raises(UserError, match="device: cuda is configured"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_a_process_that_has_chosen_its_device_computes_in_float32(name):
    before = torch.get_float32_matmul_precision()
    convolutions = torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("medium")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    try:
        device = choose_device(name)
        prepare(device, threads=1)
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = convolutions


def test_no_other_place_decides_about_tf32():
    folder = Path(__file__).resolve().parents[2] / "detach_core"
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    found = {path.name for path, text in texts.items() if "allow_tf32" in text or "float32_matmul_precision" in text}
    assert found == {"processes.py"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_products_and_convolutions_on_a_gpu_are_as_exact_as_float32():
    device = choose_device("cuda")
    prepare(device, threads=1)
    draws = torch.Generator().manual_seed(0)
    left, right = (torch.randn(512, 512, generator=draws, dtype=torch.float64) for _ in range(2))
    picture, kernel = (
        torch.randn(*size, generator=draws, dtype=torch.float64) for size in ((4, 64, 32, 32), (64, 64, 3, 3))
    )
    convolve = torch.nn.functional.conv2d
    for operation, one, other in ((torch.matmul, left, right), (convolve, picture, kernel)):
        exact = operation(one, other)
        found = operation(one.float().to(device), other.float().to(device)).double().cpu()
        # TF32 errs by about 1e-3 of the largest value here, float32 by 1e-6.
        assert (found - exact).abs().max() < 2e-5 * exact.abs().max()


def test_another_name_is_refused():
    with pytest.raises(UserError, match="tpu"):
        choose_device("tpu")


def test_threads_are_those_of_the_config():
    assert prepare(torch.device("cpu"), threads=1) == "cpu, 1 thread"
    assert torch.get_num_threads() == 1


def test_preparing_a_cpu_does_not_import_torchs_compiler():
    script = (
        "import sys, torch; from detach_core.training.processes import prepare; prepare(torch.device('cpu'), threads=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; print('torch._dynamo' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
