"""Shares of the rows of a table: together all of them, each in whole blocks."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from recinterpreter.errors import UserError
from recinterpreter.shards import ALL, Shard


@given(st.integers(0, 500), st.integers(1, 40), st.integers(1, 30))
def test_shares_follow_on_one_another_in_whole_blocks(n: int, block: int, count: int) -> None:
    shares = [Shard(number, count).of(n, block) for number in range(1, count + 1)]
    assert [row for share in shares for row in share] == list(range(n))
    assert all(share.start % block == 0 for share in shares if share)
    sizes = [-(-len(share) // block) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_a_share_is_read_as_snakemake_writes_it() -> None:
    assert Shard.parse("2-of-4") == Shard(2, 4)
    assert list(Shard.parse(ALL).of(3)) == [0, 1, 2]
    assert Shard.parse("12-of-12") == Shard(12, 12)


@pytest.mark.parametrize("text", ["", "2", "2/4", "0-of-4", "5-of-4", "1-of-0", "1-of-4 "])
def test_what_names_no_share_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"wanted a job and how many there are, such as 2-of-4"):
        Shard.parse(text)
