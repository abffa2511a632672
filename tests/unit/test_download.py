import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recinterpreter.data.download import download
from recinterpreter.data.downloads import table
from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download
from recinterpreter.stages.download_source import download_source

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes


class Server:
    """A local file server; each request takes the next of the planned behaviours, then serves.

    cut: half of what is asked for, then the connection ends; busy: 503; plain: whole, whatever
    range is asked for; shifted: a range that was not asked for; missing: 404; refuse: 416;
    short, long: another file; endless: no length, more bytes than there should be.
    """

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                server.ranges.append(asked)
                behaviour = server.plan.pop(0) if server.plan else "serve"
                serve(self, behaviour, asked)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.content = CONTENT
        self.url = f"http://127.0.0.1:{self.http.server_port}/data.zip"
        self.gzip_url = f"http://127.0.0.1:{self.http.server_port}/data.gz"


def serve(handler: BaseHTTPRequestHandler, behaviour: str, asked: str | None) -> None:
    refusals = {"busy": 503, "missing": 404, "refuse": 416}
    if behaviour in refusals:
        handler.send_response(refusals[behaviour])
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    content = handler.server.content
    content = {"short": content[:-1], "long": content + b"!", "endless": content + b"!"}.get(
        behaviour, content
    )
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
    start += behaviour == "shifted"
    if start >= len(content):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(content)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if asked and behaviour != "plain":
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        start = 0
        handler.send_response(200)
    body = content[start:]
    if behaviour != "endless":
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if behaviour == "cut":
        body = body[: len(body) // 2]
    handler.wfile.write(body)
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()
    thread.join(timeout=5)


def archive(url: str, content: bytes | None = CONTENT) -> Download:
    """A row of the table; without content its bytes are not known."""
    return Download(
        name="data",
        urls=[url],
        licence="free",
        notice=None,
        bytes=None if content is None else len(content),
        sha256=None if content is None else hashlib.sha256(content).hexdigest(),
        setting="data.path",
    )


def fetch(server: Server, target: Path, attempts: int = 4) -> None:
    download(archive(server.url), target, attempts=attempts, pause=0.001)


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        ([], [None]),
        (["busy", "busy"], [None, None, None]),
        # half, then half of the rest, then the rest
        (["cut", "cut"], [None, "bytes=256000-", "bytes=384000-"]),
        (["cut", "busy", "serve"], [None, "bytes=256000-", "bytes=256000-"]),
        (["cut", "plain"], [None, "bytes=256000-"]),
        (["cut", "shifted"], [None, "bytes=256000-", None]),
        (["cut", "refuse"], [None, "bytes=256000-", None]),
    ],
)
def test_it_arrives_whole(
    server: Server, tmp_path: Path, plan: list[str], ranges: list[str | None]
) -> None:
    server.plan = list(plan)
    target = tmp_path / "raw" / "data.zip"
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ranges
    assert [path.name for path in target.parent.iterdir()] == ["data.zip"]


def test_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "data.zip"
    server.plan = ["cut", "busy"]
    with pytest.raises(UserError, match=r"not downloaded after 2 attempts .*503.*set data.path"):
        fetch(server, target, attempts=2)
    assert not target.exists()
    assert (tmp_path / ".data.zip.part").stat().st_size == len(CONTENT) // 2
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=256000-"


def test_a_part_that_is_whole_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / ".data.zip.part").write_bytes(CONTENT)
    download(archive("http://127.0.0.1:9/none"), tmp_path / "data.zip", attempts=1)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_begun_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".data.zip.part").write_bytes(CONTENT + b"more")
    fetch(server, tmp_path / "data.zip")
    assert server.ranges == [None]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_wrong_checksum_names_both_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    wrong = bytes(reversed(CONTENT))
    with pytest.raises(UserError, match="wrong checksum") as caught:
        download(archive(server.url, wrong), tmp_path / "data.zip")
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_earlier_download_stays_untouched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"earlier")
    with pytest.raises(UserError):
        download(archive(server.url, bytes(len(CONTENT))), tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == b"earlier"


@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        ("short", "has 511999 bytes, wanted 512000"),
        ("long", "has 512001 bytes, wanted 512000"),
        ("endless", "has more than 512000 bytes"),
        ("missing", "answered 404"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(
    server: Server, tmp_path: Path, behaviour: str, complaint: str
) -> None:
    server.plan = [behaviour]
    with pytest.raises(UserError, match=complaint):
        fetch(server, tmp_path / "data.zip")
    assert len(server.ranges) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        ([], [None]),
        (["cut", "cut", "busy"], [None, "half", "three quarters", "three quarters"]),
        (["cut", "plain"], [None, "half"]),
        (["cut", "refuse"], [None, "half", None]),
    ],
)
def test_a_gzip_of_unknown_length_arrives_whole(
    server: Server, tmp_path: Path, plan: list[str], ranges: list[str | None]
) -> None:
    server.http.content = content = gzip.compress(CONTENT, 0)
    half = len(content) // 2
    asked = {"half": half, "three quarters": half + (len(content) - half) // 2}
    server.plan = list(plan)
    download(archive(server.gzip_url, None), tmp_path / "data.gz", pause=0.001)
    assert (tmp_path / "data.gz").read_bytes() == content
    assert server.ranges == [r and f"bytes={asked[r]}-" for r in ranges]


def test_a_whole_part_of_unknown_length_is_taken(server: Server, tmp_path: Path) -> None:
    server.http.content = content = gzip.compress(CONTENT)
    (tmp_path / ".data.gz.part").write_bytes(content)
    download(archive(server.gzip_url, None), tmp_path / "data.gz", pause=0.001)
    assert (tmp_path / "data.gz").read_bytes() == content
    assert server.ranges == [f"bytes={len(content)}-"]


@pytest.mark.parametrize("spoil", [bytes.lower, lambda c: c[:-5], lambda c: c + b"<html>"])
def test_of_unknown_length_the_gzip_vouches_for_itself(server, tmp_path, spoil) -> None:
    server.http.content = spoil(gzip.compress(bytes(range(65, 90))))
    with pytest.raises(UserError, match="damaged or truncated gzip file"):
        download(archive(server.gzip_url, None), tmp_path / "data.gz", pause=0.001)
    assert not list(tmp_path.iterdir())


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError, match="not downloaded after 2 attempts"):
        # port 9 (discard): nobody listens
        download(archive("http://127.0.0.1:9/x"), tmp_path / "data.zip", attempts=2, pause=0.001)


def test_the_stage(server: Server, tmp_path: Path) -> None:
    download_source(settings=archive(server.url), file=tmp_path / "ml-100k.zip")
    assert (tmp_path / "ml-100k.zip").read_bytes() == CONTENT


def test_the_catalogue_of_steam_is_pinned(shared_data: Path) -> None:
    content = (shared_data / "steam" / "steam_games.json.gz").read_bytes()
    row = table()["steam-games"]
    assert len(content) == row.bytes
    assert hashlib.sha256(content).hexdigest() == row.sha256
