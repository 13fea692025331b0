"""The status of gateways: what is kept and what is refused."""

from ingest.letters import Arrival
from ingest.status import sort_statuses
from linli.codec import Status, encode_status
from linli.db.gateways import GatewayStatus
from tests.unit.ingest.world import NOW, registry


def status(gateway: str = "gw-1", payload: bytes | None = None, leaf: str = "status") -> Arrival:
    body = encode_status(Status(True, "b1", "0.1.0", NOW - 5)) if payload is None else payload
    return Arrival.of(f"linli/v1/c001/gateway/{gateway}/{leaf}", body, NOW)


def test_a_status_is_kept_with_the_servers_time() -> None:
    """The agent's own time may be wrong."""
    assert sort_statuses([status()], registry()) == ([GatewayStatus("gw-1", "c001", True, NOW, "0.1.0", "b1")], [])


def test_what_cannot_be_a_status_is_a_letter() -> None:
    """A stranger's gateway, another's community, no status, no status topic."""
    arrivals = [status("gw-x"), status("gw-9"), status(payload=b"{}"), status(payload=b"\x00"), status(leaf="x/status")]
    kept, letters = sort_statuses(arrivals, registry())
    assert kept == []
    assert [letter.reason for letter in letters] == [
        "unknown_gateway",
        "wrong_community",
        "bad_status",
        "not_json",
        "bad_topic",
    ]


def test_a_retained_status_taken_back_says_nothing() -> None:
    """An empty payload removes a retained message."""
    assert sort_statuses([status(payload=b"")], registry()) == ([], [])
