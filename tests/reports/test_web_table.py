import base64
import re
from html.parser import HTMLParser

import pandas as pd

from detach_core.reports.tables import web_table

SHOWN = pd.DataFrame(
    {
        "Dataset": ["opportunity", "opportunity", "hwu_usp", "hwu_usp"],
        "Method": ["detach", "<b>", "detach", "`x`"],
        "F1": ["0.537 [0.415, 0.684]", "0.5 ± 0.1 [0.4, 0.6]", "3 x 4 things", ""],
    }
)


class Page(HTMLParser):
    """What a browser would find: tags, text, links."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data):
        self.words.append(data)


def page_of(shown=SHOWN, **changes):
    given = {"title": "Table 1. A < B", "caption": "With `code`.", "downloads": {"table1.csv": "a,b\n1,ü\n"}} | changes
    return web_table(shown, given.pop("title"), given.pop("caption"), **given)


def test_every_row_and_heading_is_there_and_nothing_of_it_is_markup():
    page = Page(page_of())
    assert page.tags.count("tr") == 5
    assert page.tags.count("th") == 3
    assert "b" not in page.tags
    assert "<b>" in page.words
    assert "Table 1. A < B" in page.words


def test_rows_of_one_dataset_stand_together_and_a_table_of_single_rows_is_one_block():
    assert Page(page_of()).tags.count("tbody") == 2
    assert Page(page_of(SHOWN.assign(Dataset=list("abcd")))).tags.count("tbody") == 1


def test_a_figure_with_its_interval_is_not_broken_into_lines_and_words_are():
    assert re.findall(r'class="figure">([^<]*)<', page_of()) == ["0.537 [0.415, 0.684]", "0.5 ± 0.1 [0.4, 0.6]"]


def test_backticks_become_code_and_a_single_one_stays():
    page = page_of(title="a ` b")
    assert "<code>code</code>" in page
    assert "<h1>a ` b</h1>" in page


def test_the_files_below_the_table_come_with_it():
    (link,) = (found for found in Page(page_of()).attributes if "download" in found)
    assert link["download"] == "table1.csv"
    assert base64.b64decode(link["href"].split("base64,")[1]).decode() == "a,b\n1,ü\n"


def test_the_page_asks_the_network_for_nothing():
    page = page_of()
    assert not re.search(r"https?:|src=|@import|url\(", page)
