"""Files count by what is in them, and a digest is remembered only as long as it is true."""

import os
import shutil
from pathlib import Path

import pytest

from recinterpreter import contents
from recinterpreter.contents import content_digest, digest_of


def test_content_and_names_count_and_dates_do_not(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "w").write_text("1")
    assert content_digest(tmp_path / "a") == content_digest(tmp_path / "b")
    (tmp_path / "b" / "deep" / "w").rename(tmp_path / "b" / "deep" / "v")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")
    # the known answer for "1"
    assert content_digest(tmp_path / "a" / "deep" / "w").startswith("6b86b273ff34fce1")


def test_some_files_count_by_name_and_content_wherever_they_lie(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        for name in ("e.csv", "i.csv"):
            (tmp_path / folder / name).write_text(name)
    here = [tmp_path / "here" / name for name in ("e.csv", "i.csv")]
    there = [tmp_path / "there" / name for name in ("i.csv", "e.csv")]
    assert digest_of(here) == digest_of(there)
    there[0].write_text("another")
    assert digest_of(here) != digest_of(there)


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is worth remembering, in a folder of Snakemake's."""
    monkeypatch.setattr(contents, "_WORTH_REMEMBERING", 3)
    monkeypatch.chdir(tmp_path)
    contents.MEMORY.parent.mkdir()
    file = tmp_path / "weights"
    file.write_text("12345")
    return file


def count_readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    plain = contents._sha256
    monkeypatch.setattr(contents, "_sha256", lambda path: read.append(path) or plain(path))
    return read


def test_a_large_file_is_read_once(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_readings(monkeypatch)
    first = content_digest(large)
    assert content_digest(large) == first
    assert read == [large]


def test_other_content_is_seen_though_it_comes_with_the_old_date_and_size(large: Path) -> None:
    before, date = content_digest(large), large.stat()
    other = large.with_name("other")
    other.write_text("54321")
    shutil.copyfile(other, large)
    os.utime(large, ns=(date.st_atime_ns, date.st_mtime_ns))
    assert large.stat().st_mtime_ns == date.st_mtime_ns
    assert content_digest(large) != before


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"x": 1}'])
def test_a_broken_memory_is_as_good_as_none(large: Path, memory: str) -> None:
    before = content_digest(large)
    contents.MEMORY.write_text(memory)
    assert content_digest(large) == before


def test_where_nothing_can_be_noted_nothing_is(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MEMORY", large.with_name("no") / "memory.json")
    assert content_digest(large) == content_digest(large)
    assert not large.with_name("no").exists()
