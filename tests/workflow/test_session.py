import os
from types import SimpleNamespace

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.workflow.raw_files import RawFiles
from detach_core.workflow.session import (
    closing_lines,
    curves_in_report,
    in_report,
    refuse,
    refuse_missing_files,
    refuse_place,
)
from detach_core.workflow.stages import workflow_stages


@pytest.fixture
def config(root):
    return load_config(read_default(checkout=root))


def test_a_refusal_is_its_message_alone_and_exit_code_1(capsys):
    for end, said in ((refuse, "a: mend it"), (refuse_place, "/data/{me}/checkout")):
        with pytest.raises(SystemExit) as stop:
            end(said)
        assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines()[0] == "a: mend it"
    refuse_place("/data/me")


def test_missing_files_of_the_users_own_end_the_workflow(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = read_default(checkout=root)
    refuse_missing_files(RawFiles(load_config(data)))
    data["datasets"]["hwu_usp"] |= {"source": "local", "root": "mine"}
    with pytest.raises(SystemExit):
        refuse_missing_files(RawFiles(load_config(data)))
    assert "files of this run are not in mine" in capsys.readouterr().err


def test_what_is_new_is_named_and_a_short_table_alone_is_shown(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "figures").mkdir(parents=True)
    for name, text in (("table1.csv", ""), ("table1.md", "the table"), ("table2.csv", ""), ("report.html", "")):
        (tmp_path / "results" / name).write_text(text)
    (tmp_path / "results" / "figures" / "figure4.pdf").touch()
    for name in ("table2.csv", "report.html"):
        os.utime(tmp_path / "results" / name, (1, 1))
    lines = list(closing_lines(config, 2))
    assert lines == [
        "the table",
        "The table is in results/table1.csv (and .md, .tex, .html, .parquet).",
        "The figure is in results/figures/figure4.pdf (and .png, .csv, .parquet).",
    ]
    assert len(list(closing_lines(config, 0))) == 4, "of two tables none is shown"
    assert list(closing_lines(config, 2**40)) == []


@pytest.mark.parametrize(
    ("stage", "shown", "name", "section", "label"),
    [
        ("table", "html", "table3", "Sec. 4.2", "Table 3"),
        ("figure", "png", "figure8_hwu_usp", "Features (Figs. 7-9)", "Figure 8"),
    ],
)
def test_a_table_or_figure_stands_in_the_report_under_its_section(config, stage, shown, name, section, label):
    marks = {}

    def report(path, **given):
        marks.update(given)
        return f"{path} in the report"

    stages = workflow_stages(config)
    outputs = in_report(report, config, stages[stage], shown)
    assert outputs == {**stages[stage].outputs, shown: f"{stages[stage].outputs[shown]} in the report"}
    assert marks["caption"] == f"../report/{stage}.rst"

    class Wildcards:
        pass

    wildcards = Wildcards()
    setattr(wildcards, stage, name)
    assert section in marks["category"](wildcards)
    assert label in marks["labels"](wildcards)["Result"]


def test_training_curves_stand_in_the_report_under_the_name_of_their_training(config):
    marks = {}

    def report(path, **given):
        marks.update(given)
        return f"{path} in the report"

    outputs = curves_in_report(report, workflow_stages(config)["training_curves"])
    assert outputs == {"png_path": "results/{training}/history.png in the report"}
    assert (marks["caption"], marks["category"]) == ("../report/training_curves.rst", "8 Training curves")
    wildcards = SimpleNamespace(training="hwu_usp/default/spatial/default/seed0")
    assert marks["labels"](wildcards) == {"Result": "Training curves. hwu_usp, default, spatial, default, seed0"}
