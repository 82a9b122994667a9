import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="module")
def lock(root):
    lines = [line for line in (root / "requirements.lock").read_text().splitlines() if line.strip()]
    return dict(line.split("==") for line in lines)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_holds_plain_pins_without_addresses_and_without_a_machines_own_build(root):
    for line in (root / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line), line
        assert not re.match(r"nvidia|cuda|triton", line), line


def test_pins_of_the_conda_environment_are_those_of_the_lock(root, lock):
    environment = yaml.safe_load((root / "envs" / "detach.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    pins = {normal(name): version for name, version in lock.items()}
    assert len(pip) > 10
    for line in pip:
        name, version = line.split("==")
        assert pins[normal(name)] == version


def test_every_requirement_of_the_package_is_locked_inside_its_range(root, lock):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pins = {normal(name): version for name, version in lock.items()}
    from packaging.requirements import Requirement

    for line in [*project["dependencies"], *project["optional-dependencies"]["workflow"]]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[normal(requirement.name)]), line


def test_every_development_tool_is_pinned_inside_its_range(root, lock):
    from packaging.requirements import Requirement

    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    pins = {normal(name): version for name, version in lock.items()}
    for group in ("docs", "fuzz", "slurm"):
        lines = (root / f"requirements-{group}.lock").read_text().split()
        own = {normal(line.split("==")[0]): line.split("==")[1] for line in lines}
        assert not own.keys() & pins.keys(), f"requirements-{group}.lock repeats requirements.lock"
        for requirement in map(Requirement, groups[group]):
            assert requirement.specifier.contains(own[normal(requirement.name)]), str(requirement)
    included = [entry["include-group"] for entry in groups["dev"] if isinstance(entry, dict)]
    assert sorted(included) == ["docs", "fuzz", "slurm"]
    for requirement in map(Requirement, (entry for entry in groups["dev"] if isinstance(entry, str))):
        assert requirement.specifier.contains(pins[normal(requirement.name)]), str(requirement)


@pytest.mark.slow
def test_the_lock_resolves_to_a_gpu_install_where_the_index_offers_one(root, lock, tmp_path):
    wanted = tmp_path / "torch.in"
    wanted.write_text(f"torch=={lock['torch']}\ntorchvision=={lock['torchvision']}\n")
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "compile", "--system-certs", "-q", "--no-annotate", "--no-header", str(wanted)]
    command += ["--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    except subprocess.TimeoutExpired:
        pytest.skip("the package index did not answer in 120 s")
    if done.returncode and re.search(r"(?i)connect|fetch|dns|timed out|certificate", done.stderr):
        pytest.skip(f"no package index within reach: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    names = {line.split("==")[0] for line in done.stdout.splitlines()}
    assert {"torch", "torchvision"} <= names
    if not any(name.startswith("nvidia") for name in names):
        pytest.skip("this index offers torch's CPU build alone")
    assert any("cudnn" in name for name in names)
