"""What keeps an agent from working, in words and in order: the file, the outbox, the clock, the way to the broker, what is
allowed there, whether anybody acknowledges, and the devices' side.

What cannot be known from here is said to be unknown. Where no agent runs on the outbox, one runs for the check: a heartbeat
of its own is taken, sent and acknowledged end to end, as every event is. Where one runs, its acknowledgements are heard.
An outbox that is not there yet is not made: the agent of the check has one of its own, which is gone afterwards.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.agent import Agent, last_will
from edge.config import Broker, Site, load_site
from edge.mapping import Mapper
from edge.outbox.outbox import OutboxError
from edge.site.findings import Finding, State
from edge.site.machine import (
    check_clock,
    check_outbox,
    check_secrets,
    existing_part,
    judged_clock,
    server_offset,
    unknown_clock,
)
from edge.site.reach import Session, reach, signed_in
from linli import topics
from linli.clock import Clock
from linli.codec import decode_ack
from linli.errors import ConfigError, LinliError, Refused
from linli.i18n import Text
from linli.ports import MqttClient, Will

Connect = Callable[[Broker, str, Will | None], MqttClient]
"""A connection to a broker under a client's name, with a last will: what the composition root gives."""

_REMAINING = {
    "dns": Text("名称解析", "name of the broker"),
    "tcp": Text("端口", "port of the broker"),
    "tls": Text("TLS", "TLS"),
    "sign_in": Text("登录", "sign-in"),
    "permission": Text("权限", "permissions"),
    "consumers": Text("端到端确认", "acknowledgements"),
}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for the broker to let us in, for acknowledgements, and for messages of devices."""

    sign_in: float = 10.0
    answer: float = 15.0
    """An agent that runs is heard within this: it sends a heartbeat every 10 s."""
    listen: float = 3.0


def check(config: Path, connect: Connect, clock: Clock, patience: Patience = Patience()) -> Iterator[Finding]:
    """Every finding, as it is found. Nothing is raised for what is wrong on the site; it is a Finding that is WRONG."""
    try:
        site = load_site(config)
    except ConfigError as error:
        yield Finding("file", State.WRONG, error.text)
        return
    yield Finding(
        "file",
        State.OK,
        Text(
            f"{config} 可用：小区 {site.agent.community}，网关 {site.agent.gateway}",
            f"{config} is in order: compound {site.agent.community}, gateway {site.agent.gateway}",
        ),
    )
    yield from check_secrets(config)
    running = yield from check_outbox(site)
    told = list(check_clock(server_offset(site, clock), clock))
    yield from told
    with _spare_outbox(site, running) as trying:
        heard = yield from _broker(trying, connect, clock, running, patience)
    if not told:
        yield unknown_clock() if heard is None else judged_clock(heard)
    yield from _devices(site, connect, clock, patience)


@contextmanager
def _spare_outbox(site: Site, running: bool | None) -> Iterator[Site]:
    """The site; if its outbox is not there yet, with one for the check alone, which is gone afterwards."""
    if running is None or (site.agent.outbox / "outbox.db").exists():
        yield site
        return
    with TemporaryDirectory(prefix=".linli-check-", dir=existing_part(site.agent.outbox)) as spare:
        yield replace(site, agent=replace(site.agent, outbox=Path(spare) / "outbox"))


# --- Linli's broker ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Answers:
    """Which consumers acknowledged, and by how much our clock was ahead of the server's when they did."""

    heard: set[str]
    offset: int | None = None


def _broker(
    site: Site, connect: Connect, clock: Clock, running: bool | None, patience: Patience
) -> Generator[Finding, None, int | None]:
    """The way to the broker and what comes back; returns by how much the clock is ahead of who acknowledged, if any did."""
    left = list(_REMAINING)
    for finding in reach(site.broker, "", clock.now()):
        yield finding
        left.remove(finding.check)
        if finding.state is State.WRONG:
            yield _skipped(left)
            return None
    if running is None:
        yield _skipped(left)
        return None
    answers = _Answers(set())
    will = None if running else last_will(site.agent, clock)
    try:
        client = connect(site.broker, f"gateway-{site.agent.gateway}", will)
        yield from _talk(site, client, clock, running, answers, patience)
    except LinliError as error:  # the outbox cannot be opened after all
        yield Finding("outbox" if isinstance(error, OutboxError) else "tls", State.WRONG, error.text)
    return answers.offset


def _skipped(names: Sequence[str]) -> Finding:
    zh, en = "、".join(_REMAINING[name].zh for name in names), ", ".join(_REMAINING[name].en for name in names)
    return Finding("rest", State.SKIPPED, Text(f"因此没有检查：{zh}", f"not looked at because of this: {en}"))


def _talk(
    site: Site, client: MqttClient, clock: Clock, running: bool, answers: _Answers, patience: Patience
) -> Iterator[Finding]:
    agent: Agent | None = None

    def note(topic: str, payload: bytes, _retained: bool) -> None:
        try:
            parsed, ack = topics.parse(topic), decode_ack(payload)
        except Refused:
            return
        consumer = parsed.consumer if isinstance(parsed, topics.GatewayTopic) else None
        if consumer in site.agent.consumers and (agent is None or ack.bootid == agent.bootid):
            answers.heard.add(str(consumer))
            if ack.at is not None:
                answers.offset = clock.now() - ack.at

    session = Session(client, note)
    if running:
        session.listen([topics.ack_topic(site.agent.community, site.agent.gateway, "+")], site.agent.qos)
    else:
        agent = Agent(site.agent, session, clock)
        agent.start()
    try:
        let_in = session.wait_let_in(patience.sign_in)
        yield signed_in(session, site.broker, "")
        if not let_in:
            yield _skipped(["permission", "consumers"])
            return
        session.wait_for(lambda: answers.heard >= set(site.agent.consumers), patience.answer)
        yield from _judged(site, session, answers, running)
    finally:
        if agent is not None:
            agent.stop()
        else:
            session.stop()


def _judged(site: Site, session: Session, answers: _Answers, running: bool) -> Iterator[Finding]:
    if session.refused:
        yield Finding(
            "permission",
            State.WRONG,
            Text(
                "消息服务器不许订阅确认消息：这个用户不是此网关的，或权限不全",
                "the broker refuses the subscription of acknowledgements: its user is another gateway's, or lacks rights",
            ),
            Text(
                f"核对 community、gateway 与 username；自备的消息服务器须允许订阅 "
                f"{topics.ack_topic(site.agent.community, site.agent.gateway, '+')}",
                "compare community, gateway and username; a broker of your own has to allow it to subscribe to "
                f"{topics.ack_topic(site.agent.community, site.agent.gateway, '+')}",
            ),
        )
        yield _skipped(["consumers"])
        return
    yield _permission(answers)
    for consumer in site.agent.consumers:
        yield _consumer(consumer, consumer in answers.heard, running, some=bool(answers.heard))


def _permission(answers: _Answers) -> Finding:
    if answers.heard:
        return Finding(
            "permission",
            State.OK,
            Text("可以发布，也收得到确认", "it may publish, and hears acknowledgements"),
        )
    return Finding(
        "permission",
        State.UNKNOWN,
        Text(
            "订阅没有被拒绝；能否发布无从得知，因为 MQTT 不告知被拒的发布，而没有收到任何确认",
            "the subscription was not refused; whether it may publish cannot be known: MQTT does not tell of a publish that "
            "is refused, and no acknowledgement came",
        ),
    )


def _consumer(consumer: str, heard: bool, running: bool, *, some: bool) -> Finding:
    if heard:
        how = (
            Text("确认了正在运行的边缘代理", "acknowledges the agent that runs")
            if running
            else Text("端到端确认了一次心跳", "acknowledged a heartbeat, end to end")
        )
        return Finding("consumers", State.OK, Text(f"{consumer} {how.zh}", f"{consumer} {how.en}"))
    remedy = Text(
        f"服务器上 {consumer} 没有运行或跟不上：在那里执行 linli status",
        f"on the server {consumer} does not run, or is behind: run linli status there",
    )
    if not some:
        remedy = Text(
            "在服务器上执行 linli status，看各进程是否在运行；并核对网关是否登记在这个小区（linli gateway list）、"
            "消息服务器是否允许它发布",
            "run linli status on the server, to see whether its processes run; see whether the gateway is registered in this "
            "compound (linli gateway list), and whether the broker lets it publish",
        )
    return Finding(
        "consumers",
        State.WRONG,
        Text(
            f"{consumer} 没有确认：事件会留在发件箱里，直到它确认",
            f"{consumer} does not acknowledge: events stay in the outbox until it does",
        ),
        remedy,
    )


# --- the devices' side ------------------------------------------------------------------------------------------------


def _devices(site: Site, connect: Connect, clock: Clock, patience: Patience) -> Iterator[Finding]:
    broker = site.device_broker
    if broker is None:
        yield Finding(
            "devices",
            State.MIND,
            Text(
                "没有 device_broker：这个边缘代理听不到任何设备",
                "there is no device_broker: this agent hears no device",
            ),
            Text(
                "在文件中写明 device_broker 与 mappings，例子见 edge/examples",
                "say in the file where devices publish, with device_broker and mappings; see edge/examples",
            ),
        )
        return
    for finding in reach(broker, "device_broker_", clock.now()):
        yield finding
        if finding.state is State.WRONG:
            return
    mapper = Mapper(site.sources)
    wanted = list(broker.topics) or mapper.topics()
    came: list[tuple[str, bytes, bool]] = []
    try:
        client = connect(broker, f"devices-{site.agent.gateway}-check", None)
    except ConfigError as error:
        yield Finding("device_broker_tls", State.WRONG, error.text)
        return
    session = Session(client, lambda topic, payload, retained: came.append((topic, payload, retained)))
    session.listen(wanted, 1)
    try:
        let_in = session.wait_let_in(patience.sign_in)
        yield signed_in(session, broker, "device_broker_")
        if let_in:
            session.wait_for(lambda: False, patience.listen)
    finally:
        session.stop()
    if not let_in:
        return
    if session.refused:
        yield Finding(
            "device_broker_permission",
            State.WRONG,
            Text(
                f"设备一侧的消息服务器不许订阅：{', '.join(wanted)}",
                f"the devices' broker refuses the subscription of {', '.join(wanted)}",
            ),
            Text("在那里给该用户订阅的权限", "grant its user that subscription there"),
        )
        return
    yield from _heard(site, mapper, came, clock, patience.listen)


def _heard(
    site: Site, mapper: Mapper, came: Sequence[tuple[str, bytes, bool]], clock: Clock, listened_s: float
) -> Iterator[Finding]:
    now = clock.now()
    refused = [fault for topic, payload, kept in came for fault in mapper.translate(topic, payload, kept, now).refused]
    unmapped = list(dict.fromkeys(fault.detail for fault in refused if fault.reason == "unmapped_device"))
    said = Text(
        f"{listened_s:.0f} 秒内听到 {len(came)} 条设备消息",
        f"{len(came)} messages of devices came within {listened_s:.0f} s",
    )
    if unmapped:
        names = "; ".join(unmapped[:5])
        yield Finding(
            "devices",
            State.MIND,
            Text(
                f"{said.zh}，其中有 {len(unmapped)} 个设备不在对照表中：{names}",
                f"{said.en}, of {len(unmapped)} devices that are in no mapping: {names}",
            ),
            Text("把要接入的设备写进 mappings 的文件", "put those that are wanted into the mapping file"),
        )
    else:
        yield Finding("devices", State.OK, said)
    mapped = {name for entry in site.sources for name in entry.devices}
    yield Finding(
        "registered",
        State.UNKNOWN,
        Text(
            f"对照表中的 {len(mapped)} 个设备是否都已登记，只有服务器知道",
            f"whether all of the {len(mapped)} mapped devices are registered only the server knows",
        ),
        Text(
            "在服务器上执行 linli deadletters list：没有登记的，其消息在那里，原因是 unregistered_device",
            "run linli deadletters list on the server: what an unregistered one sends is there, as unregistered_device",
        ),
    )
