"""Processes of a training: device, threads, determinism, memory, launch and communication.

A batch of video is tens of megabytes. The C library hands blocks of that size back to the system at once, so that every
step has them mapped and zeroed anew, page by page; here memory that a step frees is kept for the next one.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.methods.batch import WindowBatch
from detach_core.methods.method import AnyMethod
from detach_core.settings.shared import MachinesSettings
from detach_core.training.job import read_job
from detach_core.training.shared_rows import SharedRows

# From glibc's malloc.h: from how much free memory at the top on it is handed back; how many blocks are mapped singly.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4

_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed memory in this process; False if the C library has no such option. Results do not depend on it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_MMAP_MAX, 0))


def choose_device(name: str) -> torch.device:
    """The device of `auto | cpu | cuda`; `auto` takes the GPU where there is one. Called by every stage with torch.

    From then on float32 operations of this process have full precision, also on a GPU: TF32, which keeps 10 of the
    mantissa's 23 bits and is the default of convolutions, is off.

    Raises:
        UserError: `cuda` on a machine without it, or another name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device: expected auto, cpu or cuda, got {name!r}")
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("device: cuda is configured, but torch finds none on this machine; set `device: auto` or `cpu`")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def prepare(device: torch.device, *, threads: int) -> str:
    """Fix threads and determinism for this process; returns the device in words, for the log and the history.

    On the CPU every operation is deterministic: the thread count is the config's, never the machine's, because another
    count sums in another order.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if device.type == "cpu":
        # Torch's own switch for determinism is for GPUs, and it imports the whole compiler: seconds in every job.
        return f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    return torch.cuda.get_device_name(device)


STAGES = "detach_core.stages"


# Ports that no service has by custom, one for a job by its number: two jobs on a node must not meet.
FIRST_PORT, NUM_PORTS = 20000, 10000


# Tells a process that it is one of those launched; torchrun's own variables may be another program's.
_LAUNCHED = "DETACH_LAUNCHED"

P = ParamSpec("P")


def in_processes(stage: Callable[P, None]) -> Callable[P, None]:
    """Decorator of a stage that runs in the configured number of processes, each of which calls `stage`."""

    @wraps(stage)
    def launched(*args: P.args, **kwargs: P.kwargs) -> None:
        if is_shared(read_job(str(kwargs["settings"])).machines):
            launch(stage.__name__, kwargs)
        else:
            stage(*args, **kwargs)

    return launched


def is_shared(machines: MachinesSettings) -> bool:
    """Whether a training with these settings must launch further processes."""
    return machines.num_processes > 1 and _LAUNCHED not in os.environ


def launch(stage: str, arguments: Mapping[str, Any]) -> None:
    """Run `stage` with `arguments` in the configured number of processes, and wait for them.

    The first failure ends all of them; they end as this process does on a signal.

    Args:
        stage: a name that a plan may hold (`detach_core/stages/__main__.py`).
        arguments: of the stage; paths become text.

    Raises:
        SystemExit: a process failed, which has said why, or this is no Slurm job of so many nodes.
    """
    machines = read_job(arguments["settings"]).machines
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
    folder = Path(arguments["log_path"]).parent
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the log, where every node sees it.
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{stage}.", suffix=".json", encoding="utf-8") as plan:
        json.dump([{"stage": stage, "arguments": plain}], plan)
        plan.flush()
        os.fsync(plan.fileno())  # other nodes read it while it is open here
        if machines.nodes == 1:
            code = run_agent(["--standalone", "--nproc-per-node", str(machines.devices), "-m", STAGES, plan.name])
        else:
            with stage_log(arguments["log_path"], stage):
                command = slurm_command(machines, plan.name)
            code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(code)


def slurm_command(machines: MachinesSettings, plan: str) -> list[str]:
    """Command that starts an agent on each node of this Slurm job.

    Raises:
        UserError: this is no Slurm job, or one of another number of nodes.
    """
    nodes, job = machines.nodes, os.environ.get("SLURM_JOB_ID")
    if job is None or (found := _num_nodes(job)) != str(nodes):
        here = "no Slurm job" if job is None else f"a Slurm job of {found}"
        raise UserError(
            f"nodes: {nodes} are configured, but this is {here}; give the rule as many in your Slurm profile"
            " (docs/slurm.md, several nodes), or set `nodes: 1`"
        )
    # The agents meet where this runs, which is the job's first node.
    meeting = f"{socket.gethostname()}:{FIRST_PORT + int(job) % NUM_PORTS}"
    agent = [sys.executable, "-m", "detach_core.training.processes", "--nnodes", str(nodes)]
    agent += ["--nproc-per-node", str(machines.devices), "--rdzv-backend", "c10d", "--rdzv-id", job]
    start = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    # A step does not inherit the job's number of CPUs. When one agent ends, the others get a minute, to save the state.
    start += [f"--cpus-per-task={machines.threads * machines.devices}", "--kill-on-bad-exit=0", "--wait=60"]
    return [*start, *agent, "--rdzv-endpoint", meeting, "-m", STAGES, plan]


def _num_nodes(job: str) -> str:
    """Number of nodes of a Slurm job. Snakemake's executor removes the variable that holds it from the environment."""
    asked = ["squeue", "--noheader", f"--jobs={job}", "--format=%D"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown size"


def run_agent(arguments: Sequence[str]) -> int:
    """Run torchrun without its own messages on failures that a process has reported; returns its exit code."""
    # Imported late: it takes a second, and most trainings are of one process.
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # Else the agent logs that it sets it to 1; torch's own count is the settings' `threads`.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ[_LAUNCHED] = "1"
    logging.disable(logging.CRITICAL)
    try:
        run.run(run.parse_args(list(arguments)))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return max(*(failure.exitcode for failure in error.failures.values()), 1)
    except SignalException as error:
        return 128 + int(error.sigval)
    finally:
        logging.disable(logging.NOTSET)
        del os.environ[_LAUNCHED]
    return 0


if __name__ == "__main__":
    sys.exit(run_agent(sys.argv[1:]))


# Equal operations on equal devices differ by rounding at most; what lies further apart is another training.
LARGEST_DRIFT = 1e-3

_MAIN = 0


@torch.no_grad()
def agree(tensors: Mapping[str, Tensor], *, device: torch.device, count: int) -> dict[str, float]:
    """Set `tensors` to those of the first process, in place; the largest difference of each that differed.

    All processes call it together and get the same answer. On the CPU nothing differs. A GPU may sum in another order
    from run to run.

    Args:
        tensors: of the same names and shapes everywhere.
        device: on which the processes are connected.
        count: how many they are.

    Raises:
        UserError: more than rounding differs, so some process computes something else; in every process.
    """
    found = torch.tensor([_take_over(tensor, device) for tensor in tensors.values()], dtype=torch.float64).to(device)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    drift = {name: each for name, each in zip(tensors, found.tolist(), strict=True) if each[0]}
    for name, (largest, is_refused) in drift.items():
        if is_refused:
            raise UserError(
                f"the {count} processes of the training differ by {largest:.2g} in `{name}`, more than rounding; give"
                " the training devices of one kind, or set `devices: 1` and `nodes: 1`"
            )
    return {name: largest for name, (largest, _) in drift.items()}


def _take_over(tensor: Tensor, device: torch.device) -> tuple[float, bool]:
    """Set `tensor` to the first process's; the largest difference, and whether it exceeds rounding."""
    # Not every backend supports booleans.
    said = tensor.to(device, torch.uint8 if tensor.dtype == torch.bool else tensor.dtype, copy=True)
    dist.broadcast(said := said.contiguous(), _MAIN)
    said = said.to(tensor)
    if torch.equal(said, tensor):
        return 0.0, False
    difference = float((said.double() - tensor.double()).abs().max())
    difference = difference if math.isfinite(difference) else math.inf
    scale = max(1.0, float(said.double().abs().max()))
    # Labels may flip by rounding. Bytes are where a random stream stands: copies, which setting would not move.
    is_far = tensor.is_floating_point() and not difference <= LARGEST_DRIFT * scale
    tensor.copy_(said)
    return difference, is_far or tensor.dtype == torch.uint8


# Buffers are each process's own and equal; torch has renamed the switch.
_NEW_SWITCH = "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters

_BUFFERS_STAY: dict[str, Any] = {"forward_sync_buffers" if _NEW_SWITCH else "broadcast_buffers": False}


# From the kernel's prctl.h.
_SIGNAL_ON_PARENTS_DEATH = 1


@dataclass(frozen=True)
class Processes:
    """This process among those of a training.

    Attributes:
        rank: from 0 on.
        count: how many there are, on all nodes.
        device: what this one computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == _MAIN

    @property
    def words(self) -> str:
        """Number of processes in words, for the log and the history; empty for one."""
        return f", {self.count} processes" if self.count > 1 else ""

    def share(self, method: AnyMethod) -> Callable[[WindowBatch], dict[str, Tensor]]:
        """`method.losses` with its networks' rows shared out, whose gradients are averaged over the processes.

        Call it once for a method, after all that is done before training; weights become those of the first process.
        """
        if self.count == 1:
            return method.losses
        # Some phases leave networks out.
        return DistributedDataParallel(_Losses(method), find_unused_parameters=True, **_BUFFERS_STAY)

    def share_rows(self, method: AnyMethod) -> None:
        """Distribute the rows of the method's networks over the processes from now on, in training and evaluation."""
        if self.count > 1:
            rows = SharedRows(self.rank, self.count)
            for network in method.row_networks:
                rows.share(network)

    def decide(self, value: bool) -> bool:
        """The first process's `value`, so that all processes leave a loop together."""
        if self.count == 1:
            return value
        said = torch.tensor([value], dtype=torch.uint8, device=self.device)
        dist.broadcast(said, _MAIN)
        return bool(said)

    def check_same(self, name: str, value: int) -> None:
        """Refuse a `value` (at least -1) of the quantity `name` that differs from the first process's.

        Raises:
            UserError: it did.
        """
        if self.count == 1:
            return
        said = torch.tensor([value], device=self.device)
        dist.broadcast(said, _MAIN)
        if int(said) != value:
            raise UserError(
                f"process {self.rank} of {self.count}: {name} is {value} here and {int(said)} for the first process;"
                " every node must see the same files at the same path. Run it again"
            )

    def agree(self, tensors: Mapping[str, Tensor]) -> dict[str, float]:
        """Set `tensors` to those of the first process; the largest difference of each (see `agree`)."""
        return agree(tensors, device=self.device, count=self.count) if self.count > 1 else {}


class _Losses(nn.Module):
    """Wrapper of a method whose `forward` returns its losses, for torch's data parallelism."""

    def __init__(self, method: AnyMethod) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        """As `Method.losses`."""
        return self.method.losses(batch)


def alone(device: torch.device) -> Processes:
    """A training of one process."""
    return Processes(0, 1, device)


def own_rank(count: int) -> int:
    """Rank of this process among `count`; 0 for a single one, without reading the environment."""
    return int(os.environ["RANK"]) if count > 1 else 0


def _end_with_the_agent() -> None:
    """Request Linux to stop this process when its agent is killed, so that it does not write its files later."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError, TypeError):
        return
    prctl(_SIGNAL_ON_PARENTS_DEATH, signal.SIGTERM)


@contextmanager
def joined(device: str, count: int) -> Iterator[Processes]:
    """Context that joins this process to the `count` processes of its training.

    Args:
        device: the settings' `auto | cpu | cuda`.
        count: 1, or as many as torchrun has started.

    Raises:
        UserError: no such device, or a node has fewer GPUs than processes.
    """
    chosen = choose_device(device)
    if count == 1:
        yield alone(chosen)
        return
    if chosen.type == "cuda":
        local = int(os.environ["LOCAL_RANK"])
        if local >= torch.cuda.device_count():
            raise UserError(
                f"devices: {os.environ['LOCAL_WORLD_SIZE']} were asked for on each node, but a node offers"
                f" {torch.cuda.device_count()} GPUs to torch; set `devices` to that, or ask the scheduler for more"
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    _end_with_the_agent()
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    yield Processes(own_rank(count), count, chosen)
    # Only after a sound end: where another process is gone, to take leave of it can wait for ever.
    dist.destroy_process_group()
