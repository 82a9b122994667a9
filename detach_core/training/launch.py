"""Start the processes of a shared training: torchrun's own agent, here or, within a Slurm job, on each of its nodes.

Every process runs the same stage with the same arguments (`python -m detach_core.stages PLAN`).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.settings.shared import MachinesSettings
from detach_core.training.job import read_job

STAGES = "detach_core.stages"
# Ports that no service has by custom, one for a job by its number: two jobs on a node must not meet.
FIRST_PORT, NUM_PORTS = 20000, 10000
# Tells a process that it is one of those launched; torchrun's own variables may be another program's.
_LAUNCHED = "DETACH_LAUNCHED"


P = ParamSpec("P")


def in_processes(stage: Callable[P, None]) -> Callable[P, None]:
    """A stage that runs in as many processes as its settings ask for; each then runs `stage` itself."""

    @wraps(stage)
    def launched(*args: P.args, **kwargs: P.kwargs) -> None:
        if is_shared(read_job(str(kwargs["settings"])).machines):
            launch(stage.__name__, kwargs)
        else:
            stage(*args, **kwargs)

    return launched


def is_shared(machines: MachinesSettings) -> bool:
    """Whether a training with these settings needs processes that are not there yet."""
    return machines.num_processes > 1 and _LAUNCHED not in os.environ


def launch(stage: str, arguments: Mapping[str, Any]) -> None:
    """Run `stage` with `arguments` in as many processes as its settings say, and wait for them.

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
            f"nodes: {nodes} were asked for, but this is {here}; give the rule so many nodes in your Slurm profile"
            " (docs/slurm.md, several nodes), or set `nodes: 1`"
        )
    # The agents meet where this runs, which is the job's first node.
    meeting = f"{socket.gethostname()}:{FIRST_PORT + int(job) % NUM_PORTS}"
    agent = [sys.executable, "-m", "detach_core.training.launch", "--nnodes", str(nodes)]
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
    # Else the agent says that it sets it to 1; torch's own count is the settings' `threads`.
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
