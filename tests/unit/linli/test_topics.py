"""Topics: built and parsed in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import topics
from linli.errors import MalformedMessage
from linli.model import Lane
from linli.topics import AlertTopic, GatewayTopic, Leaf
from tests.unit.linli.strategies import ids


@given(ids, ids, st.sampled_from([leaf for leaf in Leaf if leaf is not Leaf.ACK]))
def test_a_gateway_topic_parses_back(community: str, gateway: str, leaf: Leaf) -> None:
    """parse(build(x)) == x."""
    topic = GatewayTopic(community, gateway, leaf)
    assert topics.parse(str(topic)) == topic


@given(ids, ids, ids)
def test_ack_and_alert_topics_parse_back(community: str, name: str, consumer: str) -> None:
    """The two forms with a name of their own at the end."""
    ack = GatewayTopic(community, name, Leaf.ACK, consumer)
    assert topics.parse(str(ack)) == ack
    alert = AlertTopic(community, name)
    assert topics.parse(str(alert)) == alert


@given(st.text() | st.lists(st.text(max_size=8) | ids | st.sampled_from([*Leaf, "alert", "gateway"])).map("/".join))
def test_any_string_is_a_topic_or_malformed(text: str) -> None:
    """Whatever comes from a broker, one error and no other."""
    for topic in (text, f"{topics.ROOT}/{text}"):
        try:
            parsed = topics.parse(topic)
        except MalformedMessage as error:
            assert error.reason == "bad_topic"
        else:
            assert str(parsed) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "linli/v1/c/gateway/g/ack",
        "linli/v1/c/gateway/g/urgent/x",
        "linli/v1/c/gateway/g/other",
        "linli/v1/C/gateway/g/urgent",
        "linli/v1/c/gateway/g/urgent\n",
        "linli/v1/c/gateway//urgent",
        "linli/v2/c/gateway/g/urgent",
        "linli/v1/+/gateway/g/urgent",
        "linli/v1/c/alert/",
        "",
    ],
)
def test_near_misses(topic: str) -> None:
    """One level too many, too few, a wildcard, a capital, another version."""
    with pytest.raises(MalformedMessage):
        topics.parse(topic)


def test_builders_agree_with_the_design() -> None:
    """The strings that other agents rely on."""
    assert topics.lane_topic("c001", "gw", Lane.URGENT) == "linli/v1/c001/gateway/gw/urgent"
    assert topics.lane_topic("c001", "gw", Lane.BULK) == "linli/v1/c001/gateway/gw/bulk"
    assert topics.status_topic("c001", "gw") == "linli/v1/c001/gateway/gw/status"
    assert topics.ack_topic("c001", "gw", "ingest") == "linli/v1/c001/gateway/gw/ack/ingest"
    assert topics.any_gateway(Leaf.BULK) == "linli/v1/+/gateway/+/bulk"
    assert topics.any_gateway(Leaf.BULK, "c001") == "linli/v1/c001/gateway/+/bulk"
    assert topics.any_alert() == "linli/v1/+/alert/+"
    assert topics.as_subject("linli/v1/+/gateway/gw/ack/+") == "linli.v1.*.gateway.gw.ack.*"


def test_only_lanes_are_lanes() -> None:
    """The lane of a topic is its leaf, and None for the others."""
    lanes = {leaf: GatewayTopic("c", "g", leaf).lane for leaf in Leaf}
    assert {leaf: lane for leaf, lane in lanes.items() if lane} == {Leaf.URGENT: Lane.URGENT, Leaf.BULK: Lane.BULK}
