"""A gateway that is heard no more is an alert of its community, once; the server's own absence is none."""

from pathlib import Path

import pytest

from linli.model import ActionKind, Alert, Condition, Handling, Lane, Severity
from linli.shards import WHOLE, shards_of
from rules.durable.reshard import reshard
from rules.durable.state import dump, restore
from rules.engine.gateways import GATEWAY_OFFLINE, gateway_rule
from rules.engine.inputs import AdoptIn, ListenIn, RegistryIn, RulesIn
from rules.engine.machine import Engine
from rules.platform import with_platform_rules
from tests.unit.rules.site import Site, act
from tests.unit.rules.world import Bench, registry

OPENED = [("opened", GATEWAY_OFFLINE, 91.0)]


def beats(
    bench: Bench, first: int, last: int, gateway: str = "gw", *, both: bool = True
) -> list[tuple[str, str, float]]:
    """Heartbeats each 10 s and ticks each second; what happened."""
    happened = []
    for second in range(first, last + 1):
        if second % 10 == 0:
            happened += bench.put(bench.feed.beat(second, Lane.URGENT, gateway))
            happened += bench.put(bench.feed.beat(second, Lane.BULK, gateway)) if both else []
        happened += bench.put(bench.feed.tick(second + 0.2))
    return happened


def silence(bench: Bench, first: int, last: int) -> list[tuple[str, str, float]]:
    """Nothing but ticks."""
    return [done for second in range(first, last + 1) for done in bench.put(bench.feed.tick(second))]


@pytest.fixture
def bench() -> Bench:
    """Both gateways are well up to second 30."""
    made = Bench([gateway_rule()])
    made.put(ListenIn(made.feed.us(0)))
    assert beats(made, 0, 30) == []
    return made


def test_silence_for_a_minute_is_an_alert_of_its_community_and_ends_when_it_is_heard(bench: Bench) -> None:
    """High, about the gateway, in both languages, with how many devices nobody watches; told once."""
    assert silence(bench, 31, 90) == []
    assert silence(bench, 91, 600) == OPENED
    alert = bench.alert(GATEWAY_OFFLINE)
    assert (alert.community, alert.subject, alert.subject_kind, alert.place) == ("c1", "gw", "gateway", None)
    assert alert.severity is Severity.HIGH
    assert alert.sentence.en.startswith("Gateway has sent nothing for 1 min: nobody watches the 11 devices there")
    assert alert.sentence.zh.startswith("Gateway 中已有 1 分钟没有任何消息：那里的 11 台设备")
    assert alert.first_seen == bench.feed.us(30.05)
    assert beats(bench, 610, 640) == [("resolved", GATEWAY_OFFLINE, 610.05)]
    assert [kind for kind, _, _ in silence(bench, 641, 710)] == ["occurred"]


def test_one_lane_that_is_heard_is_enough(bench: Bench) -> None:
    """Whatever holds the other one up."""
    assert beats(bench, 31, 300, both=False) == []


def test_what_it_took_long_ago_shows_that_it_lives(bench: Bench) -> None:
    """A backlog from the silence is a message like any other."""
    silence(bench, 31, 200)
    assert bench.put(bench.feed.beat(40, received=201)) == [("resolved", GATEWAY_OFFLINE, 201.0)]


def test_a_gateway_without_devices_or_never_heard_is_not_missed(bench: Bench) -> None:
    """gw-2 has none; after a start with an empty journal nobody has been heard."""
    beats(bench, 31, 60, "gw-2")
    assert [done for done in silence(bench, 61, 300) if done not in OPENED] == []
    fresh = Bench([gateway_rule()])
    assert silence(fresh, 0, 300) == []


def test_the_servers_own_absence_is_nobodys_silence(bench: Bench) -> None:
    """Away for an hour, or connected anew to the broker: then a minute of listening counts, from there."""
    assert silence(bench, 3600, 3660) == []
    bench.put(ListenIn(bench.feed.us(3660)))
    assert silence(bench, 3661, 3720) == []
    assert silence(bench, 3721, 3800) == [("opened", GATEWAY_OFFLINE, 3721.0)]


def test_closed_by_a_person_it_is_told_again_only_after_it_was_heard(bench: Bench) -> None:
    """Also across a start anew, in which the server's listening begins again."""
    silence(bench, 31, 91)
    bench.put(bench.feed.act(95, ActionKind.CLOSE, bench.alert(GATEWAY_OFFLINE).id))
    assert bench.alert(GATEWAY_OFFLINE).handling is Handling.CLOSED
    bench.engine = restore(dump(bench.engine))
    bench.put(ListenIn(bench.feed.us(100)))
    assert silence(bench, 100, 400) == []
    assert beats(bench, 410, 420) == []
    assert [kind for kind, _, _ in silence(bench, 421, 500)] == ["opened"]


def test_it_survives_a_start_and_a_change_of_shards(bench: Bench) -> None:
    """Neither tells it again; the end is found by whoever has the community then."""
    silence(bench, 31, 91)
    again = restore(dump(bench.engine))
    assert dump(again) == dump(bench.engine)
    parts = reshard([again], shards_of(3))
    (bench.engine,) = reshard(parts, [WHOLE])
    assert silence(bench, 92, 200) == []
    assert [kind for kind, _, _ in beats(bench, 210, 220)] == ["resolved"]


def test_an_alert_taken_over_from_the_database_ends_too(bench: Bench) -> None:
    """The journal was lost: nobody knows what stood behind it."""
    silence(bench, 31, 91)
    alert: Alert = bench.alert(GATEWAY_OFFLINE)
    assert alert.condition is Condition.FIRING
    bench.engine = Engine()
    bench.put(RulesIn((gateway_rule(),)), RegistryIn(registry()), AdoptIn((alert,)))
    assert silence(bench, 100, 200) == []
    assert [kind for kind, _, _ in bench.put(bench.feed.beat(210))] == ["resolved"]


def test_without_the_rule_nothing_is_said() -> None:
    """On a simulated clock it is left out."""
    assert [rule.id for rule in with_platform_rules([], 30, gateways=False)] == [
        "linli-gateway-doubled",
        "linli-ingest-silent",
        "linli-input-skipped",
        "linli-journal-down",
        "linli-store-down",
    ]
    bench = Bench([])
    beats(bench, 0, 30)
    assert silence(bench, 31, 300) == []


def test_the_worker_tells_and_replays_it(tmp_path: Path) -> None:
    """From the last heartbeat to the row; killed in between and after: the same alert, once. Not while the broker is away."""
    site = Site(tmp_path)
    site.rules = with_platform_rules([], 30)
    site.kill()
    site.start()
    site.send(site.feed.beat(1), site.feed.beat(1, Lane.BULK))
    site.client.cut()
    for _ in range(90):
        site.clock.advance(1)
        site.step()
    site.client.restore()
    for second in range(80):
        if second in (40, 75):
            site.kill()
            site.start()
        site.clock.advance(1)
        site.step()
    assert site.alerts.find() == []
    for _ in range(60):
        site.clock.advance(1)
        site.step()
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.subject, alert.community) == (GATEWAY_OFFLINE, "gw", "c1")
    site.kill()
    site.start()
    act(site, alert.id, ActionKind.ACKNOWLEDGE)
    site.clock.advance(1)
    site.step()
    site.send(site.feed.beat(400))
    assert [change.kind for change in site.alerts.changes(alert.id)] == ["opened", "acknowledged", "resolved", "closed"]
