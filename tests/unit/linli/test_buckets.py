"""Token buckets, as passwords and requests are counted by."""

from hypothesis import given
from hypothesis import strategies as st

from linli.buckets import Bucket, Buckets


def test_a_bucket_is_emptied_and_fills_again() -> None:
    """One token comes back each `refill_s`, up to `size`."""
    bucket = Bucket(2, 10.0, 2, 0.0)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [0.0, 0.0, 10.0]
    assert bucket.full_in_s == 20.0
    assert bucket.take(5.0) == 5.0
    assert bucket.take(10.0) == 0.0
    assert bucket.wait(1000.0) == 0.0
    assert bucket.left == 2


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 5))
def test_never_more_than_size_and_what_was_filled(times: list[float], size: int) -> None:
    """Whenever they come, no stretch of time has more than a full bucket and its refill."""
    bucket, granted = Bucket(size, 2.0, size, 0.0), 0
    for now in sorted(times):
        granted += bucket.take(now) == 0.0
        assert granted <= size + now / 2.0 + 1e-6


def test_a_table_is_bounded_and_forgets_who_came_longest_ago() -> None:
    """What was used meanwhile stays."""
    table: Buckets[str] = Buckets(1, 10.0, 2)
    for key in ("a", "b", "a", "c"):
        table.of(key, 0.0)
    assert ("a" in table, "b" in table, "c" in table, len(table)) == (True, False, True, 2)
    table.forget("a")
    table.forget("nobody")
    assert table.get("a") is None


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    """A monotonic clock does not, but a table must outlive one that does."""
    bucket = Bucket(1, 1.0, 1, 5.0)
    assert bucket.take(1.0) == 0.0
