import pytest

from detach_core.config.errors import ConfigError, join_path, unknown_key


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("device", "gpu", "device: must be 'auto', 'cpu' or 'cuda', got 'gpu'"),
        ("methods.detach.hardness", 1, "methods.detach.hardness: must be > 1, got 1"),
        ("methods.detach.epochs", 2.5, "methods.detach.epochs: must be a whole number, got 2.5"),
        ("methods.detach.hardnes", 3.0, "methods.detach.hardnes: unknown key, did you mean `hardness`?"),
        (
            "datasets.opportunity.window.length",
            2.0,
            "datasets.opportunity.window.length: unknown key, did you mean ",
        ),
        (
            "datasets.opportunity.adapter",
            "opp",
            "datasets.opportunity.adapter: must be one of opportunity, hwu_usp, folder, or `module:Class`, got 'opp'",
        ),
        (
            "datasets.opportunity.video.image_px",
            [64],
            "datasets.opportunity.video.image_px: must have at least 2 entries",
        ),
        ("datasets.hwu_usp.video.image_px", [64, 4], "datasets.hwu_usp.video.image_px[1]: must be >= 8, got 4"),
        ("splits.default.opportunity.folds", 1, "splits.default.opportunity.folds: must be >= 2, got 1"),
        ("seeds", 3, "seeds: must be a list, got 3"),
        ("probe", None, "probe: must be a section of keys and values, got None"),
        ("augmentation.enabled", "yes", "augmentation.enabled: must be true or false, got 'yes'"),
        ("zzz", 1, "zzz: unknown key; known: analysis, augmentation, "),
    ],
)
def test_a_mistake_is_one_line_with_its_path(set_key, mistakes, path, value, line):
    (found,) = mistakes(set_key(path, value))
    assert found.startswith(line)


def test_a_missing_key_is_named(data, mistakes):
    del data["significance"]["references"]
    del data["claims"]["weights_help"]["over"]
    assert mistakes(data) == ["significance.references: missing", "claims.weights_help.over: missing"]


def test_a_missing_key_of_a_figure_is_named(data, mistakes):
    del data["figures"]["figure6"]["query_class"]
    del data["figures"]["figure8"]["draw"]
    assert mistakes(data) == ["figures.figure6.query_class: missing", "figures.figure8.draw: missing"]


def test_an_unknown_key_of_a_figure_is_named_with_the_nearest(set_key, mistakes):
    set_key("figures.figure9.perplexty", 3)
    assert mistakes(set_key("figures.figure4.pair_group", "all")) == [
        "figures.figure4.pair_group: unknown key, did you mean `pair_groups`?",
        "figures.figure9.perplexty: unknown key, did you mean `perplexity`?",
    ]


def test_an_unknown_key_of_a_claim_is_named_with_the_nearest(set_key, mistakes):
    assert mistakes(set_key("claims.weights_help.variants", "detach")) == [
        "claims.weights_help.variants: unknown key, did you mean `variant`?"
    ]


def test_numbers_that_yaml_reads_as_text_are_explained(set_key, mistakes):
    (line,) = mistakes(set_key("optimizer.lr", "1e-4"))
    assert line.startswith("optimizer.lr: must be a number, got '1e-4'")
    assert "1.0e-4" in line


def test_all_mistakes_are_told_at_once(data, mistakes):
    data["device"], data["threads"] = "gpu", 0
    assert [line.split(":")[0] for line in mistakes(data)] == ["device", "threads"]


def test_paths_join_with_dots_and_brackets():
    assert join_path("a", "b", 0, "c") == "a.b[0].c"


def test_unknown_key_lists_what_is_known_when_nothing_is_near():
    assert unknown_key("zzz", ["b", "a"]) == "unknown key; known: a, b"
    assert unknown_key("alpa", ["alpha"]) == "unknown key, did you mean `alpha`?"


def test_a_config_error_reads_as_its_lines():
    assert str(ConfigError(["a: b", "c: d"])) == "a: b\nc: d"
