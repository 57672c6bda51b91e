"""A server of files on this machine, which can be told to misbehave."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Served:
    """What the server has, how it misbehaves, and what it was asked.

    Attributes:
        url: of the server.
        files: bodies by path, without a leading slash.
        asked: of each request for a file its path, and its headers Range and If-Range.
        ranges: whether it knows ranges.
        versions: whether it says the version of a file by an ETag.
        says_length: whether it says how long a file is.
        breaks: how many bytes of a body it sends before it breaks off, once for each number.
        statuses: it answers with these first, each once; with headers.
        stalls_after: the bytes of a body after which it sends no more, and keeps the connection
            until this is None.
        page: entries on a page of a list.
        headers: it adds these to each answer that has a file.
        heeds_if_range: whether it looks at the header If-Range.
        shift: bytes by which the parts that it gives lie behind those that it was asked for.
        longer: bytes by which it says of parts that the file is longer than it is.
        heads: paths that it was asked about without their bodies.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.ranges = self.versions = self.says_length = True
        self.breaks: list[int] = []
        self.statuses: list[tuple[int, dict[str, str]]] = []
        self.stalls_after: int | None = None
        self.page = 1000
        self.headers: dict[str, str] = {}
        self.heeds_if_range = True
        self.shift = self.longer = 0
        self.heads: list[str] = []

    def etag(self, body: bytes) -> str:
        return f'"{hashlib.md5(body).hexdigest()}"'


@contextmanager
def serving() -> Iterator[Served]:
    """A server, until the block is left."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_address[1]}")
    server.served = served  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def do_HEAD(self) -> None:
        """How long a file is; not disturbed."""
        served: Served = self.server.served  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path).lstrip("/")
        served.heads.append(path)
        body = served.files.get(path)
        self.send_response(404 if body is None else 200)
        if body is not None and served.versions:
            self.send_header("ETag", served.etag(body))
        for name, value in served.headers.items():
            self.send_header(name, value)
        if body is not None and served.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def do_GET(self) -> None:
        served: Served = self.server.served  # type: ignore[attr-defined]
        split = urlsplit(self.path)
        path = unquote(split.path).lstrip("/")
        served.asked.append((path, self.headers.get("Range"), self.headers.get("If-Range")))
        if served.statuses:
            status, headers = served.statuses.pop(0)
            self._answer(status, headers, b"no")
        elif "list-type" in split.query:
            self._answer(
                200, {}, _page(served, path, parse_qs(split.query, keep_blank_values=True))
            )
        elif path not in served.files:
            self._answer(404, {}, b"no")
        else:
            self._file(served, served.files[path])

    def _file(self, served: Served, body: bytes) -> None:
        headers = {"ETag": served.etag(body)} if served.versions else {}
        headers |= served.headers
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, served.etag(body))
        same = same or not served.heeds_if_range
        if not asked or not served.ranges or not same:
            self._answer(200, headers, body)
            return
        start = int(asked[1]) + served.shift
        if start >= len(body):
            self._answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            return
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body) + served.longer}"
        self._answer(206, headers, body[start:])

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        served: Served = self.server.served  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if served.says_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if status in (200, 206) and served.breaks:
            body = body[: served.breaks.pop(0)]
            self.close_connection = True
        stalls = served.stalls_after
        self.wfile.write(body[:stalls])
        if stalls is not None and len(body) > stalls:
            self.close_connection = True
            while served.stalls_after is not None:
                time.sleep(0.01)


def _page(served: Served, bucket: str, query: dict[str, list[str]]) -> bytes:
    """A page of ListObjectsV2."""
    prefix = query["prefix"][0]
    keys = sorted(
        path.removeprefix(f"{bucket}/")
        for path in served.files
        if path.startswith(f"{bucket}/{prefix}")
    )
    start = int(query.get("continuation-token", ["0"])[0])
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size>"
        f"<ETag>&quot;{hashlib.md5(body).hexdigest()}&quot;</ETag></Contents>"
        for key in keys[start : start + served.page]
        for body in [served.files[f"{bucket}/{key}"]]
    )
    more = start + served.page < len(keys)
    token = f"<NextContinuationToken>{start + served.page}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
    ).encode()
