"""A consumer of the wire for the agent's tests: what ingest and rules do, in memory."""

from linli import topics
from linli.codec import Ack, decode, encode_ack
from linli.delivery import Positions, Verdict, key_of
from linli.model import LaneKey, Message
from linli.testing import FakeBroker
from linli.topics import GatewayTopic


class FakeConsumer:
    """Takes what comes in order, commits it at once, and acknowledges; `deaf` makes it ignore everything."""

    def __init__(self, broker: FakeBroker, name: str) -> None:
        self.name = name
        self.taken: list[Message] = []
        self.verdicts: list[Verdict] = []
        self.deaf = False
        self.positions = Positions()
        self.skipped = 0
        self.sent_at: int | None = None
        """What its acknowledgements say the server's time is."""
        self.client = broker.client()
        self.client.subscribe([topics.any_gateway(topics.Leaf.URGENT), topics.any_gateway(topics.Leaf.BULK)], 0)
        self.client.start(self._came, lambda: None, lambda _reason: None)

    def announce(self) -> None:
        """What a consumer does on connecting: say how far it is on every lane it knows."""
        for key, upto in self.positions.known().items():
            self._answer(key, upto)

    def sequences(self, lane: str, bootid: str | None = None) -> list[int]:
        """The sequences taken on `lane`."""
        return [m.sequence for m in self.taken if m.lane == lane and bootid in (None, m.bootid)]

    def events(self, kind: str) -> list[Message]:
        """The messages of one type, as taken."""
        return [message for message in self.taken if message.type == kind]

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        if self.deaf:
            return
        parsed = topics.parse(topic)
        assert isinstance(parsed, GatewayTopic)
        message = decode(parsed, payload)
        key = key_of(message)
        judgement = self.positions.judge(key, message.sequence, message.oldest)
        self.verdicts.append(judgement.verdict)
        if judgement.verdict is Verdict.ACCEPT:
            self.taken.append(message)
            self.skipped += judgement.skipped
            self.positions.commit({key: message.sequence})
        self._answer(key, self.positions.upto(key))

    def _answer(self, key: LaneKey, upto: int) -> None:
        topic = topics.ack_topic(key.community, key.gateway, self.name)
        self.client.publish(topic, encode_ack(Ack(key.bootid, key.lane, upto, self.sent_at)))
