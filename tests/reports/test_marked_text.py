"""Text of others comes out as itself in Markdown's and reStructuredText's common part, in HTML and in LaTeX."""

from html import unescape

import pandas as pd
import pytest
from docutils import nodes
from docutils.core import publish_doctree, publish_parts

from detach_core.reports.captions import as_html, as_label, parts, plain
from detach_core.reports.tables import markdown, web_table

HOSTILE = [
    "<script>alert(1)</script>",
    ".. raw:: html",
    ".. include:: /etc/passwd",
    "`x <javascript:alert(1)>`_",
    "javascript:alert(1)",
    "https://example.org/a",
    "www.example.org",
    "a@example.org",
    ":raw-html:`<b>`",
    "|substitution|",
    "name_ and another__",
    "[1]_ [#]_ [link](javascript:alert(1)) ![x](http://a/b)",
    "*a* **b** ``c`` ~~d~~ $e$",
    "&lt;b&gt; &amp;",
    "back\\slash \\* \\",
    "_a b_",
    "{{ config }} {% x %} ${HOME}",
    "\"quoted\" 'too'",
    "Öffne Tür — 開く",
    "<!-- table1: end -->",
    "a_b hwu_usp",
    "0.5 [0.1, 0.9]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_in_restructured_text_it_is_text_and_nothing_else(text):
    line = markdown_line(text)
    tree = publish_doctree(line, settings_overrides={"report_level": 1, "halt_level": 5, "warning_stream": False})
    assert {type(node) for node in tree.findall()} <= {nodes.document, nodes.paragraph, nodes.strong, nodes.Text}
    assert tree.astext() == f"{text}. Commit: {text}."
    html = publish_parts(line, writer="html")["body"]
    assert "<script" not in html
    assert "href" not in html
    assert text in unescape(html)


def markdown_line(text):
    return markdown(pd.DataFrame({"a": [text]}), text, f"Commit: {plain(text)}.").splitlines()[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_its_pieces_are_its_characters(text):
    assert "".join(piece for piece, _ in parts(plain(text))) == text
    assert not any(is_code for _, is_code in parts(plain(text)))
    assert unescape(as_html(plain(text))) == text
    assert "<" not in as_html(plain(text))


def test_ours_may_hold_code_and_numbers_stay_easy_to_read():
    assert as_html("the `paper` one") == "the <code>paper</code> one"
    for text in ("hwu_usp", "0.474 [0.407, 0.538]", "sensor: GRU state", "sensor spatial + temporal", "± 0.1"):
        assert plain(text) == text


def test_line_breaks_of_every_kind_begin_no_line():
    for character in "\n\r\v\f\x1c\x85\u2028\u2029":
        assert len(plain(f"a{character}b").splitlines()) == 1


def test_a_label_ends_no_script():
    for text in ("</script>", "<!--", "<script", "</SCRIPT >"):
        assert text not in as_label(text)
        assert as_label(text).replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_shows_it_in_title_caption_heading_and_cell(text):
    page = web_table(pd.DataFrame({text: [text]}), text, plain(text), downloads={})
    assert "<script" not in page
    assert unescape(page).count(text) >= 5
