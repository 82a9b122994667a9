"""Download of one file over http(s): resumed after an interruption, retried, verified, renamed when complete."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests import exceptions
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from detach_core import __version__
from detach_core.acquisition.partial import Fetched, Partial, Whole, hash_file
from detach_core.acquisition.settings import DownloadSettings, public_url
from detach_core.foundation.errors import BadInputError, UserError

CHUNK = 1 << 18

MAX_REDIRECTS = 5


def fetch(url: str, target: Path, *, sha256: str | None, limits: DownloadSettings, log: logging.Logger) -> Fetched:
    """Download `url` to `target`, unless the file is there already.

    Args:
        url: http or https.
        target: takes its name only when all has come and been checked; the part of a broken transfer stays hidden
            beside it and the next attempt or run resumes it.
        sha256: what the file must be; `None` takes what comes and logs its sum.
        limits: of size, attempts, waits and time.
        log: receives attempts and progress.

    Raises:
        BadInputError: the file that came has another SHA-256; it is removed.
        UserError: the file is not there, may not be read, is too large, has no room, or did not come in time.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(target)
    if here := partial.finished(public_url(url), sha256):
        log.info("%s is here already", target)
        return here
    transfer = _Transfer(url, partial, sha256, limits, log)

    def wait_s(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wished = error.retry_after_s if isinstance(error, TransientError) else 0.0
        doubled = limits.backoff_s * 2.0 ** min(state.attempt_number - 1, 30)
        seconds = min(max(doubled, wished), limits.max_backoff_s)
        log.warning("%s: %s; attempt %d in %.1f s", public_url(url), error, state.attempt_number + 1, seconds)
        return seconds

    attempts = Retrying(
        stop=stop_after_attempt(limits.attempts) | stop_after_delay(limits.limit_s),
        wait=wait_s,
        retry=retry_if_exception_type(TransientError),
        reraise=True,
    )
    try:
        return attempts(transfer.attempt)
    except TransientError as error:
        raise UserError(
            f"{public_url(url)}: {error}; gave up after {attempts.statistics['attempt_number']} attempts; the "
            f"{partial.size()} bytes received are kept, and another run continues from there"
        ) from error


class _Transfer:
    """The attempts at one file."""

    def __init__(
        self,
        url: str,
        partial: Partial,
        sha256: str | None,
        limits: DownloadSettings,
        log: logging.Logger,
    ) -> None:
        self.url, self.partial, self.expected, self.log = url, partial, sha256, log
        self.max_bytes, self.timeout_s = limits.max_bytes, limits.timeout_s
        self.deadline = time.monotonic() + limits.limit_s

    def attempt(self) -> Fetched:
        """Download the file to its end, from where it was interrupted if possible."""
        before = self.partial.whole(public_url(self.url))
        if before and not (self.expected or before.validator or before.length):
            self.partial.discard()  # nothing would tell whether the rest belongs to it
            before = None
        have = self.partial.size()
        if before and before.length == have:
            return self._finish(hash_file(self.partial.path), resumed=True)
        return self._receive(before, have)

    def _receive(self, before: Whole | None, have: int) -> Fetched:
        headers = {"User-Agent": f"detach-core/{__version__}", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if before and before.validator:
                headers["If-Range"] = before.validator
        try:
            with requests.Session() as session:
                session.max_redirects = MAX_REDIRECTS
                with session.get(self.url, headers=headers, stream=True, timeout=self.timeout_s) as response:
                    return self._take(response, before, have)
        except (requests.RequestException, HTTPError) as error:
            raise judge_failure(error, self.url) from error

    def _take(self, response: requests.Response, before: Whole | None, have: int) -> Fetched:
        if response.status_code == 416 and have:
            self.partial.discard()
            raise TransientError("the file is shorter than the part already received, so it is fetched anew")
        check_answer(response, self.url)
        whole, start = whole_of(response, self.url), part_start(response)
        if start not in (0, have) or (start and before and whole.contradicts(before)):
            self.partial.discard()
            raise TransientError("the file has changed since its first part was received, so it is fetched anew")
        self._check_room(whole, start)
        self.partial.begin(whole)
        size, sha256 = start, hash_file(self.partial.path) if start else hashlib.sha256()
        with (
            self.partial.path.open("ab" if start else "wb") as file,
            byte_progress(self.log, self.partial.target.name, total=whole.length, done=start) as advance,
        ):
            # read1 gives what has come: a slow server cannot hold the clock still inside one long read.
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                size += len(chunk)
                if size > self.max_bytes:
                    raise self._too_large(f"more than {self.max_bytes} bytes")
                if time.monotonic() > self.deadline:
                    raise TransientError("it was not complete within download.max_hours")
                try:
                    file.write(chunk)
                except OSError as error:
                    raise UserError(f"{self.partial.path}: cannot be written ({error.strerror}); make room") from error
                sha256.update(chunk)
                advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
        if whole.length is not None and size != whole.length:
            raise TransientError(f"the connection broke off after {size} of {whole.length} bytes")
        return self._finish(sha256, resumed=start > 0)

    def _finish(self, sha256: hashlib._Hash, *, resumed: bool) -> Fetched:
        size, found = self.partial.size(), sha256.hexdigest()
        if self.expected in (None, found):
            note = "as expected" if self.expected else "not checked: put it into download.files to have it checked"
            self.log.info("%s: %d bytes, sha256 %s, %s", public_url(self.url), size, found, note)
            return self.partial.finish(Fetched(public_url(self.url), size, found))
        with self.partial.path.open("rb") as file:
            is_page = file.read(64).lstrip().lower().startswith((b"<!doctype", b"<html"))
        self.partial.discard()
        if resumed:
            raise TransientError("the pieces of several attempts do not fit together, so it is fetched anew")
        raise BadInputError(
            public_url(self.url),
            "sha256",
            found=f"{found} ({size} bytes{', a web page' if is_page else ''})",
            expected=str(self.expected),
            remedy="the file was removed; check url and sha256 in download.files, or fetch the file by hand and use "
            "`source: local`",
        )

    def _check_room(self, whole: Whole, start: int) -> None:
        if whole.length is None:
            return
        if whole.length > self.max_bytes:
            raise self._too_large(f"{whole.length} bytes")
        free = shutil.disk_usage(self.partial.path.parent).free
        if free < whole.length - start:
            raise UserError(
                f"{self.partial.path.parent}: found room for {free} bytes, expected {whole.length - start} for "
                f"{public_url(self.url)}; make room or move the checkout to a larger disk"
            )

    def _too_large(self, found: str) -> UserError:
        self.partial.discard()
        limit = f"at most {self.max_bytes / 1e9:g} GB"
        return UserError(
            f"{public_url(self.url)}: found {found}, expected {limit}; if the file is right, raise "
            f"`download.max_unpacked_gb` in the dataset's section"
        )


BY_HAND = "fetch the file by hand and use `source: local`"

PERMANENT = {
    401: f"requires a login: {BY_HAND}",
    403: f"refuses the file, perhaps because it requires a login: {BY_HAND}",
    404: f"has no such file: correct the url in download.files, or {BY_HAND}",
    410: f"no longer has the file: correct the url in download.files, or {BY_HAND}",
}

PASSING = {408, 425, 429}  # too slow, too early, too often


class TransientError(Exception):
    """A failure that another attempt may overcome; `retry_after_s` is the wait that the server requests."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def judge_failure(error: Exception, url: str) -> Exception:
    """The error to raise when the request itself failed: a `UserError` where a retry cannot succeed."""
    if isinstance(error, exceptions.TooManyRedirects):
        return UserError(f"{public_url(url)}: the server redirects without end; correct the url")
    if isinstance(error, exceptions.SSLError):
        return UserError(
            f"{public_url(url)}: the server's certificate cannot be trusted ({error}); check url and clock"
        )
    if isinstance(error, exceptions.InvalidSchema | exceptions.InvalidURL | exceptions.MissingSchema):
        return UserError(
            f"{public_url(url)}: this address, or the one it redirects to, is not http(s) ({error}); correct it"
        )
    return TransientError(f"the connection failed ({_without_queries(str(error))})")


def check_answer(response: requests.Response, url: str) -> None:
    """Refuse a response that does not carry the file or a part of it.

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
        f"{PERMANENT.get(status, f'does not deliver the file: correct the url in download.files, or {BY_HAND}')}"
    )


def whole_of(response: requests.Response, url: str) -> Whole:
    """Identity of the whole file, as the response states it."""
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
    """The position in the whole file at which the response's body begins."""
    return _content_range(response)[0] if response.status_code == 206 else 0


def _content_range(response: requests.Response) -> tuple[int, int | None]:
    found = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", response.headers.get("Content-Range", ""), re.ASCII)
    if not found:
        raise TransientError("the server sent a part of the file without its position")
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _retry_after_s(response: requests.Response) -> float:
    stated = response.headers.get("Retry-After", "")
    return float(stated) if re.fullmatch("[0-9]{1,9}", stated) else 0.0


def _without_queries(text: str) -> str:
    return re.sub(r"\?[^\s'\")]*", "", text)


SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def byte_progress(
    log: logging.Logger, title: str, *, total: int | None, done: int = 0
) -> Iterator[Callable[[int], None]]:
    """A progress display: a function that takes the size in bytes of each received piece.

    Args:
        log: gets a line every half minute.
        title: what is being done.
        total: of bytes, when known.
        done: bytes that were there already.
    """
    shown = {"bytes": done, "at": _now_s()}
    with tqdm(
        desc=title, total=total, initial=done, unit="B", unit_scale=True, mininterval=5, file=sys.stderr, leave=False
    ) as bar:

        def advance(count: int) -> None:
            bar.update(count)
            shown["bytes"] += count
            now_s = _now_s()
            if now_s - shown["at"] >= SECONDS_BETWEEN_LINES:
                shown["at"] = now_s
                of = f" of {total / 1e6:.0f}" if total else ""
                log.info("%s: %.0f%s MB", title, shown["bytes"] / 1e6, of)

        yield advance


def _now_s() -> float:
    return time.monotonic()
