"""A loopback server that answers as told: whole files, broken ones, errors, redirections."""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from detach_core.acquisition.settings import DownloadSettings


@dataclass
class Reply:
    """One answer; a path's last one is given again and again."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None
    ignore_range: bool = False
    honour_if_range: bool = True
    length: bool = True
    pause_s: float = 0.0
    chunked: bool = False


class Loopback:
    def __init__(self):
        self.replies: dict[str, Any] = {}
        self.requests: list[Any] = []
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                loopback.requests.append((self.path, dict(self.headers)))
                queue = loopback.replies[self.path.partition("?")[0]]
                reply = queue.pop(0) if len(queue) > 1 else queue[0]
                try:
                    self.answer(reply)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def answer(self, reply):
                status, content, headers = reply.status, reply.content, dict(reply.headers)
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                fresh = not reply.honour_if_range or self.headers.get("If-Range") in (None, headers.get("ETag"))
                if asked and status == 200 and not reply.ignore_range and fresh:
                    start = int(asked[1])
                    if start >= len(content):
                        status, content = 416, b""
                    else:
                        headers.setdefault("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                        status, content = 206, content[start:]
                self.send_response(status)
                self.send_header("Connection", "close")
                if reply.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
                elif reply.length:
                    self.send_header("Content-Length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.pause_s:
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        time.sleep(reply.pause_s)
                else:
                    self.wfile.write(content[: reply.break_after])
                self.close_connection = True

            def log_message(self, *arguments):
                pass

        Handler.protocol_version = "HTTP/1.1"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def url(self, path="/file"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def give(self, *replies, path="/file"):
        self.replies[path] = list(replies)
        return self.url(path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def loopback(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def reply():
    return Reply


@pytest.fixture
def limits():
    return DownloadSettings(attempts=4, backoff_s=0.01, max_backoff_s=0.02, timeout_s=0.3, max_hours=5 / 3600)


@pytest.fixture
def log():
    return logging.getLogger("detach.test")
