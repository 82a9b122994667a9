import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.colors import to_rgb

from detach_core.reports.figures import drawing


def lightness(colour):
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(colour))
    return 116.0 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) ** (1 / 3) - 16.0


def example(provenance_panels=(1, 2)):
    with drawing.house_style():
        figure, axes = drawing.new_figure(width="column", height_in=2.0, panels=provenance_panels, share_y=True)
        for panel in axes.flat:
            panel.plot([0, 1], [2, 3], label="a line")
            panel.set(xlabel="epoch", ylabel="weight")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center")
    return figure


def test_neighbouring_colours_differ_on_a_greyscale_printer():
    tones = [lightness(colour) for colour in drawing.COLOURS]
    assert min(abs(np.diff(tones))) > 5.0
    kinds = sorted(lightness(one.colour) for one in drawing.KIND_STYLES.values())
    assert min(np.diff(kinds)) > 12.0


def test_kinds_of_pairs_differ_by_line_and_by_marker_too():
    kinds = drawing.KIND_STYLES.values()
    assert len({one.line for one in kinds}) == len({one.marker for one in kinds}) == 3


def test_the_style_ends_with_its_block_and_a_user_s_own_settings_change_nothing():
    with matplotlib.rc_context({"font.size": 30.0, "axes.grid": True}):
        with drawing.house_style():
            assert matplotlib.rcParams["font.size"] == drawing.TEXT_PT
            assert matplotlib.rcParams["axes.grid"] is False
        assert matplotlib.rcParams["font.size"] == 30.0


@pytest.mark.parametrize(("width", "inches"), [("column", 3.35), ("page", 7.0)])
def test_a_figure_is_as_wide_as_a_column_or_a_page(width, inches):
    figure, axes = drawing.new_figure(width=width, height_in=2.0, panels=(2, 3))
    assert figure.get_size_inches()[0] == inches
    assert axes.shape == (2, 3)


def test_panels_legend_and_a_long_provenance_line_do_not_overlap(texts_stand_apart):
    figure = example()
    drawing.add_provenance(figure, " · ".join(["Simulated data", "held-out part, 239 windows", "seeds 0, 1, 2"] * 3))
    texts_stand_apart(figure)


def test_the_provenance_line_breaks_between_facts():
    figure = example()
    facts = ["Simulated data", "opportunity, held-out part, 239 windows", "seed 0", "commit cf2f2075ba50"]
    drawing.add_provenance(figure, " · ".join(facts))
    (text,) = [text for text in figure.texts if text.get_gid() == "provenance"]
    lines = text.get_text().split("\n")
    assert len(lines) > 1
    assert [fact for line in lines for fact in line.split(" · ")] == facts


def test_a_fact_longer_than_the_figure_is_broken_inside(texts_stand_apart):
    figure = example()
    drawing.add_provenance(figure, "a fact of many words " * 20)
    texts_stand_apart(figure)


def test_equal_figures_are_equal_bytes_with_embedded_fonts_and_without_a_date(tmp_path):
    saved = [drawing.save_figure(example(), tmp_path / name / "figure4", provenance="Simulated data") for name in "ab"]
    assert saved[0] == (tmp_path / "a" / "figure4.pdf", tmp_path / "a" / "figure4.png")
    for first, second in zip(*saved, strict=True):
        assert first.read_bytes() == second.read_bytes()
    pdf = saved[0][0].read_bytes()
    assert b"/CreationDate" not in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["figure4.pdf", "figure4.png"]


def test_a_picture_has_at_least_two_hundred_dots_an_inch(tmp_path):
    _, png = drawing.save_figure(example(), tmp_path / "figure4", provenance="Simulated data")
    assert matplotlib.image.imread(png).shape[1] >= 3.35 * 200


def test_a_figure_that_cannot_be_drawn_leaves_no_file(tmp_path):
    figure = example()
    figure.axes[0].set_title("$\\no_such_symbol$")
    with pytest.raises(ValueError, match="no_such_symbol"):
        drawing.save_figure(figure, tmp_path / "figure4", provenance="Simulated data")
    assert list(Path(tmp_path).iterdir()) == []


def test_a_panel_without_units_has_a_frame_and_no_ticks():
    _, axes = drawing.new_figure(width="column", height_in=2.0)
    drawing.hide_ticks(axes[0, 0])
    assert len(axes[0, 0].get_xticks()) == len(axes[0, 0].get_yticks()) == 0
    assert all(spine.get_visible() for spine in axes[0, 0].spines.values())


@pytest.mark.parametrize("name", ["a $b$ c", "$", r"a\$b", "_c", "<x> & *y* |", "50 % #1 ^2 {3}", "Öffne"])
def test_a_name_comes_out_as_itself_in_a_figure_and_in_its_legend(name):
    with drawing.house_style():
        figure, axes = drawing.new_figure(width="column", height_in=2.0)
        axes[0, 0].plot([0, 1], label=drawing.literal(name))
        axes[0, 0].set_title(drawing.literal(name))
        legend = figure.legend()
        FigureCanvasPdf(figure).print_pdf(io.BytesIO())
        (entry,) = legend.get_texts()
        texts: tuple[Any, ...] = (entry, axes[0, 0].title)
        for text in texts:
            shown, is_math = text._preprocess_math(text.get_text())
            assert not is_math
            assert shown.lstrip("\N{ZERO WIDTH SPACE}") == name
