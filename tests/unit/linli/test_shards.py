"""Which worker serves which community."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.ids import is_id
from linli.shards import MOST, WHOLE, Shard, service_of, shards_of
from linli.testing import matches
from linli.topics import Leaf, status_topic

IDS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(is_id)


@given(IDS, st.integers(1, 64))
def test_each_community_is_in_exactly_one_shard(community: str, count: int) -> None:
    """Whatever it is called, and however many there are."""
    assert sum(shard.covers(community) for shard in shards_of(count)) == 1


def test_the_number_is_that_of_zlib() -> None:
    """Fixed for good: journals lie on disk by it. crc32(b"c001") is 0xA22454A8."""
    assert [shard.covers("c001") for shard in shards_of(8)] == [number == 0xA22454A8 % 8 for number in range(8)]


@given(st.integers(1, MOST).flatmap(lambda count: st.tuples(st.integers(0, count - 1), st.just(count))))
def test_what_is_written_is_read(pair: tuple[int, int]) -> None:
    """With a slash, with a hyphen, in a worker's name, and by the host's ordinal."""
    shard = Shard(*pair)
    assert Shard.parse(str(shard)) == shard
    assert Shard.parse(str(shard).replace("/", "-")) == shard
    assert Shard.parse(f"auto/{shard.count}", f"linli-rules-{shard.number}.linli.svc") == shard
    assert service_of(shard.worker("rules")) == ("rules", shard)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8/8", "count from 0: of 8 they are 0/8 to 7/8"),
        ("1/1", "count from 0: of 1 they are 0/1 to 0/1"),
        ("0/0", "1 to 1000 shards, not 0"),
        ("0/1001", "1 to 1000 shards, not 1001"),
        ("", "written 2/8, 2-8 or auto/8"),
        ("2", "written 2/8, 2-8 or auto/8"),
        ("-1/2", "written 2/8"),
        ("1/2/3", "written 2/8"),
        ("１/2", "written 2/8"),
        ("auto/3", "'laptop' ends in none"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(text: str, said: str) -> None:
    """Out of range, not numbers, a host without an ordinal."""
    with pytest.raises(ValueError, match=said):
        Shard.parse(text, "laptop")


def test_one_worker_is_the_whole_and_called_as_ever() -> None:
    """Name, folder and subscriptions of an installation without shards stay as they were."""
    assert (Shard.parse("0/1"), WHOLE.worker("rules"), WHOLE.folder(Path("rules"))) == (WHOLE, "rules", Path("rules"))
    assert WHOLE.filters([Leaf.URGENT, Leaf.BULK], ["c1"]) == [
        "linli/v1/+/gateway/+/urgent",
        "linli/v1/+/gateway/+/bulk",
    ]
    assert WHOLE.covers("anything")
    assert Shard(2, 8).folder(Path("rules")) == Path("rules/shard-2-of-8")


@given(st.lists(IDS, unique=True, max_size=12), st.integers(2, 5))
def test_the_broker_sends_each_shard_its_own_and_nothing_else(communities: list[str], count: int) -> None:
    """A community's topic matches the filters of the one shard that covers it."""
    for community in communities:
        topic = status_topic(community, "gw")
        for shard in shards_of(count):
            heard = any(matches(pattern, topic) for pattern in shard.filters([Leaf.STATUS], communities))
            assert heard == shard.covers(community)
