"""A loopback HTTP server that serves one file and misbehaves as told, for the tests of downloads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """What the server does; requests are numbered from 1, and what it was asked is kept in `requests`."""

    body: bytes
    etag: str | None = '"version-1"'
    last_modified: str | None = "Mon, 01 Jan 2024 00:00:00 GMT"
    content_type: str = "application/octet-stream"
    honours_range: bool = True
    honours_if_range: bool = True
    cut_after: int | None = None  # bytes sent of each body before the connection is cut
    cuts: int = 10**6  # number of requests that are cut
    statuses: list[int] = field(default_factory=list)  # statuses of the first requests
    headers: dict[str, str] = field(default_factory=dict)  # more headers, on every answer
    announced: int | None = None  # a wrong Content-Length
    stalls: int = 0  # number of requests after whose first half nothing more comes
    change_at: int | None = None  # number of the request from which on the file is another one
    changed_body: bytes = b""
    requests: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Answers GET as the server's behaviour says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer one request and close the connection."""
        rules: Behaviour = self.server.behaviour
        rules.requests.append(dict(self.headers) | {"path": self.path})
        number = len(rules.requests)
        self.close_connection = True
        if number <= len(rules.statuses) and rules.statuses[number - 1] != 200:
            self._answer(rules, rules.statuses[number - 1], b"no", {})
            return
        changed = rules.change_at is not None and number >= rules.change_at
        body, etag = (rules.changed_body, '"version-2"') if changed else (rules.body, rules.etag)
        headers = {"ETag": etag, "Last-Modified": None if changed else rules.last_modified}
        start = self._start(rules, etag)
        status = 206 if start else 200
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._answer(rules, status, body[start:], headers, number)

    def _start(self, rules: Behaviour, etag: str | None) -> int:
        span = self.headers.get("Range")
        if span is None or not rules.honours_range:
            return 0
        if rules.honours_if_range and self.headers.get("If-Range") not in {etag, rules.last_modified}:
            return 0
        return int(span.removeprefix("bytes=").rstrip("-"))

    def _answer(self, rules: Behaviour, status: int, body: bytes, headers: dict, number: int = 0) -> None:
        self.send_response(status)
        length = rules.announced if rules.announced is not None else len(body)
        every = {"Content-Type": rules.content_type, "Content-Length": str(length), "Connection": "close"}
        for key, value in (every | headers | rules.headers).items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        if 0 < number <= rules.stalls:
            self.wfile.write(body[: len(body) // 2])
            rules.released.wait(5)
        elif 0 < number <= rules.cuts and rules.cut_after is not None:
            self.wfile.write(body[: rules.cut_after])
        else:
            self.wfile.write(body)


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; yields the URL of the file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.behaviour = behaviour
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/catalogue.fits"
    finally:
        behaviour.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
