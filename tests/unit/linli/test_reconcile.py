"""The arithmetic of `linli reconcile`: every difference is named, and what is explained is not called missing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import DAY, SECOND
from linli.db.heartbeats import Counted, Heartbeat
from linli.db.tallies import RulesTally
from linli.model import Consumer, Lane, LaneKey, Tally, TallyKey
from linli.reconcile import Counts, Kind, Reconciliation, day_text, reconcile, totals

TODAY = 20_000
NOW = TODAY * DAY + 12 * 3600 * SECOND
KEY = TallyKey("c001", "gw-1", "b1", TODAY)
YESTERDAY = KEY._replace(day=TODAY - 1)
BEAT = Heartbeat(
    "c001",
    "gw-1",
    "b1",
    Lane.BULK,
    NOW - 5 * SECOND,
    NOW - 5 * SECOND,
    positions={"ingest": {"urgent": 9, "bulk": 9}, "rules": {"urgent": 9, "bulk": 9}},
    next={"urgent": 10, "bulk": 10},
)


def counts(
    taken: int = 100,
    dropped: int = 0,
    stored: int = 100,
    dead: int = 0,
    evaluated: int = 100,
    refused: int = 0,
    *,
    key: TallyKey = KEY,
    beat: Heartbeat = BEAT,
) -> Counts:
    return Counts(
        told={key: Counted(taken, dropped, beat.time)},
        kept={key: Tally(stored, dead)},
        judged={key: RulesTally(evaluated, refused)},
        beats={"gw-1": beat},
        positions={},
    )


def found(outcome: Reconciliation) -> list[tuple[Consumer, Kind, int]]:
    return [(finding.consumer, finding.kind, finding.count) for finding in outcome.findings]


def test_what_adds_up_says_nothing() -> None:
    """Taken = dropped + stored + dead letters = dropped + evaluated + refused."""
    outcome = reconcile(counts(taken=100, dropped=10, stored=85, dead=5, evaluated=88, refused=2), NOW)
    assert outcome.findings == []
    assert outcome.explained
    (line,) = outcome.lines
    assert (line.gateway, day_text(line.day)) == ("gw-1", "2024-10-04")
    assert (line.taken, line.dropped, line.stored, line.dead, line.evaluated, line.refused) == (100, 10, 85, 5, 88, 2)


def test_what_waits_at_the_agent_is_not_missing() -> None:
    """Rules is behind: the agent holds 3 messages for it, and says of which lane."""
    beat = replace(BEAT, positions={"ingest": {"urgent": 9, "bulk": 9}, "rules": {"urgent": 9, "bulk": 6}})
    outcome = reconcile(counts(evaluated=88, beat=beat), NOW)
    assert found(outcome) == [(Consumer.RULES, Kind.WAITING, 12)]
    assert outcome.explained
    assert "bulk 3" in outcome.findings[0].said.en
    assert "bulk 3" in outcome.findings[0].said.zh


def test_what_nobody_holds_is_missing() -> None:
    """The agent has an acknowledgement for everything, and yet 12 are not there."""
    outcome = reconcile(counts(stored=88), NOW)
    assert found(outcome) == [(Consumer.INGEST, Kind.MISSING, 12)]
    assert not outcome.explained


def test_more_cannot_wait_than_messages_hold() -> None:
    """A queue of one message explains a thousand readings, no more; the oldest day is explained first."""
    beat = replace(BEAT, positions={"ingest": {"urgent": 9, "bulk": 8}, "rules": {"urgent": 9, "bulk": 9}})
    whole = counts(taken=900, stored=0, evaluated=900, beat=beat)
    before = counts(taken=600, stored=0, evaluated=600, key=YESTERDAY, beat=beat)
    both = replace(
        whole,
        told={**whole.told, **before.told},
        kept={**whole.kept, **before.kept},
        judged={**whole.judged, **before.judged},
    )
    outcome = reconcile(both, NOW)
    assert [(finding.key.day, finding.kind) for finding in outcome.findings] == [
        (TODAY, Kind.MISSING),
        (TODAY - 1, Kind.WAITING),
    ]


def test_what_ingest_has_by_now_no_longer_waits() -> None:
    """The heartbeat is 5 s old; the store's own position is of now."""
    beat = replace(BEAT, positions={"ingest": {"urgent": 9, "bulk": 4}, "rules": {"urgent": 9, "bulk": 9}})
    behind = counts(stored=90, beat=beat)
    assert found(reconcile(behind, NOW)) == [(Consumer.INGEST, Kind.WAITING, 10)]
    caught_up = replace(behind, positions={LaneKey("c001", "gw-1", "b1", Lane.BULK): 9})
    assert found(reconcile(caught_up, NOW)) == [(Consumer.INGEST, Kind.MISSING, 10)]


def test_more_than_the_agent_says_is_newer_while_its_day_lasts() -> None:
    """Its last count is 5 s old, and so the text says."""
    outcome = reconcile(counts(stored=110), NOW)
    assert found(outcome) == [(Consumer.INGEST, Kind.NEWER, 10)]
    assert "5 s old" in outcome.findings[0].said.en
    assert outcome.explained


def test_more_than_a_final_count_should_not_be() -> None:
    """The agent has counted on the next day, so its count of yesterday is the last."""
    outcome = reconcile(counts(stored=110, key=YESTERDAY), NOW)
    assert found(outcome) == [(Consumer.INGEST, Kind.SURPLUS, 10)]
    assert not outcome.explained


def test_what_an_ended_outbox_held_is_lost_with_it() -> None:
    """The gateway goes on as b2: what b1 still held nobody will send. More than b1 said is no fault: it ended later."""
    beat = replace(BEAT, bootid="b2")
    assert found(reconcile(counts(stored=95, evaluated=100, beat=beat), NOW)) == [(Consumer.INGEST, Kind.MISSING, 5)]
    ahead = counts(stored=105, evaluated=105, key=YESTERDAY, beat=beat)
    assert {kind for _, kind, _ in found(reconcile(ahead, NOW))} == {Kind.NEWER}


def test_an_agent_that_does_not_count_is_named_and_its_consumers_compared() -> None:
    """An older agent: today rules may be behind, for a day that is over it is missing."""
    for key, kind in ((KEY, Kind.UNREPORTED), (YESTERDAY, Kind.MISSING)):
        outcome = reconcile(replace(counts(stored=100, evaluated=90, key=key), told={}), NOW)
        assert found(outcome) == [(Consumer.RULES, kind, 10)]
        assert outcome.lines[0].taken is None
    outcome = reconcile(replace(counts(), told={}), NOW)
    assert found(outcome) == [(Consumer.INGEST, Kind.UNREPORTED, 100)]
    assert outcome.explained


def test_an_agent_without_positions_tells_only_its_queue() -> None:
    """It explains what may wait for either consumer."""
    beat = replace(BEAT, positions=None, next=None, queue_urgent=0, queue_bulk=1)
    assert {kind for _, kind, _ in found(reconcile(counts(stored=90, evaluated=80, beat=beat), NOW))} == {Kind.WAITING}


def test_a_gateway_never_heard_of_itself_has_lost_what_is_missing() -> None:
    """Counts without a heartbeat row: nothing says that anything waits."""
    outcome = reconcile(replace(counts(stored=90), beats={}), NOW)
    assert found(outcome) == [(Consumer.INGEST, Kind.MISSING, 10)]


numbers = st.integers(0, 5000)


@given(numbers, numbers, numbers, numbers, numbers, numbers, st.integers(0, 9), st.integers(0, 9))
def test_every_difference_is_named_exactly(
    taken: int, dropped: int, stored: int, dead: int, evaluated: int, refused: int, at_ingest: int, at_rules: int
) -> None:
    """A finding for each consumer whose count differs, of just that size, and none else; missing never explained."""
    beat = replace(
        BEAT, positions={"ingest": {"urgent": 9, "bulk": at_ingest}, "rules": {"urgent": 9, "bulk": at_rules}}
    )
    outcome = reconcile(counts(taken, dropped, stored, dead, evaluated, refused, beat=beat), NOW)
    sent = taken - dropped
    gaps = {Consumer.INGEST: sent - stored - dead, Consumer.RULES: sent - evaluated - refused}
    assert {(finding.consumer, finding.count) for finding in outcome.findings} == {
        (consumer, abs(gap)) for consumer, gap in gaps.items() if gap
    }
    held = {Consumer.INGEST: 9 - at_ingest, Consumer.RULES: 9 - at_rules}
    missing = {finding.consumer for finding in outcome.findings if finding.kind is Kind.MISSING}
    assert missing == {consumer for consumer, gap in gaps.items() if gap > held[consumer] * 1000}


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.data())
def test_a_path_that_loses_nothing_is_never_blamed(sizes: list[int], data: st.DataObject) -> None:
    """Messages of any size, the agent's word of some moment, each consumer anywhere, all counted when they are: no
    finding says missing. Take one delivered message from the store, and it does, once the agent's word has it."""
    told = data.draw(st.integers(0, len(sizes)), "messages taken at the heartbeat")
    acked = data.draw(st.integers(0, told), "acknowledged by then")
    done = {consumer: data.draw(st.integers(acked, len(sizes)), str(consumer)) for consumer in Consumer}
    positions = {consumer.value: {"urgent": 0, "bulk": acked} for consumer in Consumer}
    beat = replace(BEAT, positions=positions, next={"urgent": 1, "bulk": told + 1})
    stored, evaluated = (sum(sizes[: done[consumer]]) for consumer in Consumer)
    whole = counts(sum(sizes[:told]), 0, stored, 0, evaluated, 0, beat=beat)
    whole = replace(whole, positions={LaneKey("c001", "gw-1", "b1", Lane.BULK): done[Consumer.INGEST]})
    assert reconcile(whole, NOW).explained
    if done[Consumer.INGEST] == told > 0:
        lost = replace(whole, kept={KEY: Tally(stored - sizes[0], 0)})
        kinds = {finding.kind for finding in reconcile(lost, NOW).findings if finding.consumer is Consumer.INGEST}
        assert kinds == {Kind.MISSING}


@pytest.mark.parametrize("consumer", list(Consumer))
def test_each_finding_speaks_both_languages(consumer: Consumer) -> None:
    """No text is empty or the same in both."""
    cases = [
        counts(stored=90, evaluated=90),
        counts(stored=110, evaluated=110),
        counts(stored=110, evaluated=110, key=YESTERDAY),
        counts(stored=90, evaluated=90, beat=replace(BEAT, bootid="b2")),
        counts(stored=90, evaluated=90, beat=replace(BEAT, next={"urgent": 10, "bulk": 20})),
        replace(counts(stored=90), told={}),
        replace(counts(evaluated=90), told={}),
        replace(counts(evaluated=90, key=YESTERDAY), told={}),
    ]
    for case in cases:
        for finding in reconcile(case, NOW).findings:
            assert finding.said.zh and finding.said.en and finding.said.zh != finding.said.en


def test_totals_add_up() -> None:
    """The bottom line of the table."""
    lines = reconcile(counts(), NOW).lines
    total = totals([*lines, *lines])
    assert (total.taken, total.stored, total.evaluated) == (200, 200, 200)
