"""Consequence of a server's answer for a transfer: go on, begin anew, try again later, or give up and say why."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests
from requests import exceptions

from detach_core.acquisition.partial import Whole
from detach_core.acquisition.settings import public_url
from detach_core.foundation.errors import UserError

BY_HAND = "fetch the file by hand and use `source: local`"
PERMANENT = {
    401: f"wants a login: {BY_HAND}",
    403: f"refuses the file, perhaps for want of a login: {BY_HAND}",
    404: f"knows no such file: correct the url in download.files, or {BY_HAND}",
    410: f"has the file no longer: correct the url in download.files, or {BY_HAND}",
}
PASSING = {408, 425, 429}  # too slow, too early, too often


class TransientError(Exception):
    """The transfer failed in a way that another attempt may mend; `retry_after_s` is the server's own wish."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def judge_failure(error: Exception, url: str) -> Exception:
    """The error to raise when the request itself failed: a `UserError` where trying again cannot help."""
    if isinstance(error, exceptions.TooManyRedirects):
        return UserError(
            f"{public_url(url)}: the server sends from one address to the next without end; correct the url"
        )
    if isinstance(error, exceptions.SSLError):
        return UserError(
            f"{public_url(url)}: the server's certificate cannot be trusted ({error}); check url and clock"
        )
    if isinstance(error, exceptions.InvalidSchema | exceptions.InvalidURL | exceptions.MissingSchema):
        return UserError(f"{public_url(url)}: this, or the address it leads to, is not http(s) ({error}); correct it")
    return TransientError(f"the connection failed ({_without_queries(str(error))})")


def check_answer(response: requests.Response, url: str) -> None:
    """Let only an answer pass that carries the file or a part of it.

    Raises:
        UserError: the file cannot be had this way.
        TransientError: it may be had later.
    """
    schemes = [urlsplit(answer.url).scheme for answer in (*response.history, response)]
    if "http" in schemes[1:] and schemes[0] == "https":
        raise UserError(f"{public_url(url)}: leads from https to http, where anyone may change the file; {BY_HAND}")
    status = response.status_code
    if status in (200, 206):
        return
    if status in PASSING or status >= 500:
        raise TransientError(f"the server answered {status} {response.reason}", _retry_after_s(response))
    raise UserError(
        f"{public_url(url)}: the server answered {status} {response.reason} and "
        f"{PERMANENT.get(status, f'does not give the file: correct the url in download.files, or {BY_HAND}')}"
    )


def whole_of(response: requests.Response, url: str) -> Whole:
    """Identity of the whole file, as the answer states it."""
    if response.status_code == 206:
        length = _content_range(response)[1]
    else:
        stated = response.headers.get("Content-Length", "")
        length = int(stated) if stated.isascii() and stated.isdigit() else None
    return Whole(
        url=public_url(url),
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
        length=length,
    )


def part_start(response: requests.Response) -> int:
    """The position in the whole file at which the answer's body begins."""
    return _content_range(response)[0] if response.status_code == 206 else 0


def _content_range(response: requests.Response) -> tuple[int, int | None]:
    found = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", response.headers.get("Content-Range", ""), re.ASCII)
    if not found:
        raise TransientError("the server sent a part of the file and did not say which")
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _retry_after_s(response: requests.Response) -> float:
    stated = response.headers.get("Retry-After", "")
    return float(stated) if re.fullmatch("[0-9]{1,9}", stated) else 0.0


def _without_queries(text: str) -> str:
    return re.sub(r"\?[^\s'\")]*", "", text)
