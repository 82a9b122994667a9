from __future__ import annotations

import pytest
import requests

from detach_core.acquisition.download import TransientError, check_answer, judge_failure, part_start, whole_of
from detach_core.foundation.errors import UserError

URL = "https://user:sesame@example.org/a.zip?token=sesame"


def answer(status=200, headers=None, urls=(URL,)):
    made = []
    for url in urls:
        response = requests.Response()
        response.status_code, response.reason, response.url = status, "Reason", url
        response.headers.update(headers or {})
        made.append(response)
    made[-1].history = made[:-1]
    return made[-1]


@pytest.mark.parametrize("status", [200, 206])
def test_an_answer_with_content_passes(status):
    check_answer(answer(status), URL)


@pytest.mark.parametrize("status", [204, 300, 304, 400, 401, 403, 404, 405, 410, 451])
def test_an_answer_without_the_file_is_final(status):
    with pytest.raises(UserError, match=str(status)) as error:
        check_answer(answer(status), URL)
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize(
    ("stated", "seconds"), [("7", 7.0), ("", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-1", 0.0)]
)
def test_the_servers_wish_to_wait_is_heeded_when_it_is_a_number(stated, seconds):
    with pytest.raises(TransientError) as error:
        check_answer(answer(503, {"Retry-After": stated}), URL)
    assert error.value.retry_after_s == seconds


def test_a_way_from_https_to_http_is_refused():
    with pytest.raises(UserError, match="from https to http"):
        check_answer(answer(urls=("https://a.org/x", "http://b.org/x")), "https://a.org/x")
    check_answer(answer(urls=("http://a.org/x", "https://b.org/x")), "http://a.org/x")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.TooManyRedirects("x"), "without end"),
        (requests.exceptions.SSLError("x"), "certificate"),
        (requests.exceptions.InvalidURL("x"), "not http"),
    ],
)
def test_failures_that_will_not_change_are_final(error, words):
    judged = judge_failure(error, URL)
    assert isinstance(judged, UserError)
    assert words in str(judged)
    assert "sesame" not in str(judged)


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("x"), requests.Timeout("x"), requests.exceptions.ChunkedEncodingError("x")]
)
def test_failures_of_the_connection_may_pass(error):
    assert isinstance(judge_failure(error, URL), TransientError)


def test_queries_are_left_out_of_connection_errors():
    error = requests.ConnectionError("Max retries exceeded with url: /a.zip?token=sesame (Caused by x)")
    assert "sesame" not in str(judge_failure(error, URL))


@pytest.mark.parametrize(
    ("status", "headers", "start", "length"),
    [
        (200, {"Content-Length": "10"}, 0, 10),
        (200, {}, 0, None),
        (200, {"Content-Length": "ten"}, 0, None),
        (206, {"Content-Range": "bytes 4-9/10", "Content-Length": "6"}, 4, 10),
        (206, {"Content-Range": "bytes 4-9/*"}, 4, None),
    ],
)
def test_start_and_whole_length_are_read_from_the_headers(status, headers, start, length):
    response = answer(status, headers)
    assert part_start(response) == start
    assert whole_of(response, URL).length == length


@pytest.mark.parametrize("stated", ["", "bytes x-9/10", "items 4-9/10", "bytes 4-9"])
def test_a_part_that_does_not_say_which_is_not_taken(stated):
    with pytest.raises(TransientError, match="without its position"):
        part_start(answer(206, {"Content-Range": stated}))


def test_the_whole_keeps_what_tells_the_file_again_and_no_secret():
    whole = whole_of(answer(200, {"ETag": '"v1"', "Last-Modified": "then"}), URL)
    assert (whole.url, whole.etag, whole.last_modified) == ("https://example.org/a.zip", '"v1"', "then")
