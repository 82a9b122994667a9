import json

import pytest

from detach_core.stages.html_report import html_report

SNAKEFILE = """configfile: "config.yaml"
rule page:
    output: report("page.html", category=config["section"])
    shell: "echo '<p>hello</p>' > {output}"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A workflow that has run, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "config.yaml").write_text("section: of the file\n")
    (tmp_path / "page.html").write_text("<p>hello</p>")
    return tmp_path


def run(targets=("page.html",), settings=None):
    html_report(
        settings=json.dumps(settings or {"section": "of the run"}),
        snakefile="Snakefile",
        target_paths=targets,
        report_path="out/report.html",
        log_path="log.txt",
    )


@pytest.mark.slow
def test_the_report_shows_the_targets_under_the_configuration_of_the_running_workflow(folder):
    run()
    text = (folder / "out" / "report.html").read_text()
    assert '{"of the run": {"Other": ["page.html"]}}' in text
    assert "of the file" not in text
    assert [path.name for path in (folder / "out").iterdir()] == ["report.html"]


@pytest.mark.slow
def test_a_result_without_a_record_of_its_run_is_shown_and_said(folder):
    run()
    assert "WARNING 1 files lack their run's record" in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_a_report_that_cannot_be_made_ends_with_what_snakemake_said_and_leaves_nothing(folder, capfd):
    with pytest.raises(SystemExit):
        run(targets=("other.html",))
    said = capfd.readouterr().err
    assert "out/report.html: `snakemake --report` ended with code" in said
    assert "other.html" in said
    assert "Traceback" not in (folder / "log.txt").read_text()
    assert list((folder / "out").iterdir()) == []


@pytest.mark.slow
def test_a_lock_of_the_waiting_workflow_does_not_hold_the_report_up(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    for name, path in (("0.input.lock", "Snakefile"), ("0.output.lock", "page.html")):
        (locks / name).write_text(f"{folder / path}\n")
    run()
    assert (folder / "out" / "report.html").is_file()
