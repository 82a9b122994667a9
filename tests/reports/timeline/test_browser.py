"""A timeline in a headless Chromium without a network: scrub, click, zoom, keys, and hostile names."""

import shutil

import pytest

from tests.reports.timeline.test_page import HOSTILE, moving, page_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def video():
    from detach_core.reports.timeline.page import encode_proxy

    return encode_proxy(*moving(), max_px=8.0, working_hz=5.0)


@pytest.fixture
def opened(browser, tmp_path):
    """A page opened at a width; what it asked for and complained of must be nothing beyond itself."""
    pages = []

    def opening(text, width=1280):
        path = tmp_path / "timeline.html"
        path.write_text(text, encoding="utf-8")
        page = browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page()
        page.requested, page.complaints, page.own = [], [], path.as_uri()
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: page.complaints.append(said.text))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        pages.append(page)
        return page

    yield opening
    for page in pages:
        assert [url for url in page.requested if url != page.own and not url.startswith(("blob:", "data:"))] == []
        assert page.complaints == []
        page.context.close()


def until(page, is_so, tries=100):
    """Wait in Python: the page's own policy forbids the evaluation of text, by which playwright waits."""
    for _ in range(tries):
        if is_so():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited in vain")


def shown_at(page, selector):
    return page.evaluate("selector => document.querySelector(selector).currentTime", selector)


def time_of(page):
    minutes, seconds = page.inner_text("#time").split(":")
    return 60 * int(minutes) + float(seconds)


def x_of(page, time_s):
    """Place of a time on the chart, from the axis that Plotly drew."""
    return page.evaluate(
        "time => { const c = document.getElementById('chart'), a = c._fullLayout.xaxis;"
        " return c.getBoundingClientRect().left + a._offset + a.d2p(time); }",
        time_s,
    )


def span(page):
    first, last = page.evaluate("document.getElementById('chart').layout.xaxis.range.map(Number)")
    return last - first


def moment(page):
    names, values = (page.locator(f"#moment {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def test_scrubbing_moves_the_time_the_video_the_cursor_and_the_words(opened, video):
    page = opened(page_of(video))
    page.locator("#scrub").evaluate("one => { one.value = 1.2; one.dispatchEvent(new Event('input')); }")
    assert time_of(page) == pytest.approx(1.2)
    until(page, lambda: abs(shown_at(page, "#video") - 1.2) < 0.01)
    cursor = page.locator("#cursor").bounding_box()
    assert cursor["x"] + cursor["width"] / 2 == pytest.approx(x_of(page, 1.2), abs=1.5)
    assert moment(page) == {"True label": "none", "Predicted": "Open Door (0.87)"}


def test_a_click_on_an_event_finds_similar_moments_and_a_click_on_one_goes_there(opened, video):
    page = opened(page_of(video))
    assert page.locator("#similar li").count() == 0
    page.mouse.click(x_of(page, 0.6), page.locator("#chart").bounding_box()["y"] + 34)
    assert time_of(page) == pytest.approx(0.6, abs=0.05)
    assert moment(page)["True label"] == "Open Door"
    found = page.locator("#similar button")
    assert found.all_inner_texts() == ["0:01.0, 0.50\nlabel Open Door, predicted Open Door"]
    assert "Most similar to 0:00.0 to 0:01.0" in page.inner_text("#similar-words")
    until(page, lambda: abs(shown_at(page, "#similar video") - 1.5) < 0.01)
    found.first.click()
    assert time_of(page) == pytest.approx(1.5)


def test_the_keyboard_steps_zooms_and_plays(opened, video):
    page = opened(page_of(video))
    page.keyboard.press("ArrowRight")
    assert time_of(page) == 1.0  # a step is the windows' stride
    page.keyboard.press("ArrowLeft")
    assert time_of(page) == 0.0
    page.keyboard.press("End")
    assert time_of(page) == pytest.approx(2.4)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    before = span(page)
    page.keyboard.press("+")
    until(page, lambda: span(page) < before - 0.1)
    page.keyboard.press("-")
    until(page, lambda: span(page) == pytest.approx(before))
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    until(page, lambda: time_of(page) > 0.3)
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Play"
    assert 0.3 < time_of(page) < 2.4


def test_without_a_video_all_else_works(opened):
    page = opened(page_of())
    assert page.locator("#video").is_hidden()
    assert "no video" in page.inner_text("#no-video")
    page.keyboard.press(" ")
    until(page, lambda: time_of(page) > 0.2)
    page.keyboard.press(" ")
    page.mouse.click(x_of(page, 0.6), page.locator("#chart").bounding_box()["y"] + 34)
    assert page.locator("#similar button").count() == 1
    assert page.locator("#similar video").count() == 0


def test_a_page_whose_video_was_forgotten_says_so(opened, video):
    from detach_core.reports.timeline.page import without_pictures

    page = opened(without_pictures(page_of(video)))
    assert "deleted on request" in page.inner_text("#no-video")


@pytest.mark.parametrize("width", [1280, 480])
def test_nothing_is_wider_than_the_page(opened, video, width):
    page = opened(page_of(video), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    chart = page.locator("#chart").bounding_box()
    assert chart["width"] > 0.5 * width
    assert chart["x"] + chart["width"] <= width
    below = page.locator("#screen").bounding_box()
    assert (chart["y"] > below["y"] + below["height"]) == (width == 480)
    labels = page.locator(".annotation-text").all_text_contents()
    assert [text.split(" (")[0] for text in labels] == ["True label", "Predicted", "Open Door"]


def test_names_of_strangers_are_text(opened):
    page = opened(page_of(name=HOSTILE, class_name=HOSTILE))
    page.mouse.click(x_of(page, 0.6), page.locator("#chart").bounding_box()["y"] + 34)
    assert page.evaluate("window.ran") is None
    assert page.locator("h1").inner_text() == HOSTILE
    assert moment(page)["True label"] == HOSTILE
    assert page.locator("#chart img, #chart a, #side img").count() == 0
