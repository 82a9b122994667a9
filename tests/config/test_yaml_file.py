from typing import Any

import pytest

from detach_core.config.errors import ConfigError
from detach_core.config.yaml_file import in_order_of, read_default, read_layers, read_yaml


def write(tmp_path, text, name="a.yaml"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_a_repeated_key_is_refused_with_its_line(tmp_path):
    with pytest.raises(ConfigError, match="line 3: the key `b` is repeated"):
        read_yaml(write(tmp_path, "a:\n  b: 1\n  b: 2\n"))


@pytest.mark.parametrize(("text", "message"), [("a: [1\n", "line "), ("- 1\n", "must hold keys and values, got list")])
def test_what_is_no_configuration_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_yaml(write(tmp_path, text))


def test_anchors_and_the_word_on_are_read(tmp_path):
    assert read_yaml(write(tmp_path, 'a: &x {k: 1}\nb: *x\nc: {"ON": 1}\n')) == {
        "a": {"k": 1},
        "b": {"k": 1},
        "c": {"ON": 1},
    }


def test_layers_extend_each_other(tmp_path):
    first = write(tmp_path, "a: {b: 1, c: [1, 2]}\n")
    second = write(tmp_path, "a: {c: [3]}\n", "b.yaml")
    assert read_layers([first, second]) == {"a": {"b": 1, "c": [3]}}


def test_layers_merge_as_snakemake_merges_them(tmp_path):
    from snakemake.utils import update_config

    layers = [{"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"c": [3], "e": {"f": 1}}, "d": {"x": 1}}]
    expected: dict[str, Any] = {}
    for layer in layers:
        update_config(expected, layer)
    import yaml

    paths = [write(tmp_path, yaml.safe_dump(layer), f"{index}.yaml") for index, layer in enumerate(layers)]
    assert read_layers(paths) == expected


def test_aliases_may_not_stand_for_more_than_a_configuration_holds(tmp_path):
    few = "a: &a [1, 2]\n" + "".join(
        f"{name}: &{name} [*{above}, *{above}]\n" for above, name in zip("abcd", "bcde", strict=True)
    )
    assert len(read_yaml(write(tmp_path, few))["e"]) == 2
    many = "a: &a [1, 2]\n" + "".join(
        f"a{k}: &a{k} [{', '.join(20 * [f'*a{k - 1}' if k else '*a'])}]\n" for k in range(5)
    )
    with pytest.raises(ConfigError, match="line 5: its aliases expand to more than 100000 values"):
        read_yaml(write(tmp_path, many))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "\n", "# a comment\n", "---\n# one\n", "\ufeff# one\n"])
def test_an_overlay_that_says_nothing_changes_nothing(tmp_path, text):
    assert read_yaml(write(tmp_path, text)) == {}
    assert read_layers([write(tmp_path, "seeds: [1]\n"), write(tmp_path, text, "b.yaml")]) == {"seeds": [1]}


def test_values_take_the_order_of_the_layers_and_keep_what_those_lack():
    layers = {"a": 0, "tables": {"one": 0, "two": 0}, "gone": 1}
    values = {"own": [1], "tables": {"mine": 3, "two": 2, "one": {"x": 1}}, "a": 5}
    found = in_order_of(values, layers)
    assert found == values
    assert (list(found), list(found["tables"])) == (["a", "tables", "own"], ["one", "two", "mine"])


def test_the_default_lies_below_overlays_and_its_users_file_over_the_papers(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "results.yaml").write_text("a: 1\nb: 1\nc: 1\n")
    (tmp_path / "config.yaml").write_text("b: 2\nc: 2\n")
    overlay = write(tmp_path, "c: 3\n", "mine.yaml")
    assert read_default(overlay, checkout=tmp_path) == {"a": 1, "b": 2, "c": 3}
