"""Lines of Python-2 dictionaries: what the fast way reads is what ast.literal_eval reads."""

import ast
import gzip
import string
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recinterpreter.data.readers import literals
from recinterpreter.data.readers.literals import Fields, blocks, literal
from recinterpreter.errors import UserError

NAMES = ("username", "product_id", "date")


def clean(value: Any) -> str:
    """Write a value so that no two but blank ones look alike."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else f"no text: {value!r}"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


FIELDS = Fields(**dict.fromkeys(NAMES, clean))


def python2(value: Any) -> str:
    """Write a value as Python 2 writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python2(k)}: {python2(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python2, value)) + "]"
    return f"u{value!a}" if isinstance(value, str) else repr(value)


def cleaned(written: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(clean(written.get(name)) or None for name in NAMES)


def slowly(line: bytes) -> tuple[str | None, ...] | None:
    """What a line says, by the standard library alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = ast.literal_eval(line.decode("utf-8").strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return cleaned(found) if isinstance(found, dict) else None


def read(*lines: bytes) -> list[tuple[str | None, ...] | None]:
    """What every line says; None for one that is no dictionary."""
    frame, broken = FIELDS.read(b"".join(line + b"\n" for line in lines))
    assert len(frame) + broken == len(lines)
    one_by_one = [FIELDS.read(line + b"\n")[0].rows() for line in lines]
    assert frame.rows() == [row for alone in one_by_one for row in alone]
    return [alone[0] if alone else None for alone in one_by_one]


awkward = st.text(st.sampled_from("'\"\\\n\r\t{}:, uxU0é♥😀\x85\u2028") | st.characters())
values = st.one_of(
    awkward,
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    st.booleans(),
)
keys = st.sampled_from([*NAMES, "text", "hours", "page", "user_id"])
dictionaries = st.dictionaries(keys, values | st.none() | st.lists(values))


@given(st.lists(dictionaries, min_size=1))
def test_whatever_python_2_writes_is_read(written: list[dict[str, Any]]) -> None:
    lines = [python2(one).encode() for one in written]
    assert read(*lines) == [cleaned(one) for one in written]


def test_the_usual_lines_are_read_without_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "literal", pytest.fail)
    review = {
        "username": 'O\'Neil "x" ♥',
        "hours": 0.1,
        "product_id": "725280",
        "page_order": 0,
        "date": "2017-12-17",
        "text": "it's u'date', 'so\\' \n'}",
        "early_access": False,
        "compensation": None,
    }
    assert read(python2(review).encode()) == [('O\'Neil "x" ♥', "725280", "2017-12-17")]


# pieces of which a broken line may be made that nearly looks right
PIECES = [
    "{", "}", "u'", "'", '"', "u'username': ", "u'date': ", "username", ", ", ": ", "\\", "\\'",
    "\\x4", "\\u26", "\\N{BULLET}", "\\777", "1", "01", "1e5", "-", "True", "None", "[", "]", "#",
    "'a' 'b'", "u'a'", " ", "\t", "\r", "é", "\x00", "\\\n",
]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(PIECES)).map("".join), min_size=1))
@settings(max_examples=300)
def test_nearly_right_lines_are_what_the_standard_library_says(drawn: list[str]) -> None:
    lines = [line.encode() for text in drawn for line in text.split("\n")]
    assert read(*lines) == [slowly(line) for line in lines]


@given(st.binary())
def test_arbitrary_bytes_are_lines_that_say_nothing(content: bytes) -> None:
    lines = content.split(b"\n")
    assert read(*lines) == [slowly(line) for line in lines]


@given(dictionaries, st.data())
def test_a_broken_line_spoils_no_other(written: dict[str, Any], data: st.DataObject) -> None:
    good = python2({"username": "a", "text": "b", **written}).encode()
    broken = good[: data.draw(st.integers(1, len(good) - 1))]
    [first, second, third] = read(good, broken, good)
    assert second is None
    assert first == third == slowly(good)


def test_the_last_of_a_repeated_key_counts() -> None:
    assert read(b"{u'date': u'a', u'date': 1, u'username': None}") == [(None, None, "no text: 1")]
    line = b"{u'product_id': u'a', u'date': u'b', u'date': u'c'}"
    assert read(line) == [(None, "a", "c")]


def test_what_looks_like_a_key_in_a_text_is_none() -> None:
    line = python2({"product_id": "7", "date": "u'username': u'ann', ", "text": "it's u'date': u'"})
    assert "\"u'username': u'ann', \"" in line
    assert read(line.encode()) == [(None, "7", "u'username': u'ann',")]


@pytest.mark.parametrize("bad", ["u'a\rb'", "u'a\0b'", "u'\0'", f"1{5000 * '0'}"])
def test_what_python_refuses_in_a_line_breaks_it(bad: str) -> None:
    assert read(f"{{u'username': u'ann', u'text': {bad}}}".encode()) == [None]


def test_nesting_and_length_without_end_are_broken_lines() -> None:
    assert literal(b"[" * 100_000) is None
    assert literal(b"{u'a': u'" + b"x" * 2**20 + b"'}") is None
    assert literal(b"{[]: 1}") is None


@given(st.lists(st.text(string.ascii_letters, min_size=1)), st.booleans())
def test_blocks_hold_whole_lines(tmp_path_factory, lines: list[str], ended: bool) -> None:
    path = tmp_path_factory.mktemp("blocks") / "x.gz"
    text = "\n".join(lines) + ("\n" if ended and lines else "")
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literals, "_BLOCK", 7)
        found = list(blocks(path, "data.x"))
    assert all(block.endswith(b"\n") for block in found)
    assert b"".join(found).decode().splitlines() == lines


def test_a_line_without_end_takes_no_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(literals, "_BLOCK", 10)
    monkeypatch.setattr(literals, "_LONGEST", 25)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a" * 1000 + b"\n{}\n"))
    found = list(blocks(path, "data.x"))
    assert max(map(len, found)) <= 36
    assert b"".join(found).endswith(b"\n{}\n")


@pytest.mark.parametrize("content", [b"{}\n", gzip.compress(b"{}\n" * 1000)[:-9], b"\x1f\x8b"])
def test_a_damaged_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"truncated or damaged gzip file .*data\.x"):
        list(blocks(path, "data.x"))
    with pytest.raises(UserError, match=r"none\.gz: no such file; correct data\.x"):
        list(blocks(tmp_path / "none.gz", "data.x"))
