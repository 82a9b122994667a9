"""What the targets ask for before anything has run, and what is refused then."""

from collections import Counter

import pytest
import yaml

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default

DATA = ("simulate_home", "download", "ingest", "extract_frames", "flow", "pack", "split")


def counts(plan):
    return Counter(job.split()[0] for job in plan)


def test_the_demo_needs_these_jobs(fresh):
    found = counts(fresh.plan())
    assert found == {
        "simulate_home": 4,
        "ingest": 4,
        "extract_frames": 4,
        "flow": 4,
        "pack": 2,
        "split": 2,
        "pretrain_spatial": 2,
        "pretrain": 20,
        "embed": 20,
        "probe": 20,
        "table": 1,
    }
    assert sum(found[stage] for stage in DATA) <= 24


def test_table_7_needs_no_training(fresh):
    assert not set(counts(fresh.plan("results/table7.csv"))) & {"pretrain", "pretrain_spatial", "embed", "probe"}


def test_without_a_target_every_table_is_made(fresh):
    found = counts(fresh.plan("all"))
    assert (found["table"], found["figure"]) == (8, 14)


def test_the_ablations_share_stage_1(fresh):
    """Of one dataset, split and seed: three ablations train Stage 1 anew, halves train nothing."""
    tables = {f"table{number}": {"datasets": ["opportunity"]} for number in range(2, 7)}
    found = counts(fresh.plan(*(f"results/{name}.csv" for name in tables), changes={"tables": tables}))
    assert found["pretrain_spatial"] <= 4
    assert found["pretrain"] <= 17
    assert found["probe"] == found["pretrain"] + 2


def test_a_figure_trains_nothing_that_its_table_has_not(fresh):
    tables = counts(fresh.plan("results/table1.csv"))
    both = counts(fresh.plan("results/table1.csv", *(f"results/figures/figure{number}.csv" for number in range(4, 11))))
    assert both["pretrain"] == tables["pretrain"]
    assert both["pretrain_spatial"] == tables["pretrain_spatial"]
    assert (both["negative_pairs"], both["activation_maps"], both["figure"]) == (1, 1, 7)


def test_variants_share_stage_1_and_seeds_do_not(fresh):
    changes = {
        "seeds": [0, 1],
        "variants": {"plain": {"method": "detach", "spatial": "default", "contrastive": "infonce"}},
        "tables": {"table1": {"rows": ["detach", "plain"], "datasets": ["opportunity"]}},
    }
    found = counts(fresh.plan(changes=changes))
    assert (found["pretrain_spatial"], found["pretrain"], found["probe"], found["table"]) == (2, 4, 4, 1)


def test_a_search_adds_trainings_and_no_probe(fresh):
    """Stage 1, the data and what is not trained stay as they are."""
    rows = ["detach", "random_encoder", "statistics", "supervised"]
    layers = ("config.yaml", "config/search.yaml", "rows.yaml")
    (fresh.folder / "rows.yaml").write_text(yaml.safe_dump({"tables": {"table1": {"rows": rows}}}))
    plain, searched = (fresh.plan(layers=chosen) for chosen in ((layers[0], layers[2]), layers))
    added = Counter(searched) - Counter(plain)
    assert Counter(plain) - Counter(searched) == Counter()
    assert added == {
        f"{rule} {dataset} {variant}+{place}": 1
        for rule in ("pretrain", "embed")
        for dataset in ("opportunity", "hwu_usp")
        for variant in ("detach", "supervised")
        for place in (1, 2)
    }


def test_the_probe_of_a_searched_variant_reads_the_embeddings_of_every_candidate(fresh):
    arguments = ("-n", "--configfile", "config.yaml", "config/search.yaml")
    folder = "results/opportunity/default"
    text = fresh.run(f"{folder}/detach/seed0/metrics.json", *arguments)
    (probe,) = (block for block in text.split("rule ") if block.startswith("probe:"))
    for run in ("detach", "detach+1", "detach+2"):
        assert f"{folder}/{run}/seed0/embeddings.h5" in probe
    alone = counts(fresh.plan(f"{folder}/detach+2/seed0/metrics.json", layers=("config.yaml", "config/search.yaml")))
    assert (alone["pretrain"], alone["embed"], alone["probe"]) == (1, 1, 1)


def test_the_weight_file_of_the_video_is_an_input_of_what_starts_from_it(workflow):
    (workflow.folder / "mine.pth").touch()
    rows = {"tables": {"table1": {"rows": ["detach", "imu2clip", "supervised"], "datasets": ["opportunity"]}}}
    options = workflow.overlay({"video": {"init": "mine.pth"}} | rows)
    text = workflow.run("results/table1.csv", "-n", *options)
    blocks = [block.split("output:")[0] for block in text.split("rule ") if "mine.pth" in block.split("output:")[0]]
    assert sorted(block.split(":")[0] for block in blocks) == ["pretrain", "pretrain_spatial"]
    (workflow.folder / "mine.pth").unlink()
    text = workflow.run("results/table1.csv", "-n", *options, check=False)
    assert "video.init: must be scratch or a file that is there, got 'mine.pth'" in text.splitlines()
    assert "Traceback" not in text


@pytest.mark.parametrize("overlay", ["full", "evidence"])
def test_a_scale_overlay_plans(fresh, overlay):
    found = counts(fresh.plan(layers=("config.yaml", f"config/{overlay}.yaml")))
    assert found["table"] == 1
    assert found["simulate_home"] > 4


def fake_datasets(folder, config):
    """A folder for each dataset with empty files under the names that its recordings need."""
    for dataset, section in config.document.datasets.items():
        for recording in config.recordings(dataset):
            for pattern in (section.native.sensor_glob[0], section.native.video_glob[-2]):
                name = pattern.replace("{recording}", recording).replace("**/", "").replace("*", "")
                path = folder / "data" / "local" / dataset / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()


@pytest.mark.parametrize("overlay", ["real", "paper"])
def test_an_overlay_for_your_own_folders_plans_when_the_files_are_there(workflow, overlay):
    layers = ("config.yaml", f"config/{overlay}.yaml")
    text = workflow.run("results/table1.csv", "-n", "--configfile", *layers, check=False)
    assert "files of this run are not in data/local/" in text
    assert "Traceback" not in text
    fake_datasets(workflow.folder, load_config(read_default(workflow.folder / layers[1], checkout=workflow.folder)))
    found = counts(workflow.plan(layers=layers))
    assert found["simulate_home"] == 0
    assert found["ingest"] > 0


# What Snakemake says of places in files that are none of the user's.
INTERNAL = ("WorkflowError", "Exception", "Error in", "Traceback", 'File "', ".smk", "Snakefile", "line ")


def test_the_missing_files_of_all_datasets_are_told_at_once_and_nothing_else(workflow):
    layers = ("config.yaml", "config/real.yaml")
    text = workflow.run("results/table1.csv", "-n", "--configfile", *layers, check=False)
    assert text.count("files of this run are not in data/local/") == 2
    said = text[text.index("datasets.") :]
    assert not [word for word in INTERNAL if word in said]
    assert text.splitlines()[-1].startswith("docs/data.md describes")


@pytest.mark.parametrize(
    "changes",
    [
        {"datasets": {"opportunity": {"source": "local", "root": "my {folder}"}}},
        {"datasets": {"hwu_usp": {"source": "local", "root": "a}b"}}},
        {"video": {"init": "{weights}.pth"}},
        {"variants": {"detach": {"video": {"init": "{dataset}/weights.pth"}}}},
    ],
)
def test_a_path_with_braces_is_refused_in_a_sentence(fresh, changes):
    text = fresh.run("results/table1.csv", "-n", *fresh.overlay(changes), check=False)
    assert "must be a path without { and }; rename it, or link to it under another name, got" in text
    assert not [word for word in INTERNAL if word in text[text.index("the configuration is refused") :]]


def test_a_checkout_with_braces_in_its_path_is_refused_in_a_sentence(tmp_path, copied):
    (tmp_path / "{mine}").mkdir()
    workflow = copied(tmp_path / "{mine}")
    text = workflow.run("results/table7.csv", "-n", check=False)
    assert "{mine}: found { or } in the path of the checkout" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_results_may_lie_under_a_path_with_braces(tmp_path, fresh):
    folder = tmp_path / "of {mine} {}"
    folder.mkdir()
    windows = "results/hwu_usp/windows.h5"
    fresh.run(windows, "--cores", "2", "--directory", str(folder))
    assert (folder / windows).is_file()
    assert "Nothing to be done" in fresh.run(windows, "-n", "--directory", str(folder))


def test_a_downloaded_dataset_is_fetched_once(fresh):
    files = [{"url": "http://127.0.0.1:9/a.zip", "path": "a.zip", "sha256": None, "unpack": True}]
    changes = {"datasets": {"hwu_usp": {"source": "download", "download": {"files": files}}}}
    found = counts(fresh.plan(changes=changes))
    assert (found["download"], found["simulate_home"]) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"methods": {"detach": {"hardnes": 2.0}}}, "methods.detach.hardnes: unknown key, did you mean `hardness`?"),
        (
            {"variants": {"soft": {"method": "detach", "spatial": "default", "hardness": 0.5}}},
            "variants.soft.hardness: must be > 1, got 0.5",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line_without_a_traceback(fresh, changes, line):
    text = fresh.run("results/table1.csv", "-n", *fresh.overlay(changes), check=False)
    assert line in text.splitlines()
    assert "Traceback" not in text


def test_a_repeated_key_is_refused(fresh):
    (fresh.folder / "twice.yaml").write_text("seeds: [0]\nseeds: [1]\n")
    text = fresh.run("-n", "--configfile", "config.yaml", "twice.yaml", check=False)
    assert "line 2: the key `seeds` is repeated" in text
    assert "Traceback" not in text


def test_the_snakefile_has_nothing_to_complain_about(fresh):
    assert "Congratulations" in fresh.run("--lint")


def test_every_rule_says_what_it_does(fresh):
    text = fresh.run("--list")
    for stage in (*DATA, "pretrain_spatial", "pretrain", "embed", "probe", "table"):
        (line,) = (line for line in text.splitlines() if line.split() and line.split()[0] == stage)
        assert len(line.split()) > 3, line


def test_overlays_hold_what_the_default_lays_out(fresh):
    known = set(read_default(checkout=fresh.folder))
    for path in sorted((fresh.folder / "config").glob("*.yaml")):
        assert set(yaml.safe_load(path.read_text())) <= known
