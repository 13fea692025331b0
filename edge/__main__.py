"""`python -m edge CONFIG.yaml`: the agent as a process. Here, and only here, the edge meets paho and signals."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from edge.agent import Agent, last_will
from edge.commands.actuators import MappedActuator
from edge.commands.handler import CommandHandler
from edge.config import Broker, Site, load_site
from edge.devices import DeviceLink, session
from edge.mapping import Mapper
from edge.memory import bound_arenas
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.adapters.mqtt_session import PahoSession
from linli.clock import SystemClock
from linli.errors import LinliError
from linli.i18n import Text
from linli.logs import set_up_logging
from linli.ports import Will

_log = logging.getLogger("edge")
_REPORT_EVERY_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent until SIGTERM or Ctrl-C. 0 when it was stopped, 2 for a file or an outbox that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="edge",
        description=str(Text("邻里边缘代理：在设备旁运行", "The Linli edge agent: run it beside the devices")),
    )
    parser.add_argument("config", type=Path, help=str(Text("边缘代理的 YAML 文件", "the agent's YAML file")))
    options = parser.parse_args(arguments)
    bound_arenas()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        site = load_site(options.config)
        set_up_logging(site.log_level)
        run(site, stop)
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201  (to the person who started it)
        return 2
    return 0


def run(site: Site, stop: threading.Event) -> None:
    """Run the agent of `site` until `stop`. OutboxError if its outbox cannot be used."""
    clock = SystemClock()
    name = site.agent.gateway
    uplink = connect(site.broker, f"gateway-{name}", last_will(site.agent, clock))
    agent = Agent(site.agent, uplink, clock)
    link = None
    actuators: list[MappedActuator] = []
    if site.device_broker is not None:
        mapper = Mapper(site.sources)
        heard = list(site.device_broker.topics) or mapper.topics()
        downlink = PahoSession(mqtt_config(site.device_broker), *session(site.agent.outbox, heard))
        link = DeviceLink(mapper, agent, downlink, clock, heard)
        actuators = [MappedActuator(site.sources, downlink)]
    commands = CommandHandler(site.agent.outbox, actuators, agent, clock, lambda: agent.stats().clock_offset_ms)
    agent.start(commands.take)  # first: a second agent on the outbox ends here, and must not touch the log of the other
    commands.start()
    _log.info("agent %s runs, outbox %s; %s", name, agent.bootid, _connections(site))
    try:
        if link is not None:
            link.start()
        while not stop.wait(_REPORT_EVERY_S):
            _log.info("%s %s", agent.stats(), link.counts() if link else "")
    finally:
        commands.stop()
        if link is not None:
            link.stop()
        agent.stop()
        _log.info("agent %s has stopped", name)


def _connections(site: Site) -> str:
    """Where it connects to, in words: 'Linli's broker host:8883 with TLS as gw; devices' broker ...'."""
    said = f"Linli's broker {_words(site.broker)}"
    if site.device_broker is None:
        return f"{said}; no devices' broker"
    return f"{said}; devices' broker {_words(site.device_broker)}"


def _words(broker: Broker) -> str:
    tls = "with TLS" if broker.tls else "without TLS"
    return f"{broker.host}:{broker.port} {tls}, {f'as {broker.username}' if broker.username else 'without sign-in'}"


def connect(broker: Broker, name: str, will: Will | None = None) -> PahoClient:
    """A connection to the broker of a site's file, not begun yet. ConfigError for certificates that cannot be used."""
    return PahoClient(mqtt_config(broker), name, will)


def mqtt_config(broker: Broker) -> MqttConfig:
    """Where a broker of a site's file is, as the adapter wants it."""
    return MqttConfig(
        broker.host,
        broker.port,
        broker.username,
        broker.password,
        broker.tls,
        broker.ca,
        broker.certificate,
        broker.key,
    )


if __name__ == "__main__":
    sys.exit(main())
