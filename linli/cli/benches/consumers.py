"""Consumers that cost next to nothing, both in one process: they check that each lane comes in order, and acknowledge.

They stand for ingest and rules where only the agent is measured: what they acknowledge is kept nowhere.
"""

import select
import sys
from dataclasses import dataclass, field

from linli import topics
from linli.cli.benches.job import read_job, tell
from linli.cli.benches.lean_mqtt import LeanConnection, publish_packet
from linli.codec import Ack, encode_ack
from linli.model import Lane

_BOOTID, _SEQUENCE = b'"bootid":"', b'"sequence":"'


@dataclass(slots=True)
class Consumer:
    """One consumer: the last message that it has of every lane, by its topic."""

    name: str
    connection: LeanConnection
    upto: dict[bytes, int] = field(default_factory=dict)

    def handle(self) -> None:
        """Take what has arrived, and answer every lane of it once."""
        answers: dict[bytes, bytes] = {}
        for topic, payload in self.connection.receive():
            sequence = int(_after(payload, _SEQUENCE, 19))
            if sequence == self.upto.get(topic, 0) + 1:
                self.upto[topic] = sequence
            answers[topic] = payload
        acks = [self._ack(topic, payload) for topic, payload in answers.items()]
        if acks and not self.connection.busy:
            self.connection.send(b"".join(acks))

    def _ack(self, topic: bytes, payload: bytes) -> bytes:
        _, _, community, _, gateway, lane = topic.decode().split("/")
        start = payload.index(_BOOTID) + len(_BOOTID)
        bootid = payload[start : payload.index(b'"', start)].decode()
        ack = Ack(bootid, Lane(lane), self.upto.get(topic, 0))
        return publish_packet(topics.ack_topic(community, gateway, self.name), encode_ack(ack))


def _after(payload: bytes, key: bytes, length: int) -> bytes:
    start = payload.index(key) + len(key)
    return payload[start : start + length]


def main() -> int:
    """Answer until the bench ends it."""
    job = read_job()
    consumers = {}
    for name, (user, password) in job["users"].items():
        connection = LeanConnection(job["host"], job["port"], user, password)
        connection.subscribe([topics.any_gateway(topics.Leaf.URGENT), topics.any_gateway(topics.Leaf.BULK)])
        consumers[connection] = Consumer(name, connection)
    tell({"ready": len(consumers)})
    while True:
        waiting = [connection for connection in consumers if connection.busy]
        readable, writable, _ = select.select(list(consumers), waiting, [])
        for connection in writable:
            connection.send()
        for connection in readable:
            consumers[connection].handle()


if __name__ == "__main__":
    sys.exit(main())
