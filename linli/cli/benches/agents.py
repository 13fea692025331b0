"""What an agent can do: take events on the disk, and drain what waits, through the broker, to consumers that answer at once."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from linli.access import BrokerUsers, gateway_user, service_user
from linli.cli.benches import meter
from linli.cli.benches.fleet import Fleet
from linli.cli.benches.helper import Helper
from linli.cli.benches.lanes import PLAIN, register
from linli.cli.benches.meter import Costs, Meter
from linli.cli.private import private_linli
from linli.datafolder import DataFolder
from linli.model import Consumer
from linli.settings import Settings

THREADS = 64
"""As many at once hand events over: they share the commits."""


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """Events a second taken and drained, peak memory, and what the agent and those around it cost meanwhile.

    `left`: what no consumer had acknowledged when the bench gave up.
    """

    taken_per_s: float
    drained_per_s: float
    rss_mb: float
    left: int
    costs: dict[str, Costs]


def run(base: Settings, events: int, folder: Path) -> AgentOutcome:
    """Take `events`, then drain them. Nothing is left running. LinliError if it does not come up."""
    fleet = Fleet(gateways=1, devices=1)
    with ExitStack() as end:
        linli = end.enter_context(
            private_linli(
                base,
                ("broker",),
                before_start=lambda made: register(made, fleet),
                own=PLAIN,
                within=folder,
            )
        )
        host, port = linli.settings.broker_endpoint
        users = BrokerUsers(DataFolder(linli.settings.data).secrets).all()
        services = {name.value: users[service_user(name)] for name in Consumer}
        heard = {name: (user.name, user.password) for name, user in services.items()}
        consumers = Helper(
            "linli.cli.benches.consumers", {"host": host, "port": port, "users": heard}, folder / "consumers.log"
        )
        end.callback(consumers.stop)
        own = users[gateway_user(fleet.gateway(0))]
        job = {
            "community": fleet.community(0),
            "gateway": fleet.gateway(0),
            "folder": str(folder / "agent"),
            "host": host,
            "port": port,
            "user": own.name,
            "password": own.password,
            "events": events,
            "threads": THREADS,
        }
        agent = Helper("linli.cli.benches.agent_process", job, folder / "agent.log")
        end.callback(agent.stop)
        consumers.until("ready")
        agent.until("ready")
        pids = {"agent": agent.pid, "consumers": consumers.pid}
        pids |= {part.name: part.pid for part in linli.stack.states() if part.pid is not None}
        return _measure(agent, Meter(pids))


def _measure(agent: Helper, processes: Meter) -> AgentOutcome:
    begin = processes.read(0.0, 0.0)
    agent.say({"take": True})
    taken = agent.until("taken")
    after_take = processes.read(taken["seconds"], taken["taken"])
    agent.say({"drain": True})
    drained = agent.until("drained")
    sent = drained["drained"] - drained["left"]
    after_drain = processes.read(taken["seconds"] + drained["seconds"], taken["taken"] + sent)
    memory = processes.memory()
    return AgentOutcome(
        taken_per_s=taken["taken"] / taken["seconds"],
        drained_per_s=sent / drained["seconds"],
        rss_mb=drained["rss_mb"],
        left=drained["left"],
        costs={
            "agent_intake": {"agent": meter.costs(begin, after_take, memory)["agent"]},
            "agent_drain": meter.costs(after_take, after_drain, memory),
        },
    )
