"""What the report and the results page ask for; `test_report.py` makes a report for real."""

from collections import Counter
from typing import Any

import pytest
import yaml

from detach_core.config.yaml_file import read_default


@pytest.fixture(scope="module")
def configured(root):
    """Number of configured tables and figures."""
    config = read_default(checkout=root)
    return {"table": len(config["tables"]), "figure": len(config["figures"])}


def counts(plan):
    return Counter(job.split()[0] for job in plan)


@pytest.mark.parametrize(("target", "rule"), [("results/report.html", "html_report"), ("results_page", "results_page")])
def test_both_pages_need_every_table_and_figure(fresh, configured, target, rule):
    found = counts(fresh.plan(target))
    assert {name: found[name] for name in configured} == configured
    assert found[rule] == 1
    # Seven trained rows of Table 1 and a Stage 1, of two homes.
    assert found["training_curves"] == (16 if rule == "html_report" else 0)
    assert not {"html_report", "results_page", "readme_table"} - {rule} & set(found)


@pytest.mark.parametrize("run", ["detach", "spatial/default"])
def test_the_curves_of_any_training_are_drawn_on_request(fresh, run):
    found = counts(fresh.plan(f"results/hwu_usp/default/{run}/seed0/history.png"))
    assert (found["training_curves"], found["pretrain_spatial"]) == (1, 1)
    assert found["pretrain"] == (run == "detach")


def test_a_table_alone_makes_no_page(fresh):
    assert not {"html_report", "results_page", "figure"} & set(counts(fresh.plan("results/table1.csv")))


def test_the_report_is_made_anew_when_the_words_of_a_caption_change(workflow):
    small: dict[str, Any] = {
        "datasets": {name: {"recordings_per_shard": 1000} for name in ("opportunity", "hwu_usp")},
        "tables": {f"table{number}": {"rows": ["detach"]} for number in range(1, 7)},
    }
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(small))
    workflow.layers = ("config.yaml", "small.yaml")
    workflow.run("results/report.html", "--cores", "2", "--configfile", *workflow.layers)
    assert workflow.plan("results/report.html") == []
    with (workflow.folder / "report" / "figure.rst").open("a") as caption:
        caption.write("\nMore.\n")
    assert workflow.plan("results/report.html") == ["html_report"]
    rows = {**small["tables"], "table2": {"rows": ["detach", "detach-infonce"]}}
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(small | {"tables": rows}))
    assert counts(workflow.plan("results/report.html"))["html_report"] == 1
