import json
import re
from io import BytesIO

import av
import numpy as np
import pytest

from detach_core.contracts.frames import compand
from detach_core.reports.timeline.content import Event, Lane, Timeline, Trace
from detach_core.reports.timeline.page import (
    clock,
    encode_proxy,
    flow_colours,
    has_pictures,
    pictures,
    render,
    script_json,
    timeline_page,
    without_pictures,
)

HOSTILE = "</script><img src=x onerror=window.ran=1><b>{{ 7 * 7 }}"


def moving(count=12, height=24, width=32, max_px=8.0):
    """A white column that moves right, and its flow."""
    rgb = np.zeros((count, height, width, 3), np.uint8)
    flow = np.zeros((count, height, width, 2), np.float32)
    for row in range(count):
        rgb[row, :, row : row + 6] = 255
        flow[row, :, row : row + 6, 0] = 6.0
    return rgb, compand(flow, max_px)


@pytest.fixture(scope="module")
def proxy():
    rgb, flow = moving()
    return encode_proxy(rgb, flow, max_px=8.0, working_hz=5.0)


def make_timeline(name="S1-R0", class_name="Open Door"):
    lane = Lane("True label", "annotations", (class_name, "other activity"), (Event(0.2, 1.0, 0), Event(1.5, 2.0, 1)))
    predicted = Lane("Predicted", "by a probe", (class_name,), (Event(0.4, 1.4, 0, 0.87),))
    windows = [
        {
            "start_s": float(k),
            "end_s": k + 1.0,
            "label": 0,
            "predicted": 0,
            "probability": 0.9,
            "protocol": "paper",
            "similar": [[1 - k, 0.5]],
        }
        for k in range(2)
    ]
    trace = Trace(class_name, "V", 0.0, 1.0, np.array([0, 254, 255, 100], np.uint8))
    return Timeline(
        {"recording": name, "dataset": class_name},
        2.4,
        (lane, predicted),
        [trace],
        2.0,
        0.0,
        (class_name,),
        windows,
        ("2 windows held out.",),
    )


def page_of(video=None, **names):
    return timeline_page(make_timeline(**names), video, picture_px=(32, 24), working_hz=5.0)


def test_the_proxy_has_each_frame_at_its_time_the_picture_left_and_the_flow_right(proxy):
    with av.open(BytesIO(proxy), "r") as file:
        found = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    assert [time for time, _ in found] == pytest.approx([k / 5.0 for k in range(12)], abs=2e-3)
    for row, (_, picture) in enumerate(found):
        assert picture.shape == (48, 128, 3)
        left, right = picture[:, :64].astype(int), picture[:, 64:].astype(int)
        column = slice(2 * row + 3, 2 * row + 9)
        assert left[:, column].mean() > 200
        assert np.delete(left, np.r_[max(2 * row - 4, 0) : 2 * row + 16], axis=1).mean() < 40
        assert right[:, column, 0].mean() > 150  # to the right is red
        assert right[:, column, 2].mean() < 100


def test_equal_frames_give_equal_bytes(proxy):
    rgb, flow = moving()
    assert encode_proxy(rgb, flow, max_px=8.0, working_hz=5.0) == proxy


def test_frames_of_odd_sizes_are_encoded():
    rgb, flow = moving(3, 23, 31)
    with av.open(BytesIO(encode_proxy(rgb, flow, max_px=8.0, working_hz=12.5)), "r") as file:
        assert [frame.width for frame in file.decode(video=0)] == [124] * 3


def test_rest_is_black_and_opposite_directions_differ():
    flow = np.zeros((1, 3, 2), np.float32)
    flow[0, 1, 0], flow[0, 2, 0] = 8.0, -8.0
    rest, right, left = flow_colours(compand(flow, 8.0), 8.0)[0].astype(int)
    assert rest.tolist() == [0, 0, 0]
    assert right.tolist() == [255, 0, 0]
    assert left.tolist() == [0, 255, 255]


def test_names_of_strangers_end_no_script_and_are_no_markup():
    page = page_of(name=HOSTILE, class_name=HOSTILE)
    assert "<img src=x" not in page
    assert (
        "49"
        not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL).split("<script type")[0].split("<body>")[1]
    )
    content = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(content)["class_names"] == [HOSTILE]


def test_the_page_loads_nothing_from_anywhere():
    page = page_of()
    assert re.findall(r'<(?:script|link|img|iframe|video|source)[^>]*\s(?:src|href)="([^"]*)"', page) == []
    assert "default-src 'none'" in page


def test_json_holds_no_number_that_javascript_lacks():
    with pytest.raises(ValueError, match="Out of range"):
        script_json({"x": float("nan")})


def test_pictures_go_and_the_rest_stays(proxy):
    page = page_of(proxy)
    assert has_pictures(page)
    bare = without_pictures(page)
    assert not has_pictures(bare)
    assert len(page) - len(bare) > len(proxy)
    assert "pictures forgotten" in bare
    assert page.split('id="proxy">')[0] == bare.split('id="proxy">')[0]
    assert not has_pictures(page_of())


def test_several_pictures_of_a_page_go_one_by_one():
    page = f"a{pictures('one')}b{pictures('two')}c"
    assert without_pictures(page) == "a<!-- pictures forgotten -->b<!-- pictures forgotten -->c"


@pytest.mark.parametrize(
    ("time_s", "text"), [(0.0, "0:00.0"), (59.96, "1:00.0"), (187.5, "3:07.5"), (3600.0, "60:00.0")]
)
def test_a_time_is_minutes_and_seconds(time_s, text):
    assert clock(time_s) == text


def test_a_template_with_a_missing_value_is_an_error():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("timeline.html", title="x")
