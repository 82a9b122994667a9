from detach_core.config.load import load_config


def test_a_split_has_a_part_for_every_dataset_it_names(data):
    split = load_config(data).document.splits["default"]
    assert set(split.datasets) == {"opportunity", "hwu_usp"}
    assert split.datasets["hwu_usp"].hold_out == "subjects"


def test_a_dataset_of_ones_own_may_have_a_part(data):
    data["datasets"]["my_home"] = data["datasets"]["hwu_usp"]
    data["splits"]["default"]["my_home"] = data["splits"]["default"]["hwu_usp"]
    assert "my_home" in load_config(data).document.splits["default"].datasets


def test_a_part_is_checked_like_any_section(set_key, mistakes):
    assert mistakes(set_key("splits.default.hwu_usp.pretrain", 1.0)) == [
        "splits.default.hwu_usp.pretrain: must be < 1, got 1.0"
    ]


def test_holding_out_nothing_is_possible(data):
    data["splits"]["default"]["opportunity"] |= {"hold_out": "nothing", "held_out": []}
    load_config(data)
