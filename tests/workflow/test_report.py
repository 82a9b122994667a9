"""`results/report.html` for real, of a tiny home, opened in a headless Chromium that has no network."""

import json
import shutil
from typing import Any

import pytest
import yaml

from detach_core.config.yaml_file import read_default

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOCAL = ("file:", "data:", "blob:")
PICTURES = ("Figure", "Training curves", "label_curve", "looks")


# The fewest trainings and maps that fill every table and figure.
FEWEST = {
    "analysis": {
        "pair_windows": 64,
        "maps": {"baseline": "imu2clip", "classes": {"opportunity": ["Open Fridge", "Open Dishwasher"]}},
    },
    "spatial": {"default": {"warmup_epochs": 1, "joint_epochs": 1, "refinement_epochs": 1}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, snakemake, root, one_home):
    """The folder of a finished run, and the arguments for another."""
    folder = tmp_path_factory.mktemp("report")
    layers = [root / "config.yaml", root / "tests" / "workflow" / "tiny.yaml"]
    (folder / "one_home.yaml").write_text(yaml.safe_dump(one_home(read_default(*layers[1:])) | FEWEST))
    arguments = ["results/report.html", "--cores", "2", "--snakefile", str(root / "Snakefile")]
    arguments += ["--configfile", *map(str, layers), "one_home.yaml"]
    code, text = snakemake(folder, arguments)
    assert code == 0, text
    return folder, arguments


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def page(run, browser):
    """The report, opened; what it asked for and complained of gathers in `page.requested` and `page.complaints`."""
    return opened(browser, run[0])


def opened(browser, folder):
    page = browser.new_context(offline=True, viewport={"width": 1400, "height": 900}).new_page()
    page.requested, page.complaints = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.goto((folder / "results" / "report.html").as_uri())
    page.wait_for_selector("#rulegraph canvas, #rulegraph svg")
    return page


@pytest.fixture(scope="module")
def seen(page):
    """Section -> what a reader sees who clicks into it and on each of its results."""
    found: dict[str, Any] = {}
    for section in page.evaluate("Object.keys(categories)"):
        go_to(page, section)
        found[section] = []
        for place in range(page.locator("nav tbody tr").count()):
            go_to(page, section)
            row = page.locator("nav tbody tr").nth(place)
            label = row.inner_text().strip()
            row.locator("a").nth(0).click()
            shown = look(page, label)
            row.locator("a").nth(1).click()
            caption = page.locator("nav li.prose")
            mistakes = caption.locator(".system-message").count()
            found[section].append({"label": label, "caption": caption.inner_text(), "mistakes": mistakes} | shown)
    return found


def go_to(page, *names):
    """Home by the first link under the menu's head, then from link to link in the menu."""
    page.locator("nav nav a").first.click()
    for name in names:
        page.locator("nav").get_by_role("link", name=name, exact=True).click()


def look(page, label):
    """The picture or the table that stands beside the menu, once it is there."""
    if label.startswith(PICTURES):
        picture = page.locator("#app img[src^='data:image/png']").last
        picture.wait_for()
        page.wait_for_function("image => image.complete", arg=picture.element_handle())
        return {"width": picture.evaluate("image => image.naturalWidth"), "box": picture.bounding_box()}
    frame = page.frame_locator("iframe")
    frame.get_by_text(label, exact=True).wait_for()
    rows = frame.locator("tbody tr")
    return {"rows": rows.count(), "box": rows.first.bounding_box(), "cells": rows.first.locator("td").all_inner_texts()}


def test_the_page_opens_with_the_rule_graph_and_the_data_of_the_run(page):
    go_to(page, "Workflow")
    graph = page.locator("#rulegraph canvas, #rulegraph svg")
    assert graph.first.bounding_box()["height"] > 200
    text = page.locator(".prose").first.inner_text()
    assert "DETACH: activity recognition from ambient sensors" in text
    assert "opportunity: a simulated home" in text
    page.locator(".prose").get_by_role("link", name="6 Data (Table 7)").click()
    page.locator("nav tbody tr").get_by_text("Table 7. Statistics of the prepared data").wait_for()


def test_the_statistics_show_every_rule_that_ran(page):
    go_to(page, "Statistics")
    page.wait_for_selector("#runtimes canvas, #runtimes svg")
    ran = set(page.evaluate("runtimes_spec.data.values.map(job => job.rule)"))
    assert {
        "simulate_home",
        "pack",
        "pretrain_spatial",
        "pretrain",
        "probe",
        "negative_pairs",
        "figure",
        "table",
    } <= ran
    assert min(page.evaluate("runtimes_spec.data.values.map(job => job.runtime)")) > 0


def test_every_table_and_figure_of_the_paper_is_in_a_section(seen):
    labels = {section[0]: [shown["label"].split(".")[0] for shown in results] for section, results in seen.items()}
    assert labels["1"] == ["Table 1"]
    assert labels["2"] == ["baselines", *(f"Table {number}" for number in range(2, 7))]
    assert {"Figure 4", "Figure 5", "Figure 6"} <= set(labels["3"])
    assert {"Figure 7", "Figure 8", "Figure 9"} <= set(labels["4"])
    assert labels["5"] == ["Figure 10"]
    assert labels["6"] == ["Table 7"]
    assert labels["7"] == ["label_curve", "looks"]
    assert labels["8"] == ["Training curves"] * 2


def test_pictures_and_tables_are_really_shown(seen):
    for shown in (shown for results in seen.values() for shown in results):
        assert shown["box"]["width"] > 200, shown
        if shown["label"].startswith(PICTURES):
            assert shown["width"] > 600, shown
            assert shown["box"]["height"] > 100, shown
        else:
            assert shown["rows"] > 1, shown
            assert all(shown["cells"][:2]), shown


def test_each_caption_says_what_is_shown_and_where_it_comes_from(seen):
    captions = [shown["caption"] for results in seen.values() for shown in results]
    assert len(set(captions)) == len(captions) > 13
    assert sum(shown["mistakes"] for results in seen.values() for shown in results) == 0
    curves = [caption for caption in captions if caption.startswith("Losses and measures of the training")]
    assert len(curves) == 2
    assert all("./run snakemake results/opportunity/default/" in caption for caption in curves)
    for caption in set(captions) - set(curves):
        of_data = caption.startswith("Table 7")  # no network, no seed
        for words in ("imulated data", "he paper", "commit", "./run snakemake results/", *(["seed"] * (not of_data))):
            assert words in caption, (words, caption)


def test_nothing_is_asked_of_the_network_and_nothing_complains(page, seen):
    assert seen
    assert [url[:80] for url in page.requested if not url.startswith(LOCAL)] == []
    assert page.complaints == []


HOSTILE = "</script><img src=x onerror=window.ran=1> `a <javascript:window.ran=2>`_ |b| *c* x_ .. include:: /etc/hosts"


@pytest.fixture(scope="module")
def hostile(run, tmp_path_factory, snakemake):
    """The folder of the same run whose metrics hold names that would run if they could, and its report anew."""
    folder = tmp_path_factory.mktemp("hostile") / "copy"
    shutil.copytree(run[0], folder)
    changed = 0
    for path in folder.glob("results/**/metrics.json"):
        document = json.loads(path.read_text())
        for name in ("probed", "video_init", "probe"):
            document[name] = HOSTILE
        document["protocols"] = {
            f"{HOSTILE.replace('/', '|')} {k}": result for k, result in enumerate(document["protocols"].values())
        }
        path.write_text(json.dumps(document))
        changed += 1
    assert changed
    code, text = snakemake(folder, [*run[1], "--forcerun", "table", "--rerun-triggers", "input"])
    assert code == 0, text
    return folder


def test_names_of_strangers_are_text_and_nothing_runs(hostile, browser):
    page = opened(browser, hostile)
    captions = page.evaluate("Object.values(results).map(one => one.caption)")
    assert any("&lt;/script&gt;&lt;img src=x onerror=window.ran=1&gt;" in caption for caption in captions)
    for caption in captions:
        assert "system-message" not in caption
        assert "<img" not in caption
        assert 'href="javascript' not in caption
        assert "localhost" not in caption
        page.evaluate("text => document.body.insertAdjacentHTML('beforeend', text)", caption)
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    assert page.complaints == []
    shown = opened(browser, hostile)
    for table in sorted(hostile.glob("results/table*.html")):
        shown.goto(table.as_uri())
        assert shown.evaluate("window.ran") is None
        assert shown.locator("img, script, iframe").count() == 0
    shown.goto((hostile / "results" / "table1.html").as_uri())
    assert HOSTILE in shown.locator("tbody tr").first.inner_text()


def test_a_page_of_a_stranger_is_not_taken_up(hostile, run, snakemake):
    page = hostile / "results" / "table1.html"
    page.write_text(page.read_text().replace("</body>", "<script>window.ran=3</script></body>"))
    code, text = snakemake(hostile, [*run[1], "--forcerun", "html_report", "--rerun-triggers", "input"])
    assert code == 1
    assert "results/table1.html: content: found a tag <script>, expected a table's page" in text


def test_a_second_run_does_nothing(run, snakemake):
    folder, arguments = run
    code, text = snakemake(folder, arguments)
    assert code == 0
    assert "Nothing to be done" in text
