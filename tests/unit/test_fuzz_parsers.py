"""Whatever the raw files hold, a source is ingested or refused: by a UserError, in good time.

Nothing is written but the three tables, and they only where all of it is good.
"""

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_sources import SOURCES, Source, Zipped, spoilt, zipped

from recinterpreter import schemas, tables
from recinterpreter.data.readers.literals import blocks
from recinterpreter.errors import UserError
from recinterpreter.stages.ingest_source import ingest_source

SCHEMAS = {"users": schemas.USERS, "items": schemas.ITEMS, "interactions": schemas.INTERACTIONS}
each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
fuzzed = settings(max_examples=60, deadline=10_000)  # milliseconds: a machine may be busy


def ingested(source: Source, packed: dict[str, bytes]) -> UserError | None:
    """Ingest a source in a folder of its own; return the refusal, if it is refused."""
    with TemporaryDirectory() as name:
        folder, out = Path(name, "raw"), Path(name, "out")
        given = source.write(folder, packed)
        before = files_of(folder.parent)
        paths = {table: out / f"{table}.parquet" for table in SCHEMAS}
        try:
            ingest_source(settings=source.settings, files=given, **paths)
        except UserError as error:
            assert files_of(folder.parent) == before
            return error
        after = files_of(folder.parent)
        assert {path: after.pop(path) for path in paths.values()}
        assert after == before
        users, items, events = (tables.read(paths[name], SCHEMAS[name]) for name in SCHEMAS)
        assert {*events["user_id"].to_pylist()} == {*users["user_id"].to_pylist()}
        assert {*events["item_id"].to_pylist()} <= {*items["item_id"].to_pylist()}
        return None


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


@each_source
def test_good_files_are_ingested(source: Source) -> None:
    assert ingested(source, source.packed(source.contents)) is None


@each_source
@given(data=st.data())
@fuzzed
def test_spoilt_files_are_ingested_or_refused(source: Source, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(source.contents)))
    content = data.draw(spoilt(source.contents[name]))
    ingested(source, source.packed({**source.contents, name: content}))


@each_source
def test_digits_of_another_script_are_no_numbers(source: Source) -> None:
    for name in source.contents:
        content = source.contents[name].replace(b"4", "\u0664".encode(), 1)
        ingested(source, source.packed({**source.contents, name: content}))


packed_sources = {n: s for n, s in SOURCES.items() if s.packed(s.contents) != s.contents}
each_packed = pytest.mark.parametrize("source", packed_sources.values(), ids=packed_sources)


@each_packed
@given(data=st.data())
@fuzzed
def test_spoilt_archives_are_ingested_or_refused(source: Source, data: st.DataObject) -> None:
    good = source.packed(source.contents)
    name = data.draw(st.sampled_from(sorted(good)))
    ingested(source, {**good, name: data.draw(spoilt(good[name]))})


zips = {name: source for name, source in SOURCES.items() if isinstance(source, Zipped)}
each_zip = pytest.mark.parametrize("source", zips.values(), ids=zips)


def test_names_that_lead_out_of_a_zip_are_not_followed() -> None:
    for source in zips.values():
        evil = {f"../{name}": content for name, content in source.contents.items()}
        refused = ingested(source, {source.given[0]: zipped(evil)})
        assert "the zip holds no" in str(refused)
        beside = {**evil, "/out/users.parquet": b"", "../../out/x": b"", **source.contents}
        assert ingested(source, {source.given[0]: zipped(beside)}) is None


def changed(archive: bytes, local: int, central: int, value: bytes) -> bytes:
    """Write a value over one of the first member's fields, in both of a zip's lists."""
    again = archive.index(b"PK\1\2") + central
    archive = archive[:again] + value + archive[again + len(value) :]
    return archive[:local] + value + archive[local + len(value) :]


LIES: dict[str, Callable[[bytes], bytes]] = {
    "gigabytes": lambda archive: changed(archive, 22, 24, struct.pack("<I", 2**32 - 2)),
    "fewer bytes": lambda archive: changed(archive, 22, 24, struct.pack("<I", 3)),
    "encrypted": lambda archive: changed(archive, 6, 8, b"\1"),
    "LZMA": lambda archive: changed(archive, 8, 10, struct.pack("<H", 14)),
    "bzip2": lambda archive: changed(archive, 8, 10, struct.pack("<H", 12)),
    "unknown method": lambda archive: changed(archive, 8, 10, struct.pack("<H", 77)),
    "not UTF-8": lambda archive: changed(changed(archive, 6, 8, b"\0\x08"), 30, 46, b"\xff"),
}


@each_zip
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_zip_that_lies_is_refused(source: Source, lie: Callable[[bytes], bytes]) -> None:
    archive = lie(zipped(source.contents))
    assert ingested(source, {source.given[0]: archive}) is not None


@given(st.binary(max_size=300), st.data())
@fuzzed
def test_gzip_is_unpacked_as_the_standard_library_does(content: bytes, data: st.DataObject) -> None:
    """Of whole members, cut ones, more than one, and what is no gzip: the same lines, or none."""
    packed = data.draw(st.sampled_from([gzip.compress(content), gzip.compress(content) * 2]))
    packed += data.draw(st.sampled_from([b"", b"", b"\0" * 9, b"garbage", packed[:20]]))
    packed = data.draw(st.just(packed) | spoilt(packed))
    try:
        wanted = gzip.decompress(packed)
    except (gzip.BadGzipFile, zlib.error, EOFError):
        wanted = None
    with TemporaryDirectory() as name:
        path = Path(name, "x.gz")
        path.write_bytes(packed)
        try:
            found = b"".join(blocks(path, "data.x"))
        except UserError:
            found = None
    assert found == (wanted if not wanted or wanted.endswith(b"\n") else wanted + b"\n")
