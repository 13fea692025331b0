"""Brokers as the harness runs them: the embedded NATS and Mosquitto as `linli up` configures them, and a NATS cluster.

A node of the cluster has the embedded broker's configuration (its users and permissions), a name of its own, and routes to
the other two. NATS' MQTT needs JetStream, which keeps sessions and retained messages with as many replicas as there are
nodes, at most three; the JetStream of a cluster needs two of three nodes, and answers once they have elected a leader.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import urllib3

from linli.access import BrokerUsers
from linli.cli.broker import EmbeddedBroker, find_program, nats_config
from linli.cli.ports import is_open
from linli.datafolder import DataFolder
from linli.settings import Settings
from tests.support import free_port

NODES = 3


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """How to start one broker process. `leader`: whether it leads the cluster's JetStream."""

    name: str
    command: Sequence[str]
    port: int
    ready: Callable[[], bool]
    leads: Callable[[], bool] = lambda: False


def single(settings: Settings) -> list[BrokerNode]:
    """The broker that `linli up` would start for these settings."""
    broker = EmbeddedBroker(settings, find_program(settings))
    broker.write_config()
    port = settings.broker_endpoint[1]
    return [BrokerNode("broker", broker.command, port, _listens(port))]


def nats_cluster(settings: Settings) -> list[BrokerNode]:
    """Three nats-servers with JetStream, each with its MQTT listener."""
    program = find_program(settings)
    folder = DataFolder(settings.data.resolve())
    users = BrokerUsers(folder.secrets).all()
    routes = [free_port() for _ in range(NODES)]
    nodes = []
    for number, route in enumerate(routes, 1):
        name, port, monitor = f"broker-{number}", free_port(), free_port()
        home = folder.broker / name
        home.mkdir(parents=True, exist_ok=True)
        document = json.loads(nats_config(users, "127.0.0.1", port, home / "store", folder.logs / f"{name}.log"))
        document |= {
            "server_name": name,
            "http": f"127.0.0.1:{monitor}",
            "cluster": {
                "name": "linli",
                "listen": f"127.0.0.1:{route}",
                "routes": [f"nats://127.0.0.1:{other}" for other in routes if other != route],
            },
        }
        config = home / "nats.conf"
        config.write_text(json.dumps(document, indent=1))
        command = (str(program.path), "-c", str(config))
        nodes.append(BrokerNode(name, command, port, _in_cluster(port, monitor), _leads(name, monitor)))
    return nodes


def _listens(port: int) -> Callable[[], bool]:
    return lambda: is_open("127.0.0.1", port)


def _in_cluster(port: int, monitor: int) -> Callable[[], bool]:
    listens = _listens(port)
    return lambda: listens() and bool(_meta(monitor).get("leader"))


def _leads(name: str, monitor: int) -> Callable[[], bool]:
    return lambda: _meta(monitor).get("leader") == name


def _meta(monitor: int) -> Mapping[str, object]:
    with urllib3.PoolManager(retries=False) as pool:
        try:
            answer = pool.request("GET", f"http://127.0.0.1:{monitor}/jsz", timeout=1)
            found = json.loads(answer.data).get("meta_cluster", {})
        except (urllib3.exceptions.HTTPError, ValueError):
            return {}
    return found if isinstance(found, dict) else {}
