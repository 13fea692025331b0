"""A data folder with a small registry, `python -m ingest` over a real broker, and an agent that sends until it is answered."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from linli import codec
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.datafolder import DataFolder
from linli.db import registry
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Lane, Message, Place
from linli.ports import Will
from linli.topics import ack_topic, lane_topic, status_topic
from tests.support import eventually

NAME = Text("某物", "a thing")


def prepare(folder: Path) -> Database:
    """A migrated database in `folder` with community c001, gateway gw-1, and devices door-1 and t-1."""
    DataFolder(folder).prepare()
    database = open_database(f"sqlite:///{folder / 'linli.db'}")
    upgrade(database)
    with database.write() as connection:
        registry.save(
            connection,
            [
                Community("c001", NAME),
                Place("p", "c001", "building", NAME),
                Gateway("gw-1", "c001", NAME),
                Device("door-1", "c001", "gw-1", "door", NAME, "p"),
                Device("t-1", "c001", "gw-1", "sensor", NAME, "p"),
            ],
        )
    return database


def environment(folder: Path, port: int) -> dict[str, str]:
    """What tells a process of ours to use this folder and a broker of one's own on `port`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    return kept | {
        "LINLI_DATA": str(folder),
        "LINLI_BROKER": "external",
        "LINLI_BROKER_HOST": "127.0.0.1",
        "LINLI_BROKER_PORT": str(port),
        "LINLI_LANGUAGE": "en",
    }


@contextmanager
def ingesting(environ: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `python -m ingest`; ended with SIGKILL unless the block ended it."""
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "ingest"], env=environ, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


class Agent:
    """One gateway's connection, which sends what is not acknowledged again and again, as `edge` does."""

    def __init__(self, port: int, gateway: str = "gw-1", bootid: str = "b1") -> None:
        self.gateway = gateway
        self.bootid = bootid
        self.upto = dict.fromkeys(Lane, 0)
        self._held: dict[Lane, list[Message]] = {lane: [] for lane in Lane}
        status = status_topic("c001", gateway)
        offline = codec.encode_status(codec.Status(False, bootid, "0.1.0", 0))
        self.client = PahoClient(MqttConfig("127.0.0.1", port), gateway, Will(status, offline))
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._send, name="agent")

    def __enter__(self) -> Self:
        self.client.start(self._heard, lambda: None, lambda _reason: None)
        self.client.subscribe([ack_topic("c001", self.gateway, "ingest")], 1)
        eventually(lambda: self.client.connected)
        online = codec.encode_status(codec.Status(True, self.bootid, "0.1.0", 1))
        self.client.publish(status_topic("c001", self.gateway), online, qos=1, retain=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._answered.set()
        self._thread.join()
        self.client.stop()

    def take(self, message: Message) -> None:
        """Give it the next sequence of its lane and send it from now on."""
        held = self._held[message.lane]
        held.append(replace(message, gateway=self.gateway, bootid=self.bootid, sequence=len(held) + 1, oldest=1))
        self._answered.set()

    def done(self) -> bool:
        """Whether everything is acknowledged."""
        return all(self.upto[lane] == len(self._held[lane]) for lane in Lane)

    def _heard(self, _topic: str, payload: bytes, _retained: bool) -> None:
        ack = codec.decode_ack(payload)
        if ack.bootid == self.bootid and ack.upto > self.upto[ack.lane]:
            self.upto[ack.lane] = ack.upto
            self._answered.set()

    def _send(self) -> None:
        while not self._stop.is_set():
            self._answered.clear()
            for lane in Lane:
                for message in self._held[lane][self.upto[lane] : self.upto[lane] + 100]:
                    self.client.publish(lane_topic("c001", self.gateway, lane), codec.encode(message))
            self._answered.wait(0.2)
