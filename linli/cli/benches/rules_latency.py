"""From one event to its alert: how long a message that raises one takes, while nothing else happens and under load.

An event goes out at random moments, whatever became of the last one (open loop), each of another device. It has arrived when the
notice of its alert is heard, which goes out once the alert is in the database. Meanwhile the generator keeps up its load.
"""

import random
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from linli import topics
from linli.access import BrokerUsers, gateway_user, service_user
from linli.cli.benches.district import District
from linli.cli.benches.helper import Helper
from linli.cli.benches.lanes import Load, generator_job, linli_of, where
from linli.cli.benches.lean_mqtt import LeanConnection, publish_packet
from linli.cli.benches.measured import percentile
from linli.cli.private import PrivateLinli
from linli.clock import Clock
from linli.codec import decode_notice, encode
from linli.datafolder import DataFolder
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Lane, Message, Place, Severity
from linli.settings import Settings
from rules.language.model import AppliesTo, Clause, EventClause, Rule, Words

GATEWAY = "gw-bench-probe"
KIND, EVENT = "bench_probe", "bench.probe"
RULE = Rule(
    id="bench-probe",
    title=Words(zh="压测", en="Bench"),
    sentence=Words(zh="{device} 压测", en="{device}: bench"),
    advice=Words(zh="无", en="None"),
    severity=Severity.HIGH,
    route=("guard",),
    source="[P]",
    applies_to=AppliesTo(device_kinds=(KIND,)),
    when=(Clause(event=EventClause(types=(EVENT,))),),
    declares=(KIND, EVENT),
)

LONGEST_S = 5.0
"""What has not come after so long counts as this long, and as lost."""

_WARM_UP = 20
_SETTLE_S = 3.0
"""The load has run for so long when the first event goes out."""


@dataclass(frozen=True)
class Probed(District):
    """The district, with devices whose every event is an alert."""

    probes: int = 0

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """Those of the district and the one of the probes."""
        return (*self.rules, RULE)

    def items(self) -> Iterator[Community | Place | Gateway | Device]:
        """The district's, and the probes behind a gateway of their own."""
        yield from super().items()
        name, community = Text("探针", "Probe"), self.community(0)
        yield Gateway(GATEWAY, community, name)
        for number in range(self.probes):
            yield Device(_probe(number), community, GATEWAY, KIND, name, "b0")


def _probe(number: int) -> str:
    return f"bench-probe-{number:05}"


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from an event to its alert, one for each event, and how many never came. `kept_up`: whether the load did."""

    seconds: Sequence[float]
    lost: int
    kept_up: bool = True

    @property
    def p99_ms(self) -> float:
        """The time that one in a hundred takes longer than, in milliseconds."""
        return percentile(self.seconds, 99) * 1000


def run(base: Settings, load: Load, folder: Path, samples: int) -> tuple[Waits, Waits]:
    """Idle, and under `load` (which is to be paced throughout). LinliError if Linli does not come up."""
    job = generator_job(load)
    fleet = Probed(load.gateways, load.devices, **dict(load.district or {}), probes=2 * (samples + _WARM_UP))  # type: ignore[arg-type]
    with ExitStack() as end:
        generator = Helper("linli.cli.benches.generator", job, folder / "generator.log")
        end.callback(generator.stop)
        linli = end.enter_context(linli_of(base, replace(load, consumers=("rules",)), fleet, folder, None))
        generator.until("ready")
        prober = Prober(linli, fleet.community(0))
        end.callback(prober.close)
        prober.probe(_WARM_UP, 0.05)
        idle = prober.probe(samples, 0.05)
        generator.say(where(linli.settings, fleet))
        ended = threading.Event()
        watching = threading.Thread(target=_until_done, args=(generator, ended), name="generator")
        watching.start()
        sleep(_SETTLE_S)
        prober.probe(_WARM_UP, 0.05)
        loaded = prober.probe(samples, 0.05)
        kept_up = not ended.is_set()
        generator.stop()
        watching.join()
        return idle, replace(loaded, kept_up=kept_up)


def _until_done(generator: Helper, ended: threading.Event) -> None:
    try:
        for _ in generator.lines():
            pass
    except LinliError:
        return  # it was stopped, as it should be
    ended.set()


class Prober:
    """Sends the events and hears the alerts, on two connections of its own."""

    def __init__(self, linli: PrivateLinli, community: str) -> None:
        users = BrokerUsers(DataFolder(linli.settings.data).secrets).all()
        host, port = linli.settings.broker_endpoint
        sender, listener = users[gateway_user(GATEWAY)], users[service_user("tester")]
        self._clock: Clock = linli.clock
        self._community = community
        self._out = LeanConnection(host, port, sender.name, sender.password)
        self._out.subscribe([topics.ack_topic(community, GATEWAY, "+")])
        self._ear = LeanConnection(host, port, listener.name, listener.password)
        self._ear.subscribe([topics.any_alert()])
        self._random = random.Random(1)
        self._next = 0

    def probe(self, samples: int, mean_s: float) -> Waits:
        """So many events, `mean_s` seconds apart on the average."""
        sent: dict[str, float] = {}
        heard: dict[str, float] = {}
        due = monotonic()
        while len(sent) < samples:
            self._hear(heard, until=due)
            name, packet = self._made()
            sent[name] = monotonic()
            self._out.send(packet)
            due += self._random.uniform(0.2, 1.8) * mean_s
        self._hear(heard, until=monotonic() + LONGEST_S, enough=sent)
        waits = [heard[name] - at if name in heard else LONGEST_S for name, at in sent.items()]
        return Waits(waits, sum(name not in heard for name in sent))

    def close(self) -> None:
        """End both connections."""
        self._out.close()
        self._ear.close()

    def _made(self) -> tuple[str, bytes]:
        number, now = self._next, self._clock.now()
        self._next += 1
        message = Message(
            self._community,
            GATEWAY,
            "bench-probe",
            Lane.URGENT,
            number + 1,
            1,
            EVENT,
            _probe(number),
            now,
            now,
        )
        return message.subject, publish_packet(
            topics.lane_topic(self._community, GATEWAY, Lane.URGENT), encode(message)
        )

    def _hear(self, heard: dict[str, float], until: float, enough: dict[str, float] | None = None) -> None:
        while (left := until - monotonic()) > 0 and (enough is None or not enough.keys() <= heard.keys()):
            readable = select.select([self._ear, self._out], [], [], left)[0]
            if self._out in readable:
                self._out.receive()
            if self._ear in readable:
                found = self._ear.receive()
                at = monotonic()
                for _, payload in found:
                    heard.setdefault(decode_notice(payload).subject, at)
