"""Downloads end right or with a clear error, never with a bad file in place."""

import gzip
import hashlib
import io
import random
import resource
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_server import CONTENT, PAGE, Server, row, running

from recinterpreter.data import transfer
from recinterpreter.data.download import download
from recinterpreter.data.downloads import table
from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download
from recinterpreter.stages.download_source import download_source

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
HALF, THREE_QUARTERS = "bytes=256000-", "bytes=384000-"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def mirror() -> Iterator[Server]:
    with running() as started:
        yield started


def fetch(wanted: Download, target: Path, attempts: int = 4) -> None:
    download(wanted, target, attempts=attempts, pause=0.001)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        ([], [None]),
        (["busy", "later"], [None, None, None]),
        (["patience"], [None, None]),
        # half, then half of the rest, then the rest
        (["cut", "cut"], [None, HALF, THREE_QUARTERS]),
        (["cut", "busy", "serve"], [None, HALF, HALF]),
        (["cut", "plain"], [None, HALF]),
        (["cut", "shifted"], [None, HALF, None]),
        (["cut", "refuse"], [None, HALF, None]),
        (["cut 0", "cut 1"], [None, None, "bytes=1-"]),
        (["nonsense", "cut"], [None, None, HALF]),
        (["unasked"], [None, HALF]),
        (["moved"], [None, None]),
        (["moved", "cut", "moved"], [None, None, HALF, HALF]),
        (["packed"], [None]),
        # no range can be asked of what was packed on the way
        (["cut", "packed"], [None, HALF]),
        # a byte that was wrong in the first piece shows in the end: once more, as a whole
        (["corrupt 256000"], [None, HALF, None]),
    ],
)
def test_it_arrives_whole(
    server: Server, tmp_path: Path, plan: list[str], ranges: list[str | None]
) -> None:
    server.plan = list(plan)
    fetch(row(server.url), tmp_path / "raw" / "data.zip")
    assert (tmp_path / "raw" / "data.zip").read_bytes() == CONTENT
    assert server.ranges == ranges
    assert names(tmp_path / "raw") == ["data.zip"]


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("short", "the server has 511999 bytes, wanted 512000"),
        ("long", "the server has 512001 bytes, wanted 512000"),
        ("lying", "the server has 512001 bytes, wanted 512000"),
        ("endless", "has more than 512000 bytes"),
        ("missing", "answered 404 Not Found"),
        ("forbidden", "answered 403 Forbidden"),
        ("page", "a web page came in place of the file"),
        ("disguised", f"has {len(PAGE)} bytes, wanted 512000; .* a proxy answers in its place"),
        ("corrupt", "wrong checksum: got sha256 [0-9a-f]{64}, wanted [0-9a-f]{64}"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(
    server: Server, tmp_path: Path, behaviour: str, told: str
) -> None:
    server.plan = [behaviour]
    with pytest.raises(UserError, match=f"{told}.*set data.path to where it is"):
        fetch(row(server.url), tmp_path / "data.zip")
    assert len(server.ranges) == 1
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("busy", r"not downloaded after 4 attempts \(the server answered 503"),
        ("cut 0", r"not downloaded after 4 attempts \(peer closed connection"),
        ("nonsense", r"not downloaded after 4 attempts \("),
        ("loop", "maximum allowed redirects"),
    ],
)
def test_what_never_mends_fails_in_the_end(
    server: Server, tmp_path: Path, behaviour: str, told: str
) -> None:
    server.always = behaviour
    with pytest.raises(UserError, match=f"{told}.*set data.path"):
        fetch(row(server.url), tmp_path / "data.zip")
    assert "data.zip" not in names(tmp_path)


BEHAVIOURS = [
    *("serve", "cut", "busy", "later", "missing", "refuse", "plain", "careless", "shifted"),
    *("unasked", "nonsense", "short", "long", "endless", "lying", "corrupt", "corrupt 99999"),
    *("page", "disguised", "packed", "loop", "moved", "absurd", "patience"),
]


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_server_does_no_bad_file_gets_the_name(
    server: Server, tmp_path: Path, seed: int, known: bool
) -> None:
    rng = random.Random(seed)
    server.content = content = CONTENT if known else gzip.compress(rng.randbytes(100_000))
    server.plan = [
        f"cut {rng.randrange(len(content))}" if rng.random() < 0.5 else rng.choice(BEHAVIOURS)
        for _ in range(6)
    ]
    plan, target = list(server.plan), tmp_path / "data"
    wanted = row(server.url) if known else row(server.gzip_url, content=None)
    for _ in plan:
        try:
            fetch(wanted, target)
        except UserError:
            assert not target.exists()
        else:
            break
    # a run for each mishap: now the plan is at its end, and all has come
    assert target.read_bytes() == content, plan
    assert names(tmp_path) == ["data"]


def test_attempts_that_get_on_are_not_counted(server: Server, tmp_path: Path) -> None:
    server.content = content = CONTENT * 20
    server.plan = [f"cut {2**20 + n}" for n in range(9)]
    fetch(row(server.url, content=content), tmp_path / "data.zip", attempts=2)
    assert (tmp_path / "data.zip").read_bytes() == content


def test_a_trickle_is_given_up_and_gone_on_from(
    server: Server, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(transfer, "_WINDOW", 0.1)
    monkeypatch.setattr(transfer, "_LEAST", 100_000)
    server.plan = ["trickle"]
    fetch(row(server.url), tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert len(server.ranges) == 2
    assert server.ranges[1] is not None


def test_a_page_in_place_of_the_file_costs_nothing_of_what_has_come(server, tmp_path) -> None:
    server.plan = ["cut", "disguised"]
    with pytest.raises(UserError, match=r"a proxy answers in its place.*run again to go on from"):
        fetch(row(server.url), tmp_path / "data.zip")
    fetch(row(server.url), tmp_path / "data.zip")
    assert server.ranges == [None, HALF, HALF]


def test_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    server.plan = ["cut", "busy"]
    with pytest.raises(UserError, match=r"503.*run again to go on from .*\.data\.zip\.part"):
        fetch(row(server.url), tmp_path / "data.zip", attempts=2)
    assert (tmp_path / ".data.zip.part").read_bytes() == CONTENT[: len(CONTENT) // 2]
    fetch(row(server.url), tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert server.ranges[-1] == HALF


@pytest.mark.parametrize("etag", ['"2"', 'W/"1"', None])
@pytest.mark.parametrize("behaviour", ["serve", "careless"])
def test_two_versions_of_a_file_are_never_glued(
    server: Server, tmp_path: Path, etag: str | None, behaviour: str
) -> None:
    """Its tag changes with the file; or there is none, and the checksum shows it."""
    old, new = (gzip.compress(bytes([n]) * 200_000 + CONTENT, 0) for n in (1, 2))
    server.etag = etag and etag.replace("2", "1")
    server.content, server.plan = old, ["cut", "missing"]
    wanted = row(server.gzip_url, content=None)
    with pytest.raises(UserError, match="answered 404"):
        fetch(wanted, tmp_path / "data.gz")
    assert (tmp_path / ".data.gz.part").exists()
    server.content, server.etag, server.plan = new, etag, [behaviour]
    fetch(wanted, tmp_path / "data.gz")
    assert (tmp_path / "data.gz").read_bytes() == new


@pytest.mark.parametrize("part", [CONTENT[:1000], CONTENT + b"more", bytes(len(CONTENT))])
@pytest.mark.parametrize(
    "note", [None, "", "[]", '{"url": "http://elsewhere/", "validator": null}']
)
def test_a_part_of_unknown_origin_is_begun_anew(
    server: Server, tmp_path: Path, part: bytes, note: str | None
) -> None:
    (tmp_path / ".data.zip.part").write_bytes(part)
    if note is not None:
        (tmp_path / ".data.zip.part.json").write_text(note)
    fetch(row(server.url), tmp_path / "data.zip")
    assert server.ranges == [None]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["data.zip"]


def test_a_part_that_is_whole_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / ".data.zip.part").write_bytes(CONTENT)
    fetch(row("http://127.0.0.1:9/none"), tmp_path / "data.zip", attempts=1)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_wrong_checksum_names_both(server: Server, tmp_path: Path) -> None:
    wrong = bytes(reversed(CONTENT))
    (tmp_path / "data.zip").write_bytes(b"earlier")
    with pytest.raises(UserError, match="wrong checksum") as caught:
        fetch(row(server.url, content=wrong), tmp_path / "data.zip")
    for content in (CONTENT, wrong):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)
    assert names(tmp_path) == ["data.zip"]
    assert (tmp_path / "data.zip").read_bytes() == b"earlier"


@pytest.mark.parametrize(
    "behaviour", ["missing", "busy", "corrupt", "short", "page", "loop", "cut"]
)
def test_a_mirror_gives_what_the_official_address_does_not(
    server: Server, mirror: Server, tmp_path: Path, behaviour: str
) -> None:
    server.always = behaviour
    mirror.etag = None
    fetch(row(server.url, mirror.url), tmp_path / "data.zip", attempts=2)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert mirror.ranges == [None]  # never glued to what came from elsewhere


def test_a_mirror_is_not_asked_without_need(server: Server, mirror: Server, tmp_path: Path) -> None:
    server.plan = ["cut", "busy"]
    fetch(row(server.url, mirror.url), tmp_path / "data.zip")
    assert not mirror.ranges


def test_when_no_address_gives_it_all_are_told(
    server: Server, mirror: Server, tmp_path: Path
) -> None:
    server.always, mirror.always = "missing", "corrupt"
    with pytest.raises(UserError) as caught:
        fetch(row(server.url, mirror.url), tmp_path / "data.zip")
    told = str(caught.value)
    assert f"{server.url}: the server answered 404 Not Found; {mirror.url}: wrong checksum" in told
    assert "\n" not in told  # the end of a run repeats the last line of a log


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        ([], [None]),
        (["cut", "cut", "busy"], [None, "half", "three quarters", "three quarters"]),
        (["cut", "plain"], [None, "half"]),
        (["cut", "refuse"], [None, "half", None]),
        # after a length that is a lie, nothing is left to ask for
        (["lying"], [None, "all"]),
        (["unasked"], [None, "half"]),
    ],
)
def test_a_gzip_of_unknown_length_arrives_whole(
    server: Server, tmp_path: Path, plan: list[str], ranges: list[str | None]
) -> None:
    server.content = content = gzip.compress(CONTENT, 0)
    half, whole = len(content) // 2, len(content)
    asked = {"half": half, "three quarters": half + (whole - half) // 2, "all": whole}
    server.plan = list(plan)
    fetch(row(server.gzip_url, content=None), tmp_path / "data.gz")
    assert (tmp_path / "data.gz").read_bytes() == content
    assert server.ranges == [r and f"bytes={asked[r]}-" for r in ranges]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("u.data", CONTENT[:5000])
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["data.gz", "data.zip"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c[:-5],
        lambda c: b"<html>" + c[6:],
        lambda c: c[:100] + bytes([c[100] ^ 1]) + c[101:],
        lambda _: PAGE,
        lambda _: b"",
    ],
    ids=["cut", "overwritten", "a bit flipped", "a page", "nothing"],
)
def test_of_unknown_bytes_the_archive_vouches_for_itself(server, tmp_path, spoil, name) -> None:
    whole = gzip.compress(CONTENT[:5000], 0) if name == "data.gz" else zipped()
    server.content = spoil(whole)
    wanted = row(f"{server.address}/{name}", content=None)
    with pytest.raises(UserError, match=r"a damaged (or truncated )?(gzip|zip) file"):
        fetch(wanted, tmp_path / name)
    assert not names(tmp_path)
    server.content = whole
    fetch(wanted, tmp_path / name)
    assert (tmp_path / name).read_bytes() == whole


def test_a_gzip_that_is_packed_on_the_way_is_told(server: Server, tmp_path: Path) -> None:
    server.content, server.plan = gzip.compress(CONTENT), ["packed"]
    with pytest.raises(UserError, match="a gzip within a gzip"):
        fetch(row(server.gzip_url, content=None), tmp_path / "data.gz")
    assert not names(tmp_path)


def test_no_network(tmp_path: Path) -> None:
    # port 9 (discard): nobody listens
    wanted = row("http://127.0.0.1:9/data.zip")
    told = r"after 2 attempts .*refused.*on a machine with a network .* set data.path"
    with pytest.raises(UserError, match=told):
        fetch(wanted, tmp_path / "data.zip", attempts=2)
    assert not names(tmp_path)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_asked(server, tmp_path, monkeypatch, variable) -> None:
    monkeypatch.setenv(variable, server.address)
    fetch(row("http://files.invalid/data.zip"), tmp_path / "data.zip")
    assert server.asked_for == ["http://files.invalid/data.zip"]


def test_no_proxy_is_respected(server: Server, mirror: Server, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", mirror.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fetch(row(server.url), tmp_path / "data.zip")
    assert not mirror.asked_for


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "socks5://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told(tmp_path: Path, monkeypatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UserError, match="the proxy that the environment names cannot be used"):
        fetch(row("http://files.invalid/data.zip"), tmp_path / "data.zip")


def test_a_disk_without_room_is_told_before(server: Server, tmp_path: Path, monkeypatch) -> None:
    usage = namedtuple("usage", "free")(free=10_000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"0\.00 GB are free, 0\.00 GB are to come; make room"):
        fetch(row(server.url), tmp_path / "data.zip")
    assert not names(tmp_path)


def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(server: Server, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match="File too large; what has come is kept, make room"):
            fetch(row(server.url), tmp_path / "data.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    fetch(row(server.url), tmp_path / "data.zip")
    assert server.ranges == [None, "bytes=100000-"]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_terms_are_shown_once_before_and_kept_beside(server, tmp_path, caplog) -> None:
    server.plan = ["cut", "busy"]
    with caplog.at_level("INFO", "recinterpreter"):
        fetch(row(server.url, notice="Cite us.\n"), tmp_path / "data.zip")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:3] == [f"data from {server.url}", "Licence: free", "Cite us."]
    assert lines.count("Cite us.") == 1
    assert names(tmp_path) == ["data.zip", "data.zip.LICENCE.txt"]
    kept = (tmp_path / "data.zip.LICENCE.txt").read_text()
    assert kept == f"data from {server.url}\nLicence: free\nCite us.\n"


def test_the_stage(server: Server, tmp_path: Path) -> None:
    download_source(settings=row(server.url), file=tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_the_catalogue_of_steam_is_pinned(shared_data: Path) -> None:
    content = (shared_data / "steam" / "steam_games.json.gz").read_bytes()
    pinned = table()["steam-games"]
    assert len(content) == pinned.bytes
    assert hashlib.sha256(content).hexdigest() == pinned.sha256
