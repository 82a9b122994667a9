"""Two runs in one folder: the second is refused, says how to go on, and leaves the first one's work alone."""

import subprocess
import sys
import time

import pytest

# The first job says that it runs, and waits for the word to end.
WAITING = """
import time
from pathlib import Path

Path("running").touch()
while not Path("go_on").exists():
    time.sleep(0.05)
for path in snakemake.output:
    Path(path).write_text(f"{path}\\n")
"""
MANIFEST = "data/simulated/hwu_usp/cereals_s01.json"


@pytest.fixture
def first(workflow):
    """A run that stands in the middle of its only job."""
    (workflow.folder / "workflow_scripts" / "run_stage.py").write_text(WAITING)
    command = [sys.executable, "-m", "snakemake", MANIFEST, "--cores", "1"]
    process = subprocess.Popen(
        command, cwd=workflow.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for _ in range(600):
            if (workflow.folder / "running").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, process.stdout.read()
        yield process
    finally:
        (workflow.folder / "go_on").touch()
        if process.poll() is None:
            process.wait(timeout=60)
        process.stdout.close()


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused_with_advice_and_the_first_one_ends_well(workflow, first):
    text = workflow.run(MANIFEST, "--cores", "1", check=False)
    assert "Error: Directory cannot be locked." in text
    assert str(workflow.folder) in text
    assert "It can be removed with the --unlock argument." in text
    assert "Traceback" not in text
    assert "The table is in" not in text
    assert not (workflow.folder / MANIFEST).exists()
    # Looking is allowed meanwhile.
    assert "simulate_home" in workflow.run(MANIFEST, "-n")
    (workflow.folder / "go_on").touch()
    assert first.wait(timeout=60) == 0
    assert (workflow.folder / MANIFEST).read_text() == f"{MANIFEST}\n"
    assert "Nothing to be done" in workflow.run(MANIFEST, "--cores", "1")


@pytest.mark.slow
def test_the_lock_of_a_killed_run_goes_with_unlock_and_the_next_run_makes_what_was_begun_anew(workflow, first):
    (output := workflow.folder / MANIFEST).parent.mkdir(parents=True, exist_ok=True)
    output.write_text("half")
    first.kill()
    first.wait(timeout=60)
    (workflow.folder / "go_on").touch()  # ends the job, which outlives its run
    assert "--unlock" in workflow.run(MANIFEST, "--cores", "1", check=False)
    workflow.run("--unlock")
    text = workflow.run(MANIFEST, "--cores", "1")
    assert "Finished jobid" in text
    assert output.read_text() == f"{MANIFEST}\n"
