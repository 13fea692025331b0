"""The simulator process: the demo compound's day at the clock's pace, scenarios in turn, and those asked for."""

import logging
import sys
import threading
from zoneinfo import ZoneInfo

from edge.agent import Agent, last_will
from edge.commands.handler import CommandHandler
from edge.config import AgentConfig
from edge.outbox.outbox import OutboxError
from linli import runtime
from linli.adapters.connect import gateway_client
from linli.clock import Clock
from linli.datafolder import DataFolder
from linli.db.database import Database, open_database
from linli.db.registry import RegistrySnapshot, SqlRegistry
from linli.errors import LinliError, NotFound, Refused
from linli.i18n import Text
from linli.model import Device
from linli.settings import Settings, load_settings
from simulators import compound, scenario
from simulators.actuator import SimulatedActuator
from simulators.day import Day
from simulators.player import Play, Player
from simulators.requests import RequestFolder
from simulators.rotation import Rotation

_log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 0.05
_REQUESTS_EVERY_S = 0.5


def build_agent(settings: Settings, clock: Clock, gateway: str = compound.GATEWAY) -> Agent:
    """The real agent of a gateway of the demo compound, its outbox under the data folder."""
    outbox = DataFolder(settings.data).agents / gateway
    config = AgentConfig(compound.COMMUNITY, gateway, outbox, qos=settings.qos)
    return Agent(config, gateway_client(settings, gateway, last_will(config, clock)), clock)


def registered_devices(snapshot: RegistrySnapshot) -> list[Device]:
    """The devices behind the demo compound's gateway, as registered. NotFound if there is no such gateway."""
    if compound.GATEWAY not in snapshot.gateways:
        raise NotFound(
            Text(
                f"没有登记模拟小区的网关 {compound.GATEWAY}：请用 --no-simulator 启动，或换一个新的数据目录",
                f"the simulated compound's gateway {compound.GATEWAY} is not registered: start with --no-simulator, "
                "or with a new data folder",
            )
        )
    return [device for device in snapshot.devices.values() if device.gateway == compound.GATEWAY]


class Simulator:
    """One player, fed by the rotation and by requests."""

    def __init__(
        self,
        player: Player,
        agent: Agent,
        rotation: Rotation,
        requests: RequestFolder,
        clock: Clock,
        orders: SimulatedActuator | None = None,
    ) -> None:
        self._player = player
        self._agent = agent
        self._rotation = rotation
        self._requests = requests
        self._clock = clock
        self._orders = orders
        self._asked: dict[str, Play] = {}
        self._looked = 0.0
        self._fault = runtime.WELL

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            now = self._clock.now()
            if self._clock.monotonic() - self._looked >= _REQUESTS_EVERY_S:
                self._looked = self._clock.monotonic()
                self._take_requests(now)
            due = self._rotation.next(now)
            if due is not None:
                _log.info("scenario: %s", due.title.en)
                self._player.request(due, now)
            if self._orders is not None:
                self._orders.carry_out(self._player.day, now)
            self._tick(now)
            stop.wait(min(max((self._player.day.due - now) / 1e6, 0.002), _LONGEST_PAUSE_S))

    def health(self) -> runtime.Health:
        """How it is, for the reporter's thread."""
        stats, counts = self._agent.stats(), self._player.counts
        counters = {
            "events": counts.events,
            "readings": counts.readings,
            "scenarios": counts.scenarios,
            "queued": stats.queue_urgent + stats.queue_bulk,
            "dropped": stats.dropped,
            "refused": stats.refused,
        }
        detail = self._fault if self._fault != runtime.WELL or stats.connected else runtime.no_broker()
        return runtime.Health("ok" if detail == runtime.WELL else "degraded", detail, counters)

    def _tick(self, now: int) -> None:
        try:
            self._player.tick(now)
            self._fault = runtime.WELL
        except OutboxError as error:  # a full disk passes; what was said meanwhile is lost, as a real sensor's would be
            self._fault = error.text
            _log.error("%s", error)
        for name, play in list(self._asked.items()):
            if play.started_at is not None:
                self._requests.started(name, play.started_at)
                del self._asked[name]

    def _take_requests(self, now: int) -> None:
        for name, wanted in self._requests.take():
            try:
                self._asked[name] = self._player.request(wanted, now)
            except Refused as refusal:
                self._requests.refuse(name, refusal.text)


def build_simulator(
    settings: Settings, database: Database, clock: Clock, agent: Agent
) -> tuple[Simulator, CommandHandler]:
    """The simulator over the registry as it is now, and what hears commands to its devices; neither is started."""
    registry = SqlRegistry(database)
    registry.refresh()
    devices = registered_devices(registry.snapshot)
    zone = ZoneInfo(registry.snapshot.communities[compound.COMMUNITY].timezone)
    now = clock.now()
    day = Day(devices, settings.seed, zone, now)
    scenarios = {name: scenario.load(file) for name, file in scenario.known().items()}
    requests = RequestFolder(DataFolder(settings.data).run / "scenarios")
    orders = SimulatedActuator(devices)
    commands = CommandHandler(
        DataFolder(settings.data).agents / compound.GATEWAY,
        [orders],
        agent,
        clock,
        lambda: agent.stats().clock_offset_ms,
    )
    return Simulator(Player(day, agent), agent, Rotation(scenarios, zone, now), requests, clock, orders), commands


def main() -> int:
    """Run until told to stop; 0 then, 2 if it cannot run."""
    try:
        settings = load_settings()
        stop = runtime.begin("simulator", settings)
        clock = settings.clock()
        database = open_database(settings.app_database_url)
        agent = build_agent(settings, clock)
        simulator, commands = build_simulator(settings, database, clock, agent)
        reporter = runtime.Reporter("simulator", database, clock, simulator.health)
        commands.start()
        agent.start(commands.take)
        reporter.start()
        try:
            simulator.run(stop)
        finally:
            commands.stop()
            agent.stop()
            reporter.stop()
            database.close()
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
