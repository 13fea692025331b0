"""Every corpus message of the three MQTT formats, from a devices' broker through the agent, Linli's broker and ingest, and
found in the store."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.adapters.sqlite_store import SqliteStore
from linli.clock import HOUR, SystemClock
from linli.db import registry
from linli.db.deadletters import SqlDeadLetters
from linli.model import Device
from tests.contract.brokers import mosquitto, nats
from tests.corpus import FORMATS, QUIET, Case, Said, device_id, mqtt_cases, need_corpus, unmet
from tests.integration.ingest_world import NAME, environment, ingesting, prepare
from tests.support import eventually

pytestmark = pytest.mark.integration


def test_every_corpus_message_is_in_the_store(tmp_path: Path) -> None:
    """Linli's broker is the bundled one, which takes no spaces in topics; the devices' broker is a site's Mosquitto."""
    need_corpus()
    folder = tmp_path / "data"
    database = prepare(folder)
    with database.write() as connection:
        names = sorted({name for case in mqtt_cases() for name in case.names})
        registry.save(connection, [Device(device_id(name), "c001", "gw-1", "sensor", NAME, "p") for name in names])
    for side in ("linli", "site"):
        (tmp_path / side).mkdir()
    ours, theirs = nats(tmp_path / "linli"), mosquitto(tmp_path / "site")
    ours.start()
    theirs.start()
    store, letters = SqliteStore(folder / "readings.db"), SqlDeadLetters(database)
    try:
        log = tmp_path / "agent.log"
        with (
            ingesting(environment(folder, ours.port), tmp_path / "ingest.log"),
            running_agent(tmp_path / "agent.yaml", ours.port, theirs.port, log),
            playing(theirs.port),
            contextlib.suppress(pytest.fail.Exception),  # the assertion below says what is missing
        ):
            eventually(lambda: not problems(store, letters), timeout=20)
        assert problems(store, letters) == []
    finally:
        store.close()
        database.close()
        ours.kill()
        theirs.kill()


def problems(store: SqliteStore, letters: SqlDeadLetters) -> list[str]:
    """What the corpus expects and the store or the dead letters do not have."""
    said = [
        Said(event.device, event.type, event.time, event.historic, data=event.data)
        for event in store.events("c001", 0, SystemClock().now() + HOUR, limit=10_000)
    ] + [Said(value.device, value.quantity, value.time, False, value=value.value) for value in store.latest("c001")]
    refused = [kept.letter.topic for kept in letters.newest(1000)]
    found: list[str] = []
    for case in mqtt_cases():
        told = any(case.topic in topic for topic in refused)
        wrong = [unmet(expect, said) for expect in case.expects if expect["kind"] not in QUIET]
        if told is not any(expect["kind"] == "reject" for expect in case.expects):
            wrong.append("a dead letter" if told else "no dead letter")
        found += [f"{case.name}: {problem}" for problem in wrong if problem]
    return found


@contextmanager
def playing(port: int) -> Iterator[None]:
    """Publish every message on its own topic, as the devices did, and stay connected: who leaves at once may take back
    what the broker has not read yet."""
    device = PahoClient(MqttConfig("127.0.0.1", port), "device")
    device.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
    try:
        eventually(lambda: device.connected)
        for case in mqtt_cases():
            assert device.publish(case.topic, case.payload, 1, retain=case.retained)
        yield
    finally:
        device.stop()


@contextmanager
def running_agent(file: Path, linli: int, devices: int, log: Path) -> Iterator[None]:
    """`python -m edge` with a mapping of every device of the corpus."""
    sources = []
    for name, kind in FORMATS.items():
        cases: list[Case] = [case for case in mqtt_cases() if case.format == name]
        mapped = {name: {"id": device_id(name), "buffers": True} for case in cases for name in case.names}
        sources.append({"kind": kind, "devices": mapped})
    config = {
        "community": "c001",
        "gateway": "gw-1",
        "outbox": "outbox",
        "consumers": ["ingest"],
        "broker": {"host": "127.0.0.1", "port": linli},
        "device_broker": {"host": "127.0.0.1", "port": devices},
        "sources": sources,
    }
    file.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "edge", str(file)], stderr=out)
    try:
        eventually(lambda: b"connected to the devices' broker" in log.read_bytes(), what="the agent's start")
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
