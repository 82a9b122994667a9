"""Trainings that are really launched are in tests/stages/test_interrupted.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from detach_core.foundation.errors import UserError
from detach_core.methods.controls.settings import StatisticsSettings
from detach_core.settings.shared import MachinesSettings
from detach_core.training import processes
from detach_core.training.job import TrainingJob


def settings(**machines):
    """A stage's settings: a control on these machines."""
    return json.dumps(TrainingJob("statistics", StatisticsSettings(), MachinesSettings(**machines)).to_plain())


@pytest.fixture(autouse=True)
def no_processes_yet(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "SLURM_JOB_ID", "DETACH_LAUNCHED"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("devices", "nodes", "expected"), [(1, 1, False), (2, 1, True), (1, 2, True)])
def test_several_devices_or_nodes_need_processes(monkeypatch, devices, nodes, expected):
    values = MachinesSettings(devices=devices, nodes=nodes)
    assert processes.is_shared(values) is expected
    monkeypatch.setenv("WORLD_SIZE", str(devices * nodes))
    assert processes.is_shared(values) is expected, "it may be another program's"
    monkeypatch.setenv("DETACH_LAUNCHED", "1")
    assert not processes.is_shared(values)


def test_one_process_runs_the_stage_itself():
    called = []

    @processes.in_processes
    def stage(*, settings, seed):
        """What it does."""
        called.append((settings, seed))

    alone = settings(devices=1, nodes=1)
    stage(settings=alone, seed=3)
    assert called == [(alone, 3)]
    assert (stage.__name__, stage.__doc__) == ("stage", "What it does.")


def test_processes_get_the_stage_as_a_plan_that_is_gone_afterwards(tmp_path, monkeypatch):
    seen = []

    def agent(arguments):
        seen.append((arguments[:-1], json.loads(Path(arguments[-1]).read_text(encoding="utf-8"))))
        return 0

    monkeypatch.setattr(processes, "run_agent", agent)

    @processes.in_processes
    def pretrain(*, settings, log_path, spatial_path):
        raise AssertionError("this process is only to launch")

    asked = settings(devices=3)
    pretrain(settings=asked, log_path=tmp_path / "new" / "log.txt", spatial_path=None)
    ((arguments, plan),) = seen
    assert arguments == ["--standalone", "--nproc-per-node", "3", "-m", "detach_core.stages"]
    log_path = str(tmp_path / "new" / "log.txt")
    assert plan == [{"stage": "pretrain", "arguments": {"settings": asked, "log_path": log_path, "spatial_path": None}}]
    assert list((tmp_path / "new").iterdir()) == []


def test_the_processes_exit_code_is_the_stage_s(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "run_agent", lambda arguments: 143)
    with pytest.raises(SystemExit) as ended:
        processes.launch("pretrain", {"settings": settings(devices=2), "log_path": tmp_path / "log.txt"})
    assert ended.value.code == 143
    assert list(tmp_path.iterdir()) == []


def test_a_launch_that_is_refused_says_so_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        processes.launch("pretrain", {"settings": settings(devices=2, nodes=2), "log_path": tmp_path / "log.txt"})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("[pretrain] nodes: 2 are configured")
    assert line in (tmp_path / "log.txt").read_text().replace("ERROR ", "[pretrain] ")


def test_several_nodes_outside_of_slurm_or_of_another_number_are_refused(monkeypatch):
    values = MachinesSettings(devices=4, nodes=2)
    with pytest.raises(UserError, match=r"nodes: 2 are configured, but this is no Slurm job; .*docs/slurm.md"):
        processes.slurm_command(values, "plan.json")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr(processes, "_num_nodes", lambda job: "3")
    with pytest.raises(UserError, match="a Slurm job of 3"):
        processes.slurm_command(values, "plan.json")


# Plays srun: starts the command once for each task at the same time, as on so many nodes.
SRUN = """#!/bin/sh
tasks=1
while [ "${1#--}" != "$1" ]; do case "$1" in --ntasks=*) tasks=${1#--ntasks=};; esac; shift; done
i=0; failed=0; pids=""
while [ "$i" -lt "$tasks" ]; do "$@" & pids="$pids $!"; i=$((i + 1)); done
for pid in $pids; do wait "$pid" || failed=1; done
exit "$failed"
"""
WORKER = """
import os, sys
from pathlib import Path
from detach_core.training.processes import joined
with joined("cpu", 4) as found:
    ranks = found.decide(found.rank == 0)
    Path(sys.argv[1], f"rank{found.rank}").write_text(f"{found.count} {ranks} {os.environ['LOCAL_RANK']}")
"""


@pytest.mark.slow
def test_the_agents_of_several_nodes_meet(tmp_path, monkeypatch):
    """Two agents with two processes each, as Slurm would start them on two nodes; here both are this machine."""
    for name, text in {"srun": SRUN, "squeue": "#!/bin/sh\necho 2\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setattr("detach_core.training.processes.socket.gethostname", lambda: "localhost")
    command = processes.slurm_command(MachinesSettings(devices=2, nodes=2, threads=3), "PLAN")
    assert command[0] == "srun"
    assert {"--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=6"} <= set(command)
    assert command[-3:] == ["-m", "detach_core.stages", "PLAN"]
    command[-3:] = [str(tmp_path / "worker.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = [(tmp_path / f"rank{rank}").read_text() for rank in range(4)]
    assert sorted(found) == ["4 True 0", "4 True 0", "4 True 1", "4 True 1"]


@pytest.mark.slow
def test_all_end_when_one_leaves_while_the_others_wait_for_it(tmp_path):
    worker = """
import sys
from detach_core.training.processes import joined
with joined("cpu", 2) as found:
    if found.rank == 1:
        sys.exit("the second leaves")
    found.decide(True)
    found.decide(True)
"""
    (tmp_path / "worker.py").write_text(worker)
    command = [sys.executable, "-m", "detach_core.training.processes", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, tmp_path / "worker.py"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "the second leaves" in done.stderr


def test_an_agent_ends_with_its_worker_s_code_and_without_words_of_its_own(tmp_path):
    (tmp_path / "worker.py").write_text("import sys; sys.exit('one sentence')")
    command = [sys.executable, "-m", "detach_core.training.processes", "--standalone", "--nproc-per-node", "1"]
    done = subprocess.run([*command, tmp_path / "worker.py"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["one sentence"]
