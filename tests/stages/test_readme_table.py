import pandas as pd
import pytest

from detach_core.reports.pages import markers
from detach_core.stages.readme_table import BLOCK, readme_table

BEGIN, END = markers(BLOCK)
LINE = {
    "dataset": "opportunity",
    "variant": "detach",
    "protocol": "paper",
    "source": "simulated",
    "f1_weighted": 0.6286,
    "f1_weighted_low": 0.5641,
    "f1_weighted_high": 0.697,
    "chance_f1_weighted": 0.072,
    "collapse": "",
    "map": 0.673,
    "seeds": "0",
    "commit": "0123456789ab",
}
ROWS = [
    LINE,
    LINE | {"protocol": "by_recording", "f1_weighted": 0.6653},
    LINE | {"variant": "comodo", "f1_weighted": 0.61},
    LINE | {"dataset": "hwu_usp", "chance_f1_weighted": 0.191, "f1_weighted": 0.5},
]


def run(tmp_path, page_text, rows=ROWS):
    (tmp_path / "table.md").write_text("the table with every column\n")
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "README.md").write_text(page_text)
    readme_table(
        table_path=tmp_path / "table.md",
        readme_path=tmp_path / "README.md",
        done_path=tmp_path / "done",
        log_path=tmp_path / "log",
    )
    return (tmp_path / "README.md").read_text()


def cells(text):
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines]


def test_a_row_is_a_method_and_a_column_a_dataset_and_protocol(tmp_path):
    text = run(tmp_path, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert cells(text) == [
        ["Method", "opportunity, paper", r"opportunity, by_recording", "hwu_usp, paper"],
        ["detach", "0.63 [0.56, 0.70]", "0.67 [0.56, 0.70]", "0.50 [0.56, 0.70]"],
        ["comodo", "0.61 [0.56, 0.70]", "", ""],
    ]
    assert "data: simulated; seeds: 0; " in text
    assert "chance: 0.07 (opportunity, paper), 0.07 (opportunity, by_recording), 0.19 (hwu_usp, paper);" in text
    assert "commit: 0123456789ab." in text
    assert (tmp_path / "done").exists()


def test_what_stands_outside_the_markers_stays(tmp_path):
    text = run(tmp_path, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert text.startswith(f"before\n{BEGIN}\n**Weighted F1.** ")
    assert text.endswith(f"|\n{END}\nafter\n")
    assert "old" not in text


def test_several_seeds_and_commits_are_all_named(tmp_path):
    rows = [
        LINE | {"seeds": "0 1 2", "commit": "aa bb"},
        LINE | {"variant": "comodo", "seeds": "0 1 2", "commit": "bb cc"},
    ]
    text = run(tmp_path, f"{BEGIN}\n{END}\n", rows)
    assert "seeds: 0, 1, 2;" in text
    assert "commit: aa, bb, cc." in text


def test_writing_twice_changes_nothing(tmp_path):
    once = run(tmp_path, f"{BEGIN}\n{END}\n")
    assert run(tmp_path, once) == once


@pytest.mark.parametrize("page", ["no markers", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_page_without_its_markers_is_refused_and_left_alone(tmp_path, page, capfd):
    with pytest.raises(SystemExit):
        run(tmp_path, page)
    assert (tmp_path / "README.md").read_text() == page
    assert not (tmp_path / "done").exists()
    assert "markers" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{name: LINE[name] for name in LINE if name != "commit"}], "found no commit"),
        ([LINE, LINE], "found two rows of 'detach' under one protocol"),
    ],
)
def test_a_table_of_another_shape_is_refused_and_the_page_left_alone(tmp_path, rows, said, capfd):
    page = f"{BEGIN}\nold\n{END}\n"
    with pytest.raises(SystemExit):
        run(tmp_path, page, rows)
    assert (tmp_path / "README.md").read_text() == page
    assert said in capfd.readouterr().err


def test_a_figure_of_a_collapsed_training_is_marked_and_the_mark_explained(tmp_path):
    rows = [LINE, LINE | {"dataset": "hwu_usp", "collapse": "loss contrastive 4.158 of 4.159 at chance"}]
    text = run(tmp_path, f"{BEGIN}\n{END}\n", rows)
    assert cells(text)[1] == ["detach", "0.63 [0.56, 0.70]", "0.63 [0.56, 0.70] †"]
    assert "†: a training that has collapsed" in text.replace("\\", "")
    assert "†" not in run(tmp_path, f"{BEGIN}\n{END}\n", [LINE])
