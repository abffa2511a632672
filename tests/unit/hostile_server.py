"""A local file server that misbehaves as it is told, request by request."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from recinterpreter.settings.downloads import Download

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
ABSURD = "9" * 5000
REFUSALS = {"busy": 503, "later": 429, "missing": 404, "forbidden": 403, "refuse": 416}
PAGE = b"<html><title>Log in</title></html>"


class Server:
    """Each request takes the next of the planned behaviours, then the content is served.

    serve: the file, or the range of it that is asked for, if its version is that of If-Range
    cut: half of what is asked for, then the connection ends; "cut 7": seven bytes
    busy, later, missing, forbidden, refuse: 503, 429 (with Retry-After), 404, 403, 416
    plain: the whole file, whatever range is asked for
    careless: a range, whatever version of the file is asked for
    shifted: a range that was not asked for; unasked: the first half as a range; nonsense: no HTTP;
    absurd, patience: a length, a time to wait for, of thousands of digits
    short, long: another file; endless: no length, more bytes than there should be; lying: a
    length of a byte more than come; corrupt: as long as wanted, one byte wrong, "corrupt 7" of
    seven that come
    page: a web page that says so; disguised: one that says it is a file
    packed: gzip on the way; trickle: some bytes now and then
    loop: a redirection to itself; moved: one to where the file is
    """

    def __init__(self, content: bytes = CONTENT) -> None:
        self.plan: list[str] = []
        self.always: str | None = None
        self.content = content
        self.etag: str | None = '"1"'
        self.ranges: list[str | None] = []
        self.asked_for: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.ranges.append(self.headers.get("Range"))
                server.asked_for.append(self.path)
                behaviour = server.plan.pop(0) if server.plan else server.always or "serve"
                self.close_connection = True
                answer(self, server, behaviour)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.url, self.gzip_url = f"{self.address}/data.zip", f"{self.address}/data.gz"


def answer(handler: BaseHTTPRequestHandler, server: Server, behaviour: str) -> None:
    name, _, number = behaviour.partition(" ")
    if name in REFUSALS:
        send(handler, REFUSALS[name], b"", {"Retry-After": "0"} if name == "later" else {})
    elif name in ("page", "disguised"):
        kind = "text/html; charset=utf-8" if name == "page" else "application/zip"
        send(handler, 200, PAGE, {"Content-Type": kind})
    elif name == "absurd":
        begins = handler.headers.get("Range", "bytes=0-").replace("=", " ")
        send(handler, 206, b"x", {"Content-Range": f"{begins}{ABSURD}/{ABSURD}"})
    elif name == "patience":
        send(handler, 503, b"", {"Retry-After": ABSURD})
    elif name in ("loop", "moved"):
        # where it has moved to, the next of the plan is done
        place = handler.path if name == "loop" else f"/elsewhere{handler.path}"
        send(handler, 302, b"", {"Location": place})
    elif name == "nonsense":
        handler.wfile.write(b"NOTHING OF THE KIND\r\n\r\n")
    else:
        serve(handler, server, name, number)


def serve(handler: BaseHTTPRequestHandler, server: Server, name: str, number: str) -> None:
    content, asked = server.content, handler.headers.get("Range")
    if name in ("short", "long", "endless"):
        content = content[:-1] if name == "short" else content + b"!"
    if name == "corrupt":
        content = bytes([content[0] ^ 1]) + content[1:]
    whole, headers = len(content), {"ETag": server.etag} if server.etag else {}
    version = handler.headers.get("If-Range", server.etag)
    if asked and name != "plain" and (name == "careless" or version == server.etag):
        start = int(asked.removeprefix("bytes=").rstrip("-")) + (name == "shifted")
        if start >= whole:
            send(handler, 416, b"", {"Content-Range": f"bytes */{whole}"})
            return
        status, body = 206, content[start:]
        headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
    elif name == "unasked":
        status, body = 206, content[: whole // 2]
        headers["Content-Range"] = f"bytes 0-{len(body) - 1}/{whole}"
    else:
        status, body = 200, content
    length: int | None = len(body) + (name == "lying")
    if name == "packed":
        body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
    if name in ("packed", "endless"):
        length = None
    if number or name == "cut":
        body = body[: int(number) if number else len(body) // 2]
    send(handler, status, body, headers, length, slowly=name == "trickle")


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str],
    length: int | None = 0,
    slowly: bool = False,
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if length is not None:
        handler.send_header("Content-Length", str(length or len(body)))
    handler.end_headers()
    try:
        if slowly:
            for start in range(0, len(body), 1000):
                handler.wfile.write(body[start : start + 1000])
                time.sleep(0.02)
        else:
            handler.wfile.write(body)
    except OSError:  # the client has given up
        pass


@contextmanager
def running(content: bytes = CONTENT) -> Iterator[Server]:
    """Serve on a port of this machine."""
    server = Server(content)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join(timeout=5)


def row(*urls: str, content: bytes | None = CONTENT, notice: str | None = None) -> Download:
    """A row of the table of downloads; without content its bytes are not known."""
    return Download(
        name="data",
        urls=list(urls),
        licence="free",
        notice=notice,
        bytes=None if content is None else len(content),
        sha256=None if content is None else hashlib.sha256(content).hexdigest(),
        setting="data.path",
    )
